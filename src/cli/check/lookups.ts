import type { LedgerView, NeighborSnapshot } from '../../bgp/index.ts';
import { type AgentConfig, type LoadedKeypair, loadKeypair, type SourceConfig } from '../../config/index.ts';
import { AgentError, type Clock, type EpochMs, epochMs } from '../../lib/index.ts';
import { openSource } from '../../open-sources.ts';
import {
  createUserViewReader,
  type DeviceAuthority,
  type EndpointProbe,
  type LedgerRpc,
  readDeviceAuthority,
  type SingleEndpoint,
} from '../../rpc/index.ts';
import { Skip } from './step.ts';

/** One reading of one source. */
export interface SourceLook {
  readonly snapshot: NeighborSnapshot;
  readonly durationMs: number;
  /** This host's clock, half-way through the reading. */
  readonly at: EpochMs;
  /** What opening it warned of. */
  readonly warnings: readonly string[];
}

/** What several steps need, each looked up once. All of them throw what went wrong. */
export interface Lookups {
  key(): LoadedKeypair;
  authority(): Promise<DeviceAuthority>;
  view(): Promise<LedgerView>;
  source(source: SourceConfig): Promise<SourceLook>;
  probe(endpoint: SingleEndpoint): Promise<EndpointProbe>;
  /** The genesis hash of the endpoint's cluster. */
  genesisHash(endpoint: SingleEndpoint): Promise<string>;
  /** The same, as something that another step stands on: where it fails, that step is skipped. */
  given<T>(what: string, found: Promise<T>): Promise<T>;
}

export interface LookupsOptions {
  readonly config: AgentConfig;
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  /** Of the whole check: a step that ends early must not take from another what both wait for. */
  readonly signal: AbortSignal;
}

export function createLookups({ config, rpc, clock, signal }: LookupsOptions): Lookups {
  const { device, ledger } = config;
  const query = { rpc, device, programId: ledger.programId };
  const authority = once(() => readDeviceAuthority(query, signal));
  const view = once(() => createUserViewReader({ ...query, clock }).read(signal));
  const sources = new Map<string, () => Promise<SourceLook>>();
  const probes = new Map<SingleEndpoint, () => Promise<EndpointProbe>>();
  const hashes = new Map<SingleEndpoint, () => Promise<string>>();

  async function read(source: SourceConfig): Promise<SourceLook> {
    const warnings: string[] = [];
    const opened = await openSource(source, { clock, warn: (line) => warnings.push(line) });
    try {
      const [startedAt, wall] = [clock.monotonic(), clock.wall()];
      const snapshot = await opened.collect(signal);
      const durationMs = clock.monotonic() - startedAt;
      return { snapshot, durationMs, at: epochMs(wall + durationMs / 2), warnings };
    } finally {
      await opened.close();
    }
  }

  return {
    key() {
      if (config.keypair === undefined) throw new AgentError('CONFIG__KEYPAIR_NOT_NAMED', {});
      return loadKeypair(config.keypair);
    },
    authority,
    view,
    source: (source) => memo(sources, source.name, () => read(source)),
    probe: (endpoint) => memo(probes, endpoint, () => probeWarm(endpoint, signal)),
    genesisHash: (endpoint) => memo(hashes, endpoint, () => endpoint.genesisHash(signal)),
    given: (what, found) =>
      found.catch(() => {
        throw new Skip(`${what} could not be read`);
      }),
  };
}

/** The first request opens the connection; the second tells how long a request takes. */
async function probeWarm(endpoint: SingleEndpoint, signal: AbortSignal): Promise<EndpointProbe> {
  await endpoint.probe(signal);
  return endpoint.probe(signal);
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}

function memo<K, T>(readings: Map<K, () => Promise<T>>, key: K, read: () => Promise<T>): Promise<T> {
  const known = readings.get(key) ?? once(read);
  readings.set(key, known);
  return known();
}

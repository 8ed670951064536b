import type { NeighborKey, NeighborSnapshot } from '../../bgp/index.ts';
import { type Clock, createAbortController, Stopped, withSignals } from '../../lib/index.ts';
import type { Nanoseconds } from '../../serviceability/index.ts';
import type { ShowRunner, SwitchSource } from '../collector.ts';
import { DownReasons } from '../down-reasons.ts';
import { commandError, createEapiClient, type EapiClient } from './client.ts';
import { type EapiCredentials, type EapiTls, parseEapiEndpoint } from './http.ts';
import { RttReader, readSummary, SUMMARY_COMMAND } from './summary.ts';

export interface EapiSourceOptions {
  /** Its name in the configuration. */
  readonly name?: string;
  /** `https://host[:port]`, `http://host[:port]`, `unix:///path` or `grpc://host[:port]`. */
  readonly endpoint: string;
  /** Not used on a Unix socket and over gRPC, where the switch asks for none. */
  readonly credentials?: EapiCredentials;
  /** How an `https` endpoint is verified; by the system's certificate authorities by default. */
  readonly tls?: EapiTls;
  readonly clock: Clock;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer; 4 MiB by default. */
  readonly maxAnswerBytes?: number;
}

/** A kilobyte for each of 4,096 neighbors: four times what EOS writes. */
const MAX_ANSWER_BYTES = 4 << 20;

/** The details of a neighbor that is down take 3 kB. */
const REASONS_PER_POLL = 8;

export type EapiSource = SwitchSource & Required<Pick<SwitchSource, 'readRtts'>>;

/**
 * Reads the switch through eAPI, the JSON-RPC of EOS.
 *
 *   collect  ── show ip bgp summary vrf all ──────────┐             ┌─ auth ─► HTTP ─┐   ┌─ readSummary ──► NeighborSnapshot
 *   readRtts ── show ip bgp neighbors <a> vrf <v> … ──┴─► client ───┴─ gRPC ─────────┴───┴─ collectRtts ──► RTT by neighbor
 *
 * A neighbor that went down without an idle reason costs `collect` one more request, for its last notification.
 *
 * Errors are AgentErrors `EAPI__…` and `GRPC__…`, a signal's own reason, or Stopped once it is closed.
 */
export function createEapiSource(options: EapiSourceOptions): EapiSource {
  return new EapiSwitchSource(options);
}

class EapiSwitchSource implements EapiSource {
  readonly name: string;
  readonly #clock: Clock;
  readonly #endpoint: string;
  readonly #client: EapiClient;
  readonly #rtts: RttReader;
  readonly #downReasons: DownReasons;
  readonly #closing = createAbortController();
  #established = 0;
  #closed: Promise<void> | undefined;

  constructor(options: EapiSourceOptions) {
    const endpoint = parseEapiEndpoint(options.endpoint);
    const { name = 'eapi', clock, maxAnswerBytes = MAX_ANSWER_BYTES } = options;
    this.name = name;
    this.#clock = clock;
    this.#downReasons = new DownReasons({ clock, most: REASONS_PER_POLL });
    this.#endpoint = endpoint.text;
    this.#client = createEapiClient({ ...options, endpoint, maxAnswerBytes });
    this.#rtts = new RttReader({ endpoint: endpoint.text, client: this.#client, established: () => this.#established });
  }

  collect(signal: AbortSignal): Promise<NeighborSnapshot> {
    return this.#untilClosed(signal, (inner) => this.#poll(inner));
  }

  async #poll(signal: AbortSignal): Promise<NeighborSnapshot> {
    const takenAt = this.#clock.monotonic();
    const switchTime = await this.#client.time?.(signal);
    const { results, failure } = await this.#client.run([SUMMARY_COMMAND], signal);
    const [result] = results;
    if (failure !== undefined || result === undefined)
      throw commandError(this.#endpoint, SUMMARY_COMMAND, failure ?? { code: 0, problem: 'no result' });
    const { vrfs, established } = readSummary(result, { endpoint: this.#endpoint, source: this.name, switchTime });
    this.#established = established;
    const read = (neighbors: readonly NeighborKey[], inner: AbortSignal) => this.#rtts.readDownReasons(neighbors, inner);
    return { vrfs: await this.#downReasons.addTo(vrfs, read, signal), takenAt };
  }

  dropCounters(): Readonly<Record<string, number>> {
    return { ...this.#client.counts };
  }

  readRtts(neighbors: readonly NeighborKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>> {
    return this.#untilClosed(signal, (inner) => this.#rtts.read(neighbors, inner));
  }

  close(): Promise<void> {
    this.#closing.abort(new Stopped(`the eAPI source of ${this.#endpoint} is closed`));
    this.#closed ??= this.#client.close();
    return this.#closed;
  }

  async #untilClosed<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted();
    signal.throwIfAborted();
    return withSignals([signal, this.#closing.signal], work);
  }
}

export type EapiShowRunnerOptions = Pick<EapiSourceOptions, 'endpoint' | 'credentials' | 'tls'> & {
  /** Upper bound for one command and its answer, milliseconds. */
  readonly timeoutMs: number;
  /** Upper bound for one answer. */
  readonly maxAnswerBytes: number;
};

/** Show commands through eAPI, with a connection and a login of their own, and without the switch's time in the answers. */
export function createEapiShowRunner(options: EapiShowRunnerOptions): ShowRunner {
  const endpoint = parseEapiEndpoint(options.endpoint);
  const client = createEapiClient({ ...options, endpoint, timestamps: false });
  const closing = createAbortController();
  let closed: Promise<void> | undefined;

  return {
    async run(command, signal) {
      closing.signal.throwIfAborted();
      signal.throwIfAborted();
      return withSignals([signal, closing.signal], (inner) => client.runRaw(command, inner));
    },
    close() {
      closing.abort(new Stopped(`the show commands of ${endpoint.text} are closed`));
      closed ??= client.close();
      return closed;
    },
  };
}

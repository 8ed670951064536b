import { openSource } from '../agent/from-config.ts';
import type { NeighborSnapshot } from '../bgp/index.ts';
import { type AgentConfig, type LoadedKeypair, loadKeypair, type SourceConfig } from '../config/index.ts';
import {
  type AgentError,
  type Clock,
  DeadlineExceeded,
  describeError,
  type EpochMs,
  epochMs,
  isAgentError,
  untilAborted,
  withDeadline,
} from '../lib/index.ts';
import { createUserViewReader, type LedgerRpc, readDeviceAuthority, readNetworkUsers, type SingleEndpoint } from '../rpc/index.ts';
import { askRunningAgent } from './agent-status.ts';

export type CheckState = 'ok' | 'warn' | 'fail' | 'skipped';

/** The result of one step. */
export interface Finding {
  readonly state: CheckState;
  readonly detail: string;
  /** What to do; for `warn` and `fail`. */
  readonly remedy?: string;
}

export interface Step {
  readonly name: string;
  /** Throws AgentError for a failure, Skip where the step does not apply. */
  run(signal: AbortSignal): Finding | Promise<Finding>;
}

/** One step as it is printed. */
export interface CheckEvent {
  readonly event: 'check';
  readonly name: string;
  readonly state: CheckState;
  readonly detail: string;
  readonly remedy: string | null;
}

/** The step needs something that is not configured, or that another step failed to read. */
export class Skip extends Error {
  override readonly name = 'Skip';
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const warn = (detail: string, remedy: string): Finding => ({ state: 'warn', detail, remedy });
export const fail = (detail: string, remedy: string): Finding => ({ state: 'fail', detail, remedy });

const TIMEOUT_REMEDY = 'the network drops packets, or the other side is very slow; check the network and firewalls';
const BUG_REMEDY = 'this is a bug in dzd-telemetry; report it with this line';

/**
 * Runs one step within its deadline and turns every outcome into a finding. Rejects only when `signal` aborts: a step that fails, hangs or
 * throws never hides the others.
 */
export async function runStep({ name, run }: Step, deadlineMs: number, clock: Clock, signal: AbortSignal): Promise<CheckEvent> {
  const finding = await withDeadline(
    deadlineMs,
    signal,
    (inner) =>
      untilAborted(
        Promise.resolve().then(() => run(inner)),
        inner,
      ),
    clock,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    return findingOf(error);
  });
  // The line begins with the name.
  const detail = finding.detail.replaceAll(`the ledger ${name}`, 'it');
  return { event: 'check', name, state: finding.state, detail, remedy: finding.remedy ?? null };
}

function findingOf(error: unknown): Finding {
  if (error instanceof Skip) return { state: 'skipped', detail: error.message };
  if (error instanceof DeadlineExceeded) return fail(error.message, TIMEOUT_REMEDY);
  if (isAgentError(error)) return fail(error.message, error.remedy);
  return fail(describeError(error), BUG_REMEDY);
}

/** One reading of one source. */
interface SourceReading {
  readonly snapshot: NeighborSnapshot;
  readonly durationMs: number;
  /** This host's clock, half-way through the reading. */
  readonly at: EpochMs;
  /** Warnings from opening the source. */
  readonly warnings: readonly string[];
}

export type Lookups = ReturnType<typeof createLookups>;

interface LookupsOptions {
  readonly config: AgentConfig;
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  /** Of the whole check: the deadline of one step must not abort a reading that another step waits for. */
  readonly signal: AbortSignal;
}

/** What several steps need, each read once. All of them throw what went wrong. */
export function createLookups({ config, rpc, clock, signal }: LookupsOptions) {
  const { device, ledger } = config;
  const query = { rpc, device, programId: ledger.programId };
  return {
    /** The key, as `run` loads it. */
    key: (): LoadedKeypair => loadKeypair(config.keypair),
    /** The status of the agent that runs with this configuration. */
    agent: memoize(() => askRunningAgent(config.http, device, signal)),
    authority: memoize(() => readDeviceAuthority(query, signal)),
    view: memoize(() => createUserViewReader({ ...query, clock }).read(signal)),
    source: memoize((source: SourceConfig) => readSource(source, clock, signal)),
    probe: memoize(async (endpoint: SingleEndpoint) => {
      // The first request opens the connection; the second one measures the latency.
      await endpoint.probe(signal);
      return endpoint.probe(signal);
    }),
    /** Whether its slot rises within three seconds; a healthy ledger has seven slots in that time. */
    advances: memoize(async (endpoint: SingleEndpoint) => {
      const { slot } = await endpoint.probe(signal);
      const until = clock.monotonic() + STANDSTILL_MS;
      for (;;) {
        await clock.sleep(REQUEST_PAUSE_MS, signal);
        if ((await endpoint.probe(signal)).slot > slot) return true;
        if (clock.monotonic() >= until) return false;
      }
    }),
    /** The errors with which it refuses the reads of a running agent, by method. */
    refusals: memoize((endpoint: SingleEndpoint) => refusalsOf(endpoint, config, clock, signal)),
    /** The genesis hash of the endpoint's cluster. */
    genesisHash: memoize((endpoint: SingleEndpoint) => endpoint.genesisHash(signal)),
  };
}

/** Any will do: the nodes of a ledger have never seen it. */
const SOME_SIGNATURE = '1'.repeat(64);

async function refusalsOf(
  endpoint: SingleEndpoint,
  { device, ledger: { programId } }: AgentConfig,
  clock: Clock,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, AgentError>> {
  const commitment = { commitment: 'confirmed' };
  const requests: readonly (readonly [method: string, request: () => Promise<unknown>])[] = [
    ['getLatestBlockhash', () => endpoint.call('getLatestBlockhash', [commitment], signal)],
    ['getSignatureStatuses', () => endpoint.call('getSignatureStatuses', [[SOME_SIGNATURE], { searchTransactionHistory: false }], signal)],
    ['getMultipleAccounts', () => endpoint.call('getMultipleAccounts', [[device], { ...commitment, encoding: 'base64' }], signal)],
    ['getBalance', () => endpoint.call('getBalance', [device, commitment], signal)],
    ['getProgramAccounts', () => readNetworkUsers({ endpoints: [endpoint], programId, device }, signal)],
  ];
  const refusals = new Map<string, AgentError>();
  for (const [method, request] of requests) {
    try {
      // The steps of a check ask at the same time: a rate limit that refuses one request may serve the next.
      await request().catch(() => clock.sleep(REQUEST_PAUSE_MS, signal).then(request));
    } catch (error) {
      if (!isAgentError(error)) throw error;
      refusals.set(method, error);
    }
  }
  return refusals;
}

async function readSource(source: SourceConfig, clock: Clock, signal: AbortSignal): Promise<SourceReading> {
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

const STANDSTILL_MS = 3_000;
/** About one slot. */
const REQUEST_PAUSE_MS = 400;

/** Calls `read` once per key. */
function memoize<T, K = void>(read: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const results = new Map<K, Promise<T>>();
  return (key) => {
    const result = results.get(key) ?? read(key);
    results.set(key, result);
    return result;
  };
}

/** The result that this step builds on. Where the reading failed, a step of its own reports that, and this one is skipped. */
export function required<T>(what: string, reading: Promise<T>): Promise<T> {
  return reading.catch(() => {
    throw new Skip(`${what} could not be read`);
  });
}

/** The results of those readings that succeeded, in order. */
export async function fulfilled<T>(readings: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(readings);
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

export function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** At most three of them, and the number of the others. */
export function examples(all: readonly string[]): string {
  const shown = all.slice(0, 3).join(', ');
  return all.length > 3 ? `${shown} and ${all.length - 3} more` : shown;
}

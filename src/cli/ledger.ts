import type { AgentConfig } from '../config/index.ts';
import { type Clock, type EpochMs, epochMs, isAgentError, systemClock } from '../lib/index.ts';
import { span } from '../observability/index.ts';
import { createLedgerRpc, type LedgerRpc, type LedgerRpcOptions, openEndpoints } from '../rpc/index.ts';
import type { Slot } from '../serviceability/index.ts';

/**
 * The ledger of the configuration for one command: with failover, and each endpoint by itself. `endpointTimeoutMs` bounds a request to the latter;
 * `ledger.requestTimeout` by default.
 */
export function openLedger(
  { rpcUrls: urls, programId, requestTimeout }: AgentConfig['ledger'],
  { endpointTimeoutMs = requestTimeout, ...bounds }: Partial<LedgerRpcOptions> & { readonly endpointTimeoutMs?: number } = {},
) {
  const clock = systemClock;
  const rpc = createLedgerRpc({ urls, programId, random: Math.random, clock, requestTimeoutMs: requestTimeout, ...bounds });
  const endpoints = openEndpoints({ urls, clock, timeoutMs: endpointTimeoutMs });
  return { rpc, endpoints, close: () => Promise.all([rpc, ...endpoints].map((each) => each.close())) };
}

/** A newest block that is older than this does not count as now. */
const STANDS_STILL_MS = 60_000;

/** What a reading knows of the ledger's own time. */
export interface LedgerTime {
  /** When the newest block was made, by the ledger's clock; undefined where no endpoint reports it. */
  readonly blockAt: EpochMs | undefined;
  /** How much older the newest block is than now, milliseconds; 0 while that is no more than a minute. */
  readonly behindMs: number;
  /** The end of what the ledger can know: the newest block where it is old, else now. */
  readonly knownUntil: EpochMs;
  /** What a reader has to know; undefined if all is well. */
  readonly note: string | undefined;
}

/** Compares the newest block with this host's clock. A ledger that stands still would keep every record young. Never throws but for an aborted signal. */
export async function readLedgerTime(
  { rpc, slot, clock }: { readonly rpc: Pick<LedgerRpc, 'blockTime'>; readonly slot: Slot; readonly clock: Pick<Clock, 'wall'> },
  signal: AbortSignal,
): Promise<LedgerTime> {
  const blockAt = await blockTimeOf(rpc, slot, signal);
  const now = clock.wall();
  if (blockAt === undefined) {
    const note = `the endpoint does not report the time of slot ${slot}, so a ledger that stands still would go unnoticed`;
    return { blockAt, behindMs: 0, knownUntil: now, note };
  }
  const behindMs = now - blockAt;
  if (behindMs <= STANDS_STILL_MS) return { blockAt, behindMs: 0, knownUntil: epochMs(Math.max(now, blockAt)), note: undefined };
  const note = `the newest block of the ledger, slot ${slot}, is ${span(behindMs)} older than this host's clock: the ledger stands still, the endpoint is behind, or this clock is wrong; nothing since then is known`;
  return { blockAt, behindMs, knownUntil: blockAt, note };
}

/** The block time of a slot; undefined for a slot without a block, from before the node's history, or where no endpoint serves the method. */
export async function blockTimeOf(rpc: Pick<LedgerRpc, 'blockTime'>, slot: Slot, signal: AbortSignal): Promise<EpochMs | undefined> {
  try {
    return await rpc.blockTime(slot, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isAgentError(error)) return undefined;
    throw error;
  }
}

/** Block times to ask for: enough for a good curve, few enough for any endpoint. */
const MOST_SAMPLES = 24;

/**
 * Fills `known` with the block times of some of these slots, spread evenly over them, and removes all others. It requests no block time that `known`
 * has already. Rejects only for an aborted signal.
 */
export async function learnBlockTimes(
  rpc: Pick<LedgerRpc, 'blockTime'>,
  slots: readonly Slot[],
  known: Map<Slot, EpochMs | undefined>,
  signal: AbortSignal,
): Promise<void> {
  const sorted = [...new Set(slots)].sort((a, b) => (a < b ? -1 : 1));
  const count = Math.min(MOST_SAMPLES, sorted.length);
  const chosen = Array.from({ length: count }, (_, at) => sorted[Math.round((at * (sorted.length - 1)) / Math.max(1, count - 1))]);
  const asked = chosen.filter((each) => each !== undefined && !known.has(each)) as readonly Slot[];
  const times = await Promise.all(asked.map((each) => blockTimeOf(rpc, each, signal)));
  for (const [at, each] of asked.entries()) known.set(each, times[at]);
  for (const each of known.keys()) if (!chosen.includes(each)) known.delete(each);
}

/**
 * When a slot was, milliseconds since 1970, by interpolation between slots whose time is known, at least one, and beyond them by `slotTimeMs`: NaN where
 * that is NaN. Pure.
 */
export function slotTimes(known: Iterable<readonly [Slot, number]>, slotTimeMs: number): (slot: Slot) => number {
  const points = [...known].sort(([a], [b]) => (a < b ? -1 : 1));
  return (slot) => {
    const next = points.findIndex(([each]) => each >= slot);
    const [after, before] = [points[next === -1 ? points.length - 1 : next], points[next - 1]];
    if (after === undefined) return Number.NaN;
    const [afterSlot, afterMs] = after;
    if (afterSlot === slot) return afterMs;
    if (before === undefined) return afterMs - Number(afterSlot - slot) * slotTimeMs;
    return before[1] + (Number(slot - before[0]) / Number(afterSlot - before[0])) * (afterMs - before[1]);
  };
}

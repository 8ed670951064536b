import { byUrgency, type StatusIntent } from '../bgp/index.ts';
import { type ComputeRequest, MAX_TRANSACTION_UNITS, maxWritesPerTransaction } from '../serviceability/index.ts';

/** Room above what was measured: account data and log lines differ a little between users. */
const HEADROOM = 1.1;

/**
 * What one status write costs, learned from simulations. The scheduler packs by the units that are asked for, not those consumed, and the
 * payer is write-locked in every transaction of ours: without a limit only eight of them fit into a block.
 */
export interface ComputeModel {
  /** The request for a transaction of `writes` writes; empty until something was learned. */
  request(writes: number): ComputeRequest;
  /** Whether a batch should be simulated before it is sent. */
  readonly needsMeasurement: boolean;
  /** A simulation of `writes` writes consumed `units`. Only ever raises the estimate: a first write to a short account costs more. */
  learn(writes: number, units: number): void;
  /** A transaction ran out of units: measure again before asking for a limit. */
  exceeded(): void;
  /** The program ran out of its 32 KiB heap: ask for the most from now on. */
  needHeap(): void;
}

export function createComputeModel(): ComputeModel {
  let unitsPerWrite: number | undefined;
  let heapBytes: number | undefined;
  return {
    request: (writes) => ({
      ...(unitsPerWrite === undefined ? {} : { unitLimit: Math.min(MAX_TRANSACTION_UNITS, Math.ceil(unitsPerWrite * writes * HEADROOM)) }),
      ...(heapBytes === undefined ? {} : { heapBytes }),
    }),
    get needsMeasurement() {
      return unitsPerWrite === undefined;
    },
    learn(writes, units) {
      if (writes > 0 && Number.isFinite(units) && units > 0) unitsPerWrite = Math.max(unitsPerWrite ?? 0, units / writes);
    },
    exceeded() {
      unitsPerWrite = undefined;
    },
    needHeap() {
      heapBytes = 256 * 1024;
    },
  };
}

/** An intent that waits, and since when it has wanted this status (monotonic milliseconds). */
export interface WaitingIntent {
  readonly intent: StatusIntent;
  readonly since: number;
}

export interface Packed {
  readonly intents: readonly StatusIntent[];
  readonly compute: ComputeRequest;
}

/**
 * Takes the next transaction's worth of what waits: changes oldest first, then due refreshes, then, into the room that is left, ride-alongs
 * with the oldest records. Nothing but ride-alongs makes no transaction (rule 13). `limit` keeps it smaller than what fits.
 */
export function packNext(
  waiting: Iterable<WaitingIntent>,
  compute: Pick<ComputeModel, 'request'>,
  limit = Number.POSITIVE_INFINITY,
): Packed | undefined {
  const size = Math.min(limit, maxWritesPerTransaction(compute.request(1)));
  const first = mostUrgent(waiting, size);
  if (first[0] === undefined || first[0].intent.reason === 'ride-along') return undefined;
  const intents = first.map(({ intent }) => intent);
  return { intents, compute: compute.request(intents.length) };
}

/** The first `count` in order. Thousands may wait, and a transaction takes twenty: nobody sorts the rest for each of them. */
function mostUrgent(waiting: Iterable<WaitingIntent>, count: number): readonly WaitingIntent[] {
  const best: WaitingIntent[] = [];
  for (const candidate of waiting) {
    const last = best.at(-1);
    if (best.length >= count && last !== undefined && byWaiting(candidate, last) >= 0) continue;
    const place = best.findIndex((other) => byWaiting(candidate, other) < 0);
    best.splice(place === -1 ? best.length : place, 0, candidate);
    if (best.length > count) best.pop();
  }
  return best;
}

function byWaiting(a: WaitingIntent, b: WaitingIntent): number {
  const bothChange = a.intent.reason === 'change' && b.intent.reason === 'change';
  return bothChange && a.since !== b.since ? a.since - b.since : byUrgency(a.intent, b.intent);
}

/** With a compute limit, which is the rule once the units are known. */
const WRITES_PER_TRANSACTION = maxWritesPerTransaction({ unitLimit: 1 });

/**
 * Keeps as many ride-alongs as the transactions that go out anyway have room for, and none when none go out (rule 13). Expects the order
 * of `byUrgency`, and keeps it.
 */
export function trimRideAlongs(intents: readonly StatusIntent[]): readonly StatusIntent[] {
  const required = intents.filter(({ reason }) => reason !== 'ride-along').length;
  const room = Math.ceil(required / WRITES_PER_TRANSACTION) * WRITES_PER_TRANSACTION - required;
  return intents.slice(0, required + room);
}

import { byUrgency, type StatusIntent } from '../bgp/index.ts';
import { type ComputeRequest, maxWritesPerTransaction } from '../serviceability/index.ts';
import type { ComputeModel } from './compute-budget.ts';

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

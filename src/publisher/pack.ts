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
  const ordered = [...waiting].sort(byWaiting);
  if (ordered[0] === undefined || ordered[0].intent.reason === 'ride-along') return undefined;
  const size = Math.min(limit, maxWritesPerTransaction(compute.request(1)));
  const intents = ordered.slice(0, size).map(({ intent }) => intent);
  return { intents, compute: compute.request(intents.length) };
}

function byWaiting(a: WaitingIntent, b: WaitingIntent): number {
  const bothChange = a.intent.reason === 'change' && b.intent.reason === 'change';
  return bothChange && a.since !== b.since ? a.since - b.since : byUrgency(a.intent, b.intent);
}

import type { MonotonicMs } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';

/** Writes to one user's record that were not ours, in the last while. */
export interface ForeignWrites {
  readonly count: number;
  readonly lastAt: MonotonicMs;
}

/** After this long without another one they are history. */
const MEMORY_MS = 10 * 60_000;
/** One foreign write is corrected; from the second on somebody else is at work, and is not fought. */
const CONTESTED_FROM = 2;

export interface RecordMove {
  /** last_bgp_reported_at in the view before, and in this one. */
  readonly before: Slot;
  readonly now: Slot;
  /** The newest slot in which a write of ours landed for this user. */
  readonly own: Slot | undefined;
  /** A status of ours is unresolved: the record may have moved by it. */
  readonly inFlight: boolean;
}

/** Whether somebody else has written this user's record since the last view: it moved to a slot in which nothing of ours landed. */
export function isForeignWrite({ before, now, own, inFlight }: RecordMove): boolean {
  return now > before && !inFlight && (own === undefined || now > own);
}

export function advanceForeignWrites(previous: ForeignWrites | undefined, isForeign: boolean, now: MonotonicMs): ForeignWrites | undefined {
  const remembered = previous !== undefined && now - previous.lastAt < MEMORY_MS ? previous : undefined;
  return isForeign ? { count: (remembered?.count ?? 0) + 1, lastAt: now } : remembered;
}

/** Whether two writers disagree about this user: ours then writes as seldom as for a suppressed one. */
export function isContested(writes: ForeignWrites | undefined): boolean {
  return writes !== undefined && writes.count >= CONTESTED_FROM;
}

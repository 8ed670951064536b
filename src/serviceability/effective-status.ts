import type { Nanoseconds, Slot } from './units.ts';
import { BgpStatus, type User } from './user.ts';

/** What it takes to tell a fresh record from a stale one. */
export interface Freshness {
  /** The ledger's slot now: the context of the answer that the user came with, or getSlot. */
  readonly slot: Slot;
  /** Milliseconds a slot, measured (getRecentPerformanceSamples): a cluster's slots are as long as it makes them. */
  readonly slotTimeMs: number;
  /** A record above this age, milliseconds, is stale: more than the writer's refresh interval, which is 1 h with this agent and 6 h upstream. */
  readonly staleAfterMs: number;
}

/**
 * What a user's record is worth at a moment.
 * - up, down: reported, and fresh.
 * - stale: the writer has fallen silent; `last` is what it said then.
 * - never-reported: no writer has spoken of this user since the account was made.
 * - unknown: a fresh report that says neither (a status byte 0, or one that this SDK has no name for).
 */
export type EffectiveBgpStatus =
  | { readonly kind: 'up'; readonly ageMs: number; readonly rttNs?: Nanoseconds }
  | { readonly kind: 'down'; readonly ageMs: number; readonly lastUpAt?: Slot }
  | { readonly kind: 'stale'; readonly ageMs: number; readonly last: 'up' | 'down' | 'unknown' }
  | { readonly kind: 'never-reported' }
  | { readonly kind: 'unknown'; readonly ageMs: number; readonly byte: number };

/** The fields of a User that say how its session is (RFC-19). */
export type BgpRecord = Pick<User, 'bgpStatus' | 'lastBgpUpAt' | 'lastBgpReportedAt' | 'bgpRttNs'>;

/**
 * The status that a reader should believe. A record does not expire by itself: RFC-19 leaves it to the reader to see that nobody has
 * repeated it. A report from a slot after `slot` (the reader's node is behind) counts as new. Pure, and never throws.
 */
export function effectiveBgpStatus(user: BgpRecord, { slot, slotTimeMs, staleAfterMs }: Freshness): EffectiveBgpStatus {
  if (user.lastBgpReportedAt === 0n) return { kind: 'never-reported' };
  const ageMs = user.lastBgpReportedAt >= slot ? 0 : Number(slot - user.lastBgpReportedAt) * slotTimeMs;
  const last = user.bgpStatus === BgpStatus.up ? 'up' : user.bgpStatus === BgpStatus.down ? 'down' : 'unknown';
  // Not a plain comparison: an age that cannot be computed must not pass for fresh.
  if (!(ageMs <= staleAfterMs)) return { kind: 'stale', ageMs, last };
  switch (last) {
    case 'up':
      return { kind: 'up', ageMs, ...(user.bgpRttNs === 0n ? {} : { rttNs: user.bgpRttNs }) };
    case 'down':
      return { kind: 'down', ageMs, ...(user.lastBgpUpAt === 0n ? {} : { lastUpAt: user.lastBgpUpAt }) };
    case 'unknown':
      return { kind: 'unknown', ageMs, byte: user.bgpStatus };
  }
}

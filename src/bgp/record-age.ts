import type { MonotonicMs } from '../platform/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import type { LedgerView } from './ledger-view.ts';

/**
 * Age of a record now, in milliseconds, by measured slot times (rule 12). Infinity when nothing was ever reported; undefined while the length of
 * a slot is not known yet, since a guess could refresh thousands of records for nothing.
 */
export function recordAgeMs(
  reportedAt: Slot,
  view: Pick<LedgerView, 'slot' | 'slotTimeMs' | 'readAt'>,
  now: MonotonicMs,
): number | undefined {
  if (reportedAt === 0n) return Number.POSITIVE_INFINITY;
  if (view.slotTimeMs === undefined) return undefined;
  return Math.max(0, Number(view.slot - reportedAt)) * view.slotTimeMs + Math.max(0, now - view.readAt);
}

/**
 * A share in [0, 1) that is this user's own for ever, so that refreshes spread over time and a restart does not reshuffle them (FNV-1a over
 * the base58 text).
 */
export function jitterShare(user: Address): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01000193);
  }
  // FNV leaves the top bits of short texts poorly mixed; one round of xorshift-multiply mends that.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 4_294_967_296;
}

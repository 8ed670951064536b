import type { MonotonicMs } from '../platform/index.ts';
import type { Address } from '../serviceability/index.ts';
import { isContested } from './foreign-writes.ts';
import type { Observation, UnobservedReason } from './observation.ts';
import type { StatusPolicy } from './policy.ts';
import { jitterShare } from './record-age.ts';
import type { UserTrack } from './track.ts';

/** What the ledger can be told; Unknown is only ever read. */
export type ReportableStatus = 'up' | 'down';
export type LedgerStatus = 'unknown' | ReportableStatus;

/** The ledger's side of one user, as far as the decision needs it. */
export interface UserStatusView {
  readonly pubkey: Address;
  readonly status: LedgerStatus;
  /** By `recordAgeMs`. */
  readonly ageMs: number | undefined;
  readonly activated: boolean;
  /** A status of this user that was sent and is neither landed nor expired: what the ledger may say next (rule 17). */
  readonly inFlight: ReportableStatus | undefined;
}

export type HoldReason =
  | UnobservedReason
  /** Down, but not for long enough, or not seen often enough, to be believed (rule 10). */
  | 'down-unconfirmed'
  /** Never seen up, and new (rule 11). */
  | 'connect-grace'
  /** The account is not Activated (rule 14). */
  | 'not-activated'
  /** The record was written too shortly ago; the newest status waits (rule 16). */
  | 'write-interval'
  /** It flaps, and damping is enforced: it is written seldom (rule 16). */
  | 'damped'
  /** Another writer of the same record disagrees with us: it is not fought. */
  | 'contested';

export type WriteReason = 'change' | 'refresh' | 'ride-along';

export type Decision =
  /** `ride-along` is an offer, not a demand: it goes only where a batch has room (rule 13). */
  | { readonly kind: 'write'; readonly to: ReportableStatus; readonly reason: WriteReason }
  /** Something keeps us from writing, or from knowing. */
  | { readonly kind: 'hold'; readonly because: HoldReason }
  /** The ledger says, or is about to say, what the switch says. */
  | { readonly kind: 'settled' };

const SETTLED: Decision = { kind: 'settled' };

/**
 * Decides what, if anything, this user's ledger record should be told now (rules 9 to 15).
 *
 * Pure: same inputs, same answer. `view` is what the ledger says this tick, so a restart asks for nothing that is already right.
 */
export function decideStatus(
  view: UserStatusView,
  observation: Observation,
  track: UserTrack,
  policy: StatusPolicy,
  now: MonotonicMs,
  lookedAt: MonotonicMs = now,
): Decision {
  switch (observation.kind) {
    case 'unobserved':
      return { kind: 'hold', because: observation.because };
    case 'up':
      return view.activated ? agree('up', view, track, policy) : { kind: 'hold', because: 'not-activated' };
    case 'down':
      return whenDown(view, observation, track, policy, now, lookedAt);
  }
}

function whenDown(
  view: UserStatusView,
  observation: Extract<Observation, { kind: 'down' }>,
  track: UserTrack,
  policy: StatusPolicy,
  now: MonotonicMs,
  lookedAt: MonotonicMs,
): Decision {
  const prospect = view.inFlight ?? view.status;
  if (!view.activated && prospect !== 'up') return { kind: 'hold', because: 'not-activated' };
  if (prospect !== 'down') {
    if (!isBelievable(observation, track, policy, lookedAt)) return { kind: 'hold', because: 'down-unconfirmed' };
    if (prospect === 'unknown' && !track.everUp && now - track.firstSeenAt < policy.connectGraceMs) {
      return { kind: 'hold', because: 'connect-grace' };
    }
  }
  return agree('down', view, track, policy);
}

/**
 * A session that is down is believed on the switch's own word, or when it was seen down often enough for long enough (rule 10): from the end
 * of the first look to the beginning of the last one, so that a slow switch does not lengthen it.
 */
function isBelievable(
  observation: Extract<Observation, { kind: 'down' }>,
  track: UserTrack,
  policy: StatusPolicy,
  lookedAt: MonotonicMs,
): boolean {
  if (observation.at?.sinceMs !== undefined && observation.at.sinceMs >= policy.downGraceMs) return true;
  const run = track.downRun;
  return run !== undefined && run.count >= policy.downConfirmations && lookedAt - run.since >= policy.downGraceMs;
}

function agree(to: ReportableStatus, view: UserStatusView, track: UserTrack, policy: StatusPolicy): Decision {
  if (view.inFlight === to) return SETTLED;
  // What is in flight is a record of no age at all.
  if (view.inFlight !== undefined) return change(to, 0, track, policy);
  if (view.status !== to) return change(to, view.ageMs, track, policy);
  if (view.ageMs === undefined) return SETTLED;
  const early = policy.refreshJitter * jitterShare(view.pubkey);
  if (view.ageMs >= policy.refreshIntervalMs * (1 - early)) return { kind: 'write', to, reason: 'refresh' };
  if (view.ageMs >= policy.refreshIntervalMs * policy.rideAlongAfter) return { kind: 'write', to, reason: 'ride-along' };
  return SETTLED;
}

/** A limit delays: the tick after it ends wants whatever is true then. */
function change(to: ReportableStatus, ageMs: number | undefined, { penalty, foreignWrites }: UserTrack, policy: StatusPolicy): Decision {
  const { damping, minWriteIntervalMs } = policy;
  const age = ageMs ?? Number.POSITIVE_INFINITY;
  if (damping.mode === 'enforce' && penalty?.suppressed === true && age < damping.suppressedIntervalMs)
    return { kind: 'hold', because: 'damped' };
  if (isContested(foreignWrites) && age < damping.suppressedIntervalMs) return { kind: 'hold', because: 'contested' };
  if (age < minWriteIntervalMs) return { kind: 'hold', because: 'write-interval' };
  return { kind: 'write', to, reason: 'change' };
}

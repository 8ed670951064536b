import { atOnce, type MonotonicMs } from '../lib/index.ts';
import { type Address, BgpStatus, type Nanoseconds, type NetworkV4, nanoseconds, type Slot, UserStatus } from '../serviceability/index.ts';
import type { StatusPolicy } from './policy.ts';
import type { LedgerUser, LedgerView, NeighborKey, Observation, UnobservedReason } from './types.ts';
import { accountStateOf, advanceTrack, isContested, type UserTrack } from './user-history.ts';

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
  | { readonly kind: 'hold'; readonly reason: HoldReason }
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
      return { kind: 'hold', reason: observation.reason };
    case 'up':
      return view.activated ? agree('up', view, track, policy) : { kind: 'hold', reason: 'not-activated' };
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
  if (!view.activated && prospect !== 'up') return { kind: 'hold', reason: 'not-activated' };
  if (prospect !== 'down') {
    if (!isBelievable(observation, track, policy, lookedAt)) return { kind: 'hold', reason: 'down-unconfirmed' };
    if (prospect === 'unknown' && !track.everUp && now - track.firstSeenAt < policy.connectGraceMs) {
      return { kind: 'hold', reason: 'connect-grace' };
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
    return { kind: 'hold', reason: 'damped' };
  if (isContested(foreignWrites) && age < damping.suppressedIntervalMs) return { kind: 'hold', reason: 'contested' };
  if (age < minWriteIntervalMs) return { kind: 'hold', reason: 'write-interval' };
  return { kind: 'write', to, reason: 'change' };
}

/** One write that the ledger should see: what `--dry-run` prints and the publisher packs. */
export interface StatusIntent {
  readonly user: Address;
  readonly from: LedgerStatus;
  readonly to: ReportableStatus;
  readonly reason: WriteReason;
  /** Goes with Up only (rule 15); 0 when there is no sample. */
  readonly rttNs: Nanoseconds;
  readonly tunnelNet: NetworkV4;
  /** Where the session was seen; absent for a user whose neighbor the switch does not have. */
  readonly neighbor?: NeighborKey;
  /** Age of the record that this replaces, milliseconds; Infinity when nothing was ever reported. */
  readonly ageMs: number;
  /** The account as it was when this was decided; a user that the program rejected is written at once when this changes (rule 20). */
  readonly accountState: string;
}

export interface DecideInput {
  readonly view: LedgerView;
  readonly observations: ReadonlyMap<Address, Observation>;
  /** What the tick before came to: all that is remembered of each user. */
  readonly before: ReadonlyMap<Address, Pick<UserOutcome, 'track'>>;
  readonly inFlight: ReadonlyMap<Address, ReportableStatus>;
  /** The newest slot in which a write of ours landed, by user; of this process only. */
  readonly confirmedIn: (user: Address) => Slot | undefined;
  readonly policy: StatusPolicy;
  readonly now: MonotonicMs;
  /** When the switch was asked, which may be seconds before `now`; `now` unless told. */
  readonly lookedAt?: MonotonicMs;
}

export interface UserOutcome {
  readonly entry: LedgerUser;
  readonly observation: Observation;
  readonly decision: Decision;
  readonly track: UserTrack;
  readonly newFlaps: number;
  readonly isForeignWrite: boolean;
}

export interface Decided {
  readonly outcomes: ReadonlyMap<Address, UserOutcome>;
  /** Changes, then due refreshes, then ride-alongs; within each the oldest record first. Never ride-alongs alone: they go with others (rule 13). */
  readonly intents: readonly StatusIntent[];
}

/** One tick's decision over all users of the device: a pure function of (observations, ledger view, the tick before, now). */
export function decide(input: DecideInput): Decided {
  return atOnce(decideInSteps(input));
}

/** The same, with a pause after each user for whoever must not be held up by thousands. */
export function* decideInSteps({
  view,
  observations,
  before,
  inFlight,
  confirmedIn,
  policy,
  now,
  lookedAt = now,
}: DecideInput): Generator<void, Decided, void> {
  const outcomes = new Map<Address, UserOutcome>();
  let somethingGoes = false;
  for (const entry of view.users.values()) {
    const { pubkey, user } = entry;
    const observation: Observation = observations.get(pubkey) ?? { kind: 'unobserved', reason: 'switch-not-read' };
    const sent = inFlight.get(pubkey);
    const own = { confirmedIn: confirmedIn(pubkey), inFlight: sent !== undefined };
    const { track, newFlaps, isForeignWrite } = advanceTrack(before.get(pubkey)?.track, entry, observation, own, policy.damping, now);
    const status = ledgerStatus(user.bgpStatus);
    const ageMs = recordAgeMs(user.lastBgpReportedAt, view, now);
    const decision = decideStatus(
      { pubkey, status, ageMs, activated: user.status === UserStatus.activated, inFlight: sent },
      observation,
      track,
      policy,
      now,
      lookedAt,
    );
    outcomes.set(pubkey, { entry, observation, decision, track, newFlaps, isForeignWrite });
    somethingGoes ||= decision.kind === 'write' && decision.reason !== 'ride-along';
    yield;
  }
  const intents: StatusIntent[] = [];
  // For a quarter of each hour every user of a quiet device may ride along, and nothing goes that they could ride with.
  for (const outcome of somethingGoes ? outcomes.values() : []) {
    const intent = intentOf(outcome, view, now);
    if (intent === undefined) continue;
    intents.push(intent);
    yield;
  }
  return { outcomes, intents: intents.sort(byUrgency) };
}

function intentOf({ entry, observation, decision, track }: UserOutcome, view: LedgerView, now: MonotonicMs): StatusIntent | undefined {
  if (decision.kind !== 'write' || observation.kind === 'unobserved') return undefined;
  const { pubkey, user } = entry;
  return {
    user: pubkey,
    from: ledgerStatus(user.bgpStatus),
    to: decision.to,
    reason: decision.reason,
    rttNs: (decision.to === 'up' ? observation.at?.neighbor.rttNs : undefined) ?? nanoseconds(0),
    tunnelNet: track.tunnel?.tunnelNet ?? user.tunnelNet,
    ...(observation.at === undefined ? {} : { neighbor: { vrf: observation.at.vrf, address: observation.at.address } }),
    ageMs: recordAgeMs(user.lastBgpReportedAt, view, now) ?? 0,
    accountState: accountStateOf(user),
  };
}

const RANK = { change: 0, refresh: 1, 'ride-along': 2 } as const;

/** Never NaN: Infinity less Infinity would leave the order to chance. */
export function byUrgency(a: StatusIntent, b: StatusIntent): number {
  const rank = RANK[a.reason] - RANK[b.reason];
  if (rank !== 0) return rank;
  if (a.ageMs === b.ageMs) return a.user < b.user ? -1 : a.user > b.user ? 1 : 0;
  return a.ageMs > b.ageMs ? -1 : 1;
}

export function ledgerStatus(byte: number): LedgerStatus {
  if (byte === BgpStatus.up) return 'up';
  if (byte === BgpStatus.down) return 'down';
  return 'unknown';
}

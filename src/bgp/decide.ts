import { atOnce, type MonotonicMs } from '../lib/index.ts';
import { type Address, BgpStatus, type Nanoseconds, type NetworkV4, nanoseconds, type Slot, UserStatus } from '../serviceability/index.ts';
import type { StatusPolicy } from './policy.ts';
import type { LedgerUser, LedgerView, NeighborKey, Observation, UnobservedReason } from './types.ts';
import { accountStateOf, advanceTrack, isContested, type UserTrack } from './user-history.ts';

/**
 * Age of a record now, in milliseconds, by measured slot times (rule 12). Infinity when nothing was ever reported; undefined until the
 * length of a slot was measured, since a guess could refresh thousands of records for nothing.
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

/** A share in [0, 1), fixed per user, so that refreshes spread over time and a restart does not reshuffle them (FNV-1a over the base58 text). */
export function jitterShare(user: Address): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01000193);
  }
  // FNV leaves the top bits of short texts poorly mixed; one round of xorshift-multiply corrects that.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 4_294_967_296;
}

/** What the program accepts; Unknown is only ever read. */
export type ReportableStatus = 'up' | 'down';
export type LedgerStatus = 'unknown' | ReportableStatus;

/** The ledger's side of one user, as far as the decision needs it. */
export interface UserStatusView {
  readonly pubkey: Address;
  readonly status: LedgerStatus;
  /** By `recordAgeMs`. */
  readonly ageMs: number | undefined;
  readonly activated: boolean;
  /** A status of this user that was sent and is neither confirmed nor expired: the ledger may hold it next (rule 17). */
  readonly inFlight: ReportableStatus | undefined;
}

export type HoldReason =
  | UnobservedReason
  /** Down for less than the grace, or in too few polls (rule 10). */
  | 'down-unconfirmed'
  /** New, and never seen up (rule 11). */
  | 'connect-grace'
  /** The account is not Activated (rule 14). */
  | 'not-activated'
  /** The record is younger than the write interval; the newest status waits (rule 16). */
  | 'write-interval'
  /** It flaps and damping is enforced: at most one write per suppressed interval (rule 16). */
  | 'damped'
  /** Another writer keeps changing this record: at most one write per suppressed interval. */
  | 'contested';

export type WriteReason = 'change' | 'refresh' | 'ride-along';

export type Decision =
  /** `ride-along` is an early refresh: it goes only where a transaction has room (rule 13). */
  | { readonly kind: 'write'; readonly to: ReportableStatus; readonly reason: WriteReason }
  /** A limit, or a missing observation, keeps the agent from writing. */
  | { readonly kind: 'hold'; readonly reason: HoldReason }
  /** The record agrees with the switch, or a write in flight will make it so. */
  | { readonly kind: 'settled' };

const SETTLED: Decision = { kind: 'settled' };

/**
 * Decides whether this user's ledger record needs a write, and which (rules 9 to 15).
 *
 * Pure. `view` is the record as the ledger holds it, never a memory of what was sent, so a restart writes nothing that is already right.
 */
export function decideStatus(
  view: UserStatusView,
  observation: Observation,
  track: UserTrack,
  policy: StatusPolicy,
  now: MonotonicMs,
  polledAt: MonotonicMs = now,
): Decision {
  switch (observation.kind) {
    case 'unobserved':
      return { kind: 'hold', reason: observation.reason };
    case 'up':
      return view.activated ? writeIfDue('up', view, track, policy) : { kind: 'hold', reason: 'not-activated' };
    case 'down':
      return decideDown(view, observation, track, policy, now, polledAt);
  }
}

function decideDown(
  view: UserStatusView,
  observation: Extract<Observation, { kind: 'down' }>,
  track: UserTrack,
  policy: StatusPolicy,
  now: MonotonicMs,
  polledAt: MonotonicMs,
): Decision {
  const upcoming = view.inFlight ?? view.status;
  if (!view.activated && upcoming !== 'up') return { kind: 'hold', reason: 'not-activated' };
  if (upcoming !== 'down') {
    if (!isDownConfirmed(observation, track, policy, polledAt)) return { kind: 'hold', reason: 'down-unconfirmed' };
    if (upcoming === 'unknown' && !track.everUp && now - track.firstSeenAt < policy.connectGraceMs) {
      return { kind: 'hold', reason: 'connect-grace' };
    }
  }
  return writeIfDue('down', view, track, policy);
}

/**
 * A Down is confirmed when the switch itself reports it for the grace, or when enough polls in a row span the grace (rule 10). The span runs from
 * the end of the first poll to the beginning of the last one, so a slow switch does not lengthen it.
 */
function isDownConfirmed(
  observation: Extract<Observation, { kind: 'down' }>,
  track: UserTrack,
  policy: StatusPolicy,
  polledAt: MonotonicMs,
): boolean {
  if (observation.at?.sinceMs !== undefined && observation.at.sinceMs >= policy.downGraceMs) return true;
  const run = track.downRun;
  return run !== undefined && run.count >= policy.downConfirmations && polledAt - run.since >= policy.downGraceMs;
}

function writeIfDue(to: ReportableStatus, view: UserStatusView, track: UserTrack, policy: StatusPolicy): Decision {
  if (view.inFlight === to) return SETTLED;
  // A write in flight makes a record of age 0.
  if (view.inFlight !== undefined) return writeChange(to, 0, track, policy);
  if (view.status !== to) return writeChange(to, view.ageMs, track, policy);
  if (view.ageMs === undefined) return SETTLED;
  const early = policy.refreshJitter * jitterShare(view.pubkey);
  if (view.ageMs >= policy.refreshIntervalMs * (1 - early)) return { kind: 'write', to, reason: 'refresh' };
  if (view.ageMs >= policy.refreshIntervalMs * policy.rideAlongAfter) return { kind: 'write', to, reason: 'ride-along' };
  return SETTLED;
}

/** A limit delays: the first tick after it decides on what the switch shows then. */
function writeChange(
  to: ReportableStatus,
  ageMs: number | undefined,
  { penalty, foreignWrites }: UserTrack,
  policy: StatusPolicy,
): Decision {
  const { damping, minWriteIntervalMs } = policy;
  const age = ageMs ?? Number.POSITIVE_INFINITY;
  if (damping.mode === 'enforce' && penalty?.suppressed === true && age < damping.suppressedIntervalMs)
    return { kind: 'hold', reason: 'damped' };
  if (isContested(foreignWrites) && age < damping.suppressedIntervalMs) return { kind: 'hold', reason: 'contested' };
  if (age < minWriteIntervalMs) return { kind: 'hold', reason: 'write-interval' };
  return { kind: 'write', to, reason: 'change' };
}

/** One write to the ledger: what `--dry-run` prints and the publisher packs. */
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
  /** The account at the decision; a user that the program rejected is tried again at once when this changes (rule 20). */
  readonly accountState: string;
}

export interface DecideInput {
  readonly view: LedgerView;
  readonly observations: ReadonlyMap<Address, Observation>;
  /** The outcomes of the tick before: all that the agent remembers of each user. */
  readonly before: ReadonlyMap<Address, Pick<UserOutcome, 'track'>>;
  readonly inFlight: ReadonlyMap<Address, ReportableStatus>;
  /** The newest slot in which this process had a write of that user confirmed. */
  readonly confirmedIn: (user: Address) => Slot | undefined;
  readonly policy: StatusPolicy;
  readonly now: MonotonicMs;
  /** When the switch was polled, which may be seconds before `now`; `now` by default. */
  readonly polledAt?: MonotonicMs;
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
  polledAt = now,
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
      polledAt,
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

/** Changes, then due refreshes, then early ones; within each the oldest record first. Never NaN: Infinity less Infinity is. */
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

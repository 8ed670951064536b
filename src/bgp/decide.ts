import { type MonotonicMs, monotonicMs } from '../lib/index.ts';
import { type Address, BgpStatus, type Nanoseconds, type NetworkV4, nanoseconds, type Slot, UserStatus } from '../serviceability/index.ts';
import { msUntilReuse } from './damping.ts';
import type { LedgerUser, LedgerView, NeighborKey, Observation, StatusPolicy, UnobservedReason } from './types.ts';
import { accountStateOf, advanceTrack, isContested, type UserTrack } from './user-history.ts';

/**
 * Age of a record now, in milliseconds, by measured slot times (rule 12). Infinity when nothing was ever reported; undefined until the
 * length of a slot was measured, since a guess could refresh thousands of records for nothing. A ledger that stands still does not keep them young.
 */
export function recordAgeMs(
  reportedAt: Slot,
  view: Pick<LedgerView, 'slot' | 'slotTimeMs' | 'readAt' | 'slotAt'>,
  now: MonotonicMs,
): number | undefined {
  if (reportedAt === 0n) return Number.POSITIVE_INFINITY;
  if (view.slotTimeMs === undefined) return undefined;
  return Math.max(0, Number(view.slot - reportedAt)) * view.slotTimeMs + Math.max(0, now - (view.slotAt ?? view.readAt));
}

/**
 * When the present record of a user was made: the earliest time that slots have named while this process has seen it. So it does not look younger
 * after a halt of the ledger. It is not before `writtenAfter`, because a node that names slots far ahead makes every record look old.
 */
function recordedAt({ user }: LedgerUser, track: UserTrack | undefined, { view, now }: DecideInput): MonotonicMs | undefined {
  const known = track?.account.lastBgpReportedAt === user.lastBgpReportedAt ? track : undefined;
  const ageMs = recordAgeMs(user.lastBgpReportedAt, view, now);
  if (ageMs === undefined) return known?.recordedAt;
  const earliest = Math.min(known?.recordedAt ?? Number.POSITIVE_INFINITY, now - ageMs);
  return monotonicMs(Math.max(known?.writtenAfter ?? earliest, earliest));
}

/** Age of a user's record by `recordedAt`, milliseconds: Infinity when nothing was ever reported, undefined until the length of a slot was measured. */
export function watchedAgeMs({ recordedAt }: Pick<UserTrack, 'recordedAt'>, now: MonotonicMs): number | undefined {
  return recordedAt === undefined ? undefined : now - recordedAt;
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
interface UserRecord {
  readonly pubkey: Address;
  readonly status: LedgerStatus;
  /** By `recordAgeMs`. */
  readonly ageMs: number | undefined;
  /** By `watchedAgeMs`. */
  readonly refreshAgeMs: number | undefined;
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

type WriteReason = 'change' | 'refresh' | 'ride-along';

export type Decision =
  /** `ride-along` is an early refresh: it goes only where a transaction has room (rule 13). */
  | { readonly kind: 'write'; readonly to: ReportableStatus; readonly reason: WriteReason }
  /** A limit, or a missing observation, keeps the agent from writing. `until`: when a poll can decide otherwise, because a grace or an interval ends. */
  | { readonly kind: 'hold'; readonly reason: HoldReason; readonly until?: MonotonicMs }
  /** The record agrees with the switch, or a write in flight will make it so. */
  | { readonly kind: 'settled' };

const SETTLED: Decision = { kind: 'settled' };

/**
 * Decides whether this user's ledger record needs a write, and which (rules 9 to 15). `record` is what the ledger holds, never a memory of what was
 * sent, so a restart writes nothing that is already right.
 */
function decideStatus(record: UserRecord, observation: Observation, track: UserTrack, input: DecideInput): Decision {
  switch (observation.kind) {
    case 'unobserved':
      return { kind: 'hold', reason: observation.reason };
    case 'up':
      return record.activated ? writeIfDue('up', record, track, input) : { kind: 'hold', reason: 'not-activated' };
    case 'down':
      return decideDown(record, observation, track, input);
  }
}

type DownObservation = Extract<Observation, { kind: 'down' }>;

function decideDown(record: UserRecord, observation: DownObservation, track: UserTrack, input: DecideInput): Decision {
  const { policy, now } = input;
  const upcoming = record.inFlight ?? record.status;
  if (!record.activated && upcoming !== 'up') return { kind: 'hold', reason: 'not-activated' };
  if (upcoming !== 'down') {
    const confirmedAt = downConfirmedAt(observation, track, input);
    if (confirmedAt !== undefined) return { kind: 'hold', reason: 'down-unconfirmed', until: confirmedAt };
    const graceEndsAt = track.firstSeenAt + policy.connectGraceMs;
    if (upcoming === 'unknown' && !track.everUp && now < graceEndsAt) {
      return { kind: 'hold', reason: 'connect-grace', until: monotonicMs(graceEndsAt) };
    }
  }
  return writeIfDue('down', record, track, input);
}

/** Between the polls that confirm a Down once its grace is over, milliseconds. */
const CONFIRMATION_INTERVAL_MS = 1_000;
/** By the switch's clock a grace ends a little later than by ours, as timers fire early and clocks drift. */
const CLOCK_MARGIN_MS = 20;

/**
 * A Down is confirmed when the switch itself reports it for the grace, or when enough polls in a row span the grace (rule 10). The span runs from
 * the end of the first poll to the beginning of the last one, so a slow switch does not lengthen it. Undefined when it is confirmed, else when the
 * next poll should begin: the polls that are still needed spread over the rest of the grace.
 */
function downConfirmedAt(
  { at }: DownObservation,
  { downRun }: UserTrack,
  { policy, now, polledAt = now }: DecideInput,
): MonotonicMs | undefined {
  const { downGraceMs, downConfirmations } = policy;
  const { since = now, count = 0 } = downRun ?? {};
  const leftBySwitch = at?.sinceMs === undefined ? Number.POSITIVE_INFINITY : downGraceMs - at.sinceMs;
  // The end of the only poll lies after its beginning.
  const leftByPolls = downGraceMs - Math.max(0, polledAt - since);
  const pollsLeft = downConfirmations - count;
  if (leftBySwitch <= 0 || (leftByPolls <= 0 && pollsLeft <= 0)) return undefined;
  const nextPoll = leftByPolls > 0 ? Math.max(polledAt, since) + leftByPolls / Math.max(1, pollsLeft) : now + CONFIRMATION_INTERVAL_MS;
  return monotonicMs(Math.min(nextPoll, polledAt + leftBySwitch + CLOCK_MARGIN_MS));
}

function writeIfDue(to: ReportableStatus, record: UserRecord, track: UserTrack, { policy, now }: DecideInput): Decision {
  if (record.inFlight === to) return SETTLED;
  // A write in flight makes a record of age 0.
  if (record.inFlight !== undefined) return writeChange(to, 0, track, policy, now);
  if (record.status !== to) return writeChange(to, record.ageMs, track, policy, now);
  if (isRefreshDue(record, policy)) return { kind: 'write', to, reason: 'refresh' };
  const isEarly = record.refreshAgeMs !== undefined && record.refreshAgeMs >= policy.refreshIntervalMs * policy.rideAlongAfter;
  return isEarly ? { kind: 'write', to, reason: 'ride-along' } : SETTLED;
}

function isRefreshDue({ pubkey, refreshAgeMs: ageMs }: UserRecord, { refreshIntervalMs, refreshJitter }: StatusPolicy): boolean {
  return ageMs !== undefined && ageMs >= refreshIntervalMs * (1 - refreshJitter * jitterShare(pubkey));
}

/** A limit delays: the first tick after it decides on what the switch shows then. */
function writeChange(
  to: ReportableStatus,
  ageMs = Number.POSITIVE_INFINITY,
  { penalty, foreignWrites }: UserTrack,
  { damping, minWriteIntervalMs }: StatusPolicy,
  now: MonotonicMs,
): Decision {
  const hold = (reason: HoldReason, forMs: number): Decision => ({ kind: 'hold', reason, until: monotonicMs(now + forMs) });
  const suppressedForMs = damping.suppressedIntervalMs - ageMs;
  if (damping.mode === 'enforce' && penalty?.suppressed === true && suppressedForMs > 0) {
    return hold('damped', Math.min(suppressedForMs, penalty.at + msUntilReuse(penalty, damping) - now));
  }
  if (isContested(foreignWrites) && suppressedForMs > 0) return hold('contested', suppressedForMs);
  if (ageMs < minWriteIntervalMs) return hold('write-interval', minWriteIntervalMs - ageMs);
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

/** What a tick decides on. All of it stays as it is while users are decided one after another. */
export interface DecideInput {
  readonly view: LedgerView;
  readonly observations: ReadonlyMap<Address, Observation>;
  /** The outcomes of the tick before: all that the agent remembers of each user. */
  readonly before: ReadonlyMap<Address, Pick<UserOutcome, 'track'>>;
  /** The view of the tick before. */
  readonly viewBefore?: Pick<LedgerView, 'readAt'>;
  readonly inFlight: ReadonlyMap<Address, ReportableStatus>;
  /** Whether this status of that user's record, of this slot, is or may be a write of this process. */
  readonly isOwnWrite: (user: Address, status: LedgerStatus, slot: Slot) => boolean;
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

/** The decision of one user, and its history up to now. Pure. */
export function decideUser(entry: LedgerUser, input: DecideInput): UserOutcome {
  const { before, viewBefore, isOwnWrite, inFlight, policy, now } = input;
  const { pubkey, user } = entry;
  const observation = input.observations.get(pubkey) ?? { kind: 'unobserved', reason: 'switch-not-read' };
  // A status that is unresolved may be what moved the record.
  const isOwn = (): boolean => inFlight.has(pubkey) || isOwnWrite(pubkey, ledgerStatus(user.bgpStatus), user.lastBgpReportedAt);
  const step = advanceTrack(before.get(pubkey)?.track, entry, observation, isOwn, policy.damping, now, viewBefore?.readAt);
  const track = withRecordedAt(step.track, recordedAt(entry, step.track, input));
  return { entry, observation, decision: decideStatus(recordOf(entry, track, input), observation, track, input), ...step, track };
}

/** The same object where nothing changes. */
function withRecordedAt(track: UserTrack, at: MonotonicMs | undefined): UserTrack {
  return at === track.recordedAt ? track : { ...track, recordedAt: at };
}

function recordOf(entry: LedgerUser, track: UserTrack | undefined, input: DecideInput): UserRecord {
  const { pubkey, user } = entry;
  const { view, inFlight, now } = input;
  return {
    pubkey,
    status: ledgerStatus(user.bgpStatus),
    ageMs: recordAgeMs(user.lastBgpReportedAt, view, now),
    refreshAgeMs: watchedAgeMs({ recordedAt: recordedAt(entry, track, input) }, now),
    activated: user.status === UserStatus.activated,
    inFlight: inFlight.get(pubkey),
  };
}

/**
 * Whether this user may need a write: its session differs from its record, or its record is due. Never false for a user that `decideUser` writes,
 * and true also for one that a grace or a limit holds; cheap enough to ask before the ledger is read again for the decision.
 */
export function mayNeedWrite(entry: LedgerUser, input: DecideInput): boolean {
  const observation = input.observations.get(entry.pubkey);
  if (observation === undefined || observation.kind === 'unobserved') return false;
  const record = recordOf(entry, input.before.get(entry.pubkey)?.track, input);
  const upcoming = record.inFlight ?? record.status;
  if (!record.activated && (observation.kind === 'up' || upcoming !== 'up')) return false;
  return upcoming !== observation.kind || (record.inFlight === undefined && isRefreshDue(record, input.policy));
}

/** The writes of these outcomes, in their order: the packer knows which go first. */
export function intentsOf(outcomes: ReadonlyMap<Address, UserOutcome>, { now }: Pick<DecideInput, 'now'>): StatusIntent[] {
  const intents: StatusIntent[] = [];
  for (const { entry, observation, decision, track } of outcomes.values()) {
    if (decision.kind !== 'write' || observation.kind === 'unobserved') continue;
    const { pubkey, user } = entry;
    const { at } = observation;
    intents.push({
      user: pubkey,
      from: ledgerStatus(user.bgpStatus),
      to: decision.to,
      reason: decision.reason,
      rttNs: (decision.to === 'up' ? at?.neighbor.rttNs : undefined) ?? nanoseconds(0),
      tunnelNet: track.tunnel?.tunnelNet ?? user.tunnelNet,
      neighbor: at === undefined ? undefined : { vrf: at.vrf, address: at.address },
      ageMs: watchedAgeMs(track, now) ?? 0,
      accountState: accountStateOf(user),
    });
  }
  return intents;
}

export function ledgerStatus(byte: number): LedgerStatus {
  if (byte === BgpStatus.up) return 'up';
  if (byte === BgpStatus.down) return 'down';
  return 'unknown';
}

interface MassDown {
  readonly wentDown: readonly Address[];
  readonly wereUp: number;
}

/**
 * Whether so many of the users that were up read down at once that the switch, not the users, is the likelier cause (rule 8).
 * `wasUp` is by the last observation of this process, or before there is one, by the ledger.
 */
export function detectMassDown(
  observations: ReadonlyMap<Address, Observation>,
  wasUp: (user: Address) => boolean,
  policy: Pick<StatusPolicy, 'massDownShare' | 'massDownMinimum'>,
): MassDown | undefined {
  const wentDown: Address[] = [];
  let wereUp = 0;
  for (const [user, observation] of observations) {
    if (!wasUp(user)) continue;
    wereUp += 1;
    if (observation.kind === 'down') wentDown.push(user);
  }
  const suspicious = wentDown.length >= policy.massDownMinimum && wentDown.length >= wereUp * policy.massDownShare;
  return suspicious ? { wentDown, wereUp } : undefined;
}

/**
 * The observations of the mass after the confirmation poll: down where that poll sees down, up where it sees up, else unobserved.
 */
export function reconcileMassDown(
  { wentDown }: MassDown,
  confirmationPoll: ReadonlyMap<Address, Observation> | undefined,
): ReadonlyMap<Address, Observation> {
  return new Map(
    wentDown.map((user): [Address, Observation] => {
      const again = confirmationPoll?.get(user);
      return [user, again === undefined || again.kind === 'unobserved' ? { kind: 'unobserved', reason: 'mass-down-unconfirmed' } : again];
    }),
  );
}

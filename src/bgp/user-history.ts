import type { EpochMs, MonotonicMs } from '../lib/index.ts';
import { formatNetworkV4, tunnelSides, type User } from '../serviceability/index.ts';
import { advancePenalty, type DampingPolicy, type FlapPenalty } from './damping.ts';
import type { Tunnel } from './observe.ts';
import type { LedgerUser, Neighbor, Observation } from './types.ts';

/** Recent writes of another writer to one user's record. */
interface ForeignWrites {
  readonly count: number;
  readonly lastAt: MonotonicMs;
}

/** Foreign writes are forgotten after this long without another one. */
const MEMORY_MS = 10 * 60_000;
/** One foreign write is corrected; from the second on there is another writer, and the record is contested. */
const CONTESTED_FROM = 2;

function advanceForeignWrites(previous: ForeignWrites | undefined, isForeign: boolean, now: MonotonicMs): ForeignWrites | undefined {
  const remembered = previous !== undefined && now - previous.lastAt < MEMORY_MS ? previous : undefined;
  return isForeign ? { count: (remembered?.count ?? 0) + 1, lastAt: now } : remembered;
}

/** Whether two writers disagree about this user: it is then written as seldom as a suppressed one. */
export function isContested(writes: ForeignWrites | undefined): boolean {
  return writes !== undefined && writes.count >= CONTESTED_FROM;
}

/**
 * What this process remembers of one user between ticks: what the switch showed, never what was sent (rule 9). A restart loses no more than the
 * down observations that were counted so far.
 */
export interface UserTrack {
  /** The account in the last tick; the same object means that nothing of it has changed. */
  readonly account: User;
  /** When this process first saw this user on the ledger. */
  readonly firstSeenAt: MonotonicMs;
  /** When the last view was read that did not have the present record: it is younger than that, whatever slots say. */
  readonly writtenAfter?: MonotonicMs;
  /** When the present record was made, by `recordedAt`. */
  readonly recordedAt?: MonotonicMs;
  /** Whether this process has seen it up. */
  readonly everUp: boolean;
  /** The current run of down observations; an up, or a tick without observation, ends it. */
  readonly downRun?: { readonly since: MonotonicMs; readonly count: number };
  readonly lastSeen?: 'up' | 'down';
  /** Whose time and counter these are: another source, table or VRF has others (rule 7). */
  readonly readFrom?: string;
  readonly changedAt?: EpochMs;
  readonly establishedTransitions?: number;
  /** Transitions seen or inferred, ever. */
  readonly flaps: number;
  /** Absent while the user does not flap. */
  readonly penalty?: FlapPenalty;
  readonly foreignWrites?: ForeignWrites;
  /** The last tunnel that the account named: a ban zeroes it, and the session must still be found. */
  readonly tunnel?: Tunnel;
}

interface TrackStep {
  readonly track: UserTrack;
  /** Transitions since the last observation, hidden ones included (rule 7). */
  readonly newFlaps: number;
  /** Another writer has changed this user's record since the last view. */
  readonly isForeignWrite: boolean;
}

/** Whether it is still the same user, or another one at its address: deleted and created again, or moved. */
function isSameUser(before: User, now: User): boolean {
  const { owner, devicePk, tenantPk, userType } = before;
  return owner === now.owner && devicePk === now.devicePk && tenantPk === now.tenantPk && userType === now.userType;
}

/** Whether another writer has changed this record since the last view: it moved, and not by a write of this process. */
function isForeignWrite(before: User, now: User, isOwn: () => boolean): boolean {
  return isSameUser(before, now) && now.lastBgpReportedAt > before.lastBgpReportedAt && !isOwn();
}

/** The fields that the program validates, and none that a status write changes (rule 20). */
export function accountStateOf(user: User): string {
  const { owner, devicePk, tenantPk, userType, status, clientIp, dzIp, tunnelId, tunnelNet, tunnelEndpoint } = user;
  return [owner, devicePk, tenantPk, userType, status, clientIp, dzIp, tunnelId, formatNetworkV4(tunnelNet), tunnelEndpoint].join('|');
}

/** The history of a user after this tick's observation. Pure. */
export function advanceTrack(
  previous: UserTrack | undefined,
  entry: LedgerUser,
  observation: Observation,
  /** Whether the record, as it is, is or may be a write of this process. */
  isOwn: () => boolean,
  damping: DampingPolicy,
  now: MonotonicMs,
  /** When the view of the tick before was read. */
  viewBeforeAt?: MonotonicMs,
): TrackStep {
  const base = continueOrBegin(previous, entry, now, viewBeforeAt);
  const isForeign = previous !== undefined && isForeignWrite(previous.account, entry.user, isOwn);
  const { track, newFlaps } =
    observation.kind === 'unobserved' ? { track: withoutDownRun(base), newFlaps: 0 } : advanceObserved(base, observation, now);
  const penalty = advancePenalty(base.penalty, newFlaps, now, damping);
  const foreignWrites = advanceForeignWrites(base.foreignWrites, isForeign, now);
  return { track: withPenaltyAndWrites(track, penalty, foreignWrites), newFlaps, isForeignWrite: isForeign };
}

/** The same object where nothing changes, as nearly always. */
function withPenaltyAndWrites(track: UserTrack, penalty: FlapPenalty | undefined, foreignWrites: ForeignWrites | undefined): UserTrack {
  return penalty === track.penalty && foreignWrites === track.foreignWrites ? track : { ...track, penalty, foreignWrites };
}

function advanceObserved(
  base: UserTrack,
  observation: Exclude<Observation, { kind: 'unobserved' }>,
  now: MonotonicMs,
): { track: UserTrack; newFlaps: number } {
  const { at } = observation;
  const readFrom = at === undefined ? base.readFrom : [at.source, at.table, at.vrf].join(' ');
  const comparable: UserTrack =
    readFrom === base.readFrom ? base : { ...base, readFrom, changedAt: undefined, establishedTransitions: undefined };
  if (observation.kind === 'up' && isUnchanged(comparable, observation.at.neighbor)) return { track: comparable, newFlaps: 0 };
  const newFlaps = countFlaps(comparable, observation);
  const neighbor = at?.neighbor;
  const isUp = observation.kind === 'up';
  // A session that came up and went down again between two polls begins a new run. Another source cannot rule that out.
  const run = newFlaps > 0 || readFrom !== base.readFrom ? undefined : base.downRun;
  const track: UserTrack = {
    ...comparable,
    everUp: base.everUp || isUp,
    downRun: isUp ? undefined : { since: run?.since ?? now, count: (run?.count ?? 0) + 1 },
    lastSeen: observation.kind,
    flaps: base.flaps + newFlaps,
    changedAt: neighbor?.changedAt ?? comparable.changedAt,
    establishedTransitions: neighbor?.establishedTransitions ?? comparable.establishedTransitions,
  };
  return { track, newFlaps };
}

/** An established session that has not changed: nearly every user, nearly every tick. */
function isUnchanged({ lastSeen, changedAt, establishedTransitions }: UserTrack, neighbor: Neighbor): boolean {
  if (lastSeen !== 'up' || (neighbor.changedAt ?? changedAt) !== changedAt) return false;
  return (neighbor.establishedTransitions ?? establishedTransitions) === establishedTransitions;
}

function continueOrBegin(
  previous: UserTrack | undefined,
  entry: LedgerUser,
  now: MonotonicMs,
  viewBeforeAt: MonotonicMs | undefined,
): UserTrack {
  if (previous?.account === entry.user) return previous;
  const account = entry.user;
  // The slot of the last report goes back only when the account was created again.
  const recreated =
    previous === undefined || !isSameUser(previous.account, account) || account.lastBgpReportedAt < previous.account.lastBgpReportedAt;
  const named = tunnelSides(account.tunnelNet) !== undefined;
  const tunnel = named ? { tunnelNet: account.tunnelNet, tunnelId: account.tunnelId } : recreated ? undefined : previous.tunnel;
  if (recreated) return { account, firstSeenAt: now, everUp: false, flaps: 0, tunnel };
  const isWritten = account.lastBgpReportedAt > previous.account.lastBgpReportedAt;
  const { writtenAfter, recordedAt } = isWritten ? { writtenAfter: viewBeforeAt } : previous;
  if (previous.tunnel !== undefined && !sameTunnel(previous.tunnel, tunnel)) {
    // Another tunnel is another session: the observations of the old one do not count for it.
    return { account, firstSeenAt: now, writtenAfter, recordedAt, everUp: previous.everUp, flaps: previous.flaps, tunnel };
  }
  return { ...previous, account, writtenAfter, recordedAt, tunnel };
}

export function sameTunnel(a: Tunnel | undefined, b: Tunnel | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.tunnelId === b.tunnelId && formatNetworkV4(a.tunnelNet) === formatNetworkV4(b.tunnelNet);
}

/** Ends the run of down observations; the same object where there is none. */
export function withoutDownRun(track: UserTrack): UserTrack {
  return track.downRun === undefined ? track : { ...track, downRun: undefined };
}

function countFlaps(track: UserTrack, observation: Exclude<Observation, { kind: 'unobserved' }>): number {
  if (track.lastSeen === undefined) return 0;
  const at = observation.at;
  const counter = at?.neighbor.establishedTransitions;
  const rises = counter === undefined || track.establishedTransitions === undefined ? 0 : counter - track.establishedTransitions;
  const visible = track.lastSeen === observation.kind ? 0 : 1;
  // Each rise of the counter is one transition to Established, and before or after each the session went down.
  if (rises > 0) return 2 * rises + (observation.kind === 'down' ? visible : -visible);
  if (visible > 0) return visible;
  const moved =
    at?.neighbor.changedAt !== undefined &&
    track.changedAt !== undefined &&
    Math.abs(at.neighbor.changedAt - track.changedAt) > at.changedAtToleranceMs;
  return moved ? 2 : 0;
}

import type { EpochMs, MonotonicMs } from '../lib/index.ts';
import { formatNetworkV4, type Slot, tunnelSides, type User } from '../serviceability/index.ts';
import { advancePenalty, type DampingPolicy, type FlapPenalty } from './damping.ts';
import type { Tunnel } from './observe.ts';
import type { LedgerUser, Neighbor, Observation } from './types.ts';

/** Writes to one user's record that were not ours, in the last while. */
interface ForeignWrites {
  readonly count: number;
  readonly lastAt: MonotonicMs;
}

/** After this long without another one they are history. */
const MEMORY_MS = 10 * 60_000;
/** One foreign write is corrected; from the second on somebody else is at work, and is not fought. */
const CONTESTED_FROM = 2;

interface RecordMove {
  /** last_bgp_reported_at in the view before, and in this one. */
  readonly before: Slot;
  readonly now: Slot;
  /** The newest slot in which a write of ours landed for this user. */
  readonly own: Slot | undefined;
  /** A status of ours is unresolved: the record may have moved by it. */
  readonly inFlight: boolean;
}

/** Whether somebody else has written this user's record since the last view: it moved to a slot in which nothing of ours landed. */
function isForeignWrite({ before, now, own, inFlight }: RecordMove): boolean {
  return now > before && !inFlight && (own === undefined || now > own);
}

function advanceForeignWrites(previous: ForeignWrites | undefined, isForeign: boolean, now: MonotonicMs): ForeignWrites | undefined {
  const remembered = previous !== undefined && now - previous.lastAt < MEMORY_MS ? previous : undefined;
  return isForeign ? { count: (remembered?.count ?? 0) + 1, lastAt: now } : remembered;
}

/** Whether two writers disagree about this user: ours then writes as seldom as for a suppressed one. */
export function isContested(writes: ForeignWrites | undefined): boolean {
  return writes !== undefined && writes.count >= CONTESTED_FROM;
}

/**
 * What this process remembers of one user between ticks. Only what the switch showed, never what was sent (rule 9): a restart loses some
 * patience with a session that is going down, and nothing else.
 */
export interface UserTrack {
  /** The account that it was last advanced with; the same object means that nothing of it has changed. */
  readonly account: User;
  /** When this process first saw this user on the ledger. */
  readonly firstSeenAt: MonotonicMs;
  /** Whether this process has seen it up. */
  readonly everUp: boolean;
  /** The run of down observations that goes on now; an up, or a tick without observation, ends it. */
  readonly downRun?: { readonly since: MonotonicMs; readonly count: number };
  readonly lastSeen?: 'up' | 'down';
  readonly changedAt?: EpochMs;
  readonly establishedTransitions?: number;
  /** Transitions seen or inferred, ever. */
  readonly flaps: number;
  /** Absent while the user is calm. */
  readonly penalty?: FlapPenalty;
  readonly foreignWrites?: ForeignWrites;
  /** The last tunnel that the account named: a ban zeroes it, and the session must still be looked for. */
  readonly tunnel?: Tunnel;
}

export interface TrackStep {
  readonly track: UserTrack;
  /** Transitions that this observation shows since the last one, hidden ones included (rule 7). */
  readonly newFlaps: number;
  /** Somebody else has written this user's record since the last view. */
  readonly isForeignWrite: boolean;
}

/** What of our own doing the next memory needs to know. */
export interface OwnWrites {
  /** The newest slot in which a write of ours landed for this user. */
  readonly confirmedIn: Slot | undefined;
  readonly inFlight: boolean;
}

/** Whether it is still the same user, or another one at its address: deleted and created again, or moved. */
function isSameUser(before: User, now: User): boolean {
  const { owner, devicePk, tenantPk, userType } = before;
  return owner === now.owner && devicePk === now.devicePk && tenantPk === now.tenantPk && userType === now.userType;
}

/** All of the account that the program's validation looks at, and nothing that a status write changes (rule 20). */
export function accountStateOf(user: User): string {
  const { owner, devicePk, tenantPk, userType, status, clientIp, dzIp, tunnelId, tunnelNet, tunnelEndpoint } = user;
  return [owner, devicePk, tenantPk, userType, status, clientIp, dzIp, tunnelId, formatNetworkV4(tunnelNet), tunnelEndpoint].join('|');
}

/** The next memory of a user, from the last one and this tick's observation. Pure. */
export function advanceTrack(
  previous: UserTrack | undefined,
  entry: LedgerUser,
  observation: Observation,
  own: OwnWrites,
  damping: DampingPolicy,
  now: MonotonicMs,
): TrackStep {
  const base = continueOrBegin(previous, entry, now);
  const isForeign =
    previous !== undefined &&
    isSameUser(previous.account, entry.user) &&
    isForeignWrite({
      before: previous.account.lastBgpReportedAt,
      now: entry.user.lastBgpReportedAt,
      own: own.confirmedIn,
      inFlight: own.inFlight,
    });
  const { track, newFlaps } =
    observation.kind === 'unobserved' ? { track: withoutDownRun(base), newFlaps: 0 } : see(base, observation, now);
  const penalty = advancePenalty(base.penalty, newFlaps, now, damping);
  const foreignWrites = advanceForeignWrites(base.foreignWrites, isForeign, now);
  return { track: withPassing(track, penalty, foreignWrites), newFlaps, isForeignWrite: isForeign };
}

/** The same object where nothing changes, as nearly always. */
function withPassing(track: UserTrack, penalty: FlapPenalty | undefined, foreignWrites: ForeignWrites | undefined): UserTrack {
  if (penalty === track.penalty && foreignWrites === track.foreignWrites) return track;
  const { penalty: _, foreignWrites: __, ...lasting } = track;
  return { ...lasting, ...(penalty === undefined ? {} : { penalty }), ...(foreignWrites === undefined ? {} : { foreignWrites }) };
}

function see(
  base: UserTrack,
  observation: Exclude<Observation, { kind: 'unobserved' }>,
  now: MonotonicMs,
): { track: UserTrack; newFlaps: number } {
  const newFlaps = countFlaps(base, observation);
  const neighbor = observation.at?.neighbor;
  if (newFlaps === 0 && observation.kind === 'up' && isUnchanged(base, neighbor)) return { track: base, newFlaps };
  const seen: UserTrack = {
    ...withoutDownRun(base),
    everUp: base.everUp || observation.kind === 'up',
    lastSeen: observation.kind,
    flaps: base.flaps + newFlaps,
    ...(neighbor?.changedAt === undefined ? {} : { changedAt: neighbor.changedAt }),
    ...(neighbor?.establishedTransitions === undefined ? {} : { establishedTransitions: neighbor.establishedTransitions }),
  };
  if (observation.kind === 'up') return { track: seen, newFlaps };
  // A session that came up and went down again between two polls has not been down all the while.
  const run = newFlaps > 0 ? undefined : base.downRun;
  return { track: { ...seen, downRun: { since: run?.since ?? now, count: (run?.count ?? 0) + 1 } }, newFlaps };
}

/** An established session that goes on as it was: nearly every user, nearly every tick. */
function isUnchanged({ lastSeen, downRun, changedAt, establishedTransitions }: UserTrack, neighbor: Neighbor | undefined): boolean {
  if (lastSeen !== 'up' || downRun !== undefined) return false;
  const at = neighbor?.changedAt ?? changedAt;
  return at === changedAt && (neighbor?.establishedTransitions ?? establishedTransitions) === establishedTransitions;
}

function continueOrBegin(previous: UserTrack | undefined, entry: LedgerUser, now: MonotonicMs): UserTrack {
  if (previous?.account === entry.user) return previous;
  const account = entry.user;
  // What the ledger says of when it was reported goes back only with the account itself.
  const recreated =
    previous === undefined || !isSameUser(previous.account, account) || account.lastBgpReportedAt < previous.account.lastBgpReportedAt;
  const tunnel: Tunnel | undefined =
    tunnelSides(entry.user.tunnelNet) === undefined ? (recreated ? undefined : previous.tunnel) : entry.user;
  const named = tunnel === undefined ? {} : { tunnel: { tunnelNet: tunnel.tunnelNet, tunnelId: tunnel.tunnelId } };
  if (recreated) return { account, firstSeenAt: now, everUp: false, flaps: 0, ...named };
  if (previous.tunnel !== undefined && tunnel !== undefined && !sameTunnel(previous.tunnel, tunnel)) {
    // Another tunnel is another session: what was seen of the old one says nothing about it.
    return {
      account,
      firstSeenAt: now,
      everUp: previous.everUp,
      flaps: previous.flaps,
      ...named,
    };
  }
  return { ...previous, account, ...named };
}

function sameTunnel(a: Tunnel, b: Tunnel): boolean {
  return a.tunnelId === b.tunnelId && formatNetworkV4(a.tunnelNet) === formatNetworkV4(b.tunnelNet);
}

function withoutDownRun(track: UserTrack): UserTrack {
  if (track.downRun === undefined) return track;
  const { downRun: _, ...rest } = track;
  return rest;
}

function countFlaps(track: UserTrack, observation: Exclude<Observation, { kind: 'unobserved' }>): number {
  if (track.lastSeen === undefined) return 0;
  const at = observation.at;
  const visible = track.lastSeen === observation.kind ? 0 : 1;
  const counter = at?.neighbor.establishedTransitions;
  const risen = counter === undefined || track.establishedTransitions === undefined ? 0 : counter - track.establishedTransitions;
  // Each rise of the counter is one way up, and between two of them lies a way down.
  if (risen > 0) return Math.max(visible, observation.kind === 'up' ? 2 * risen - (track.lastSeen === 'down' ? 1 : 0) : 2 * risen);
  if (visible > 0) return visible;
  const moved =
    at?.neighbor.changedAt !== undefined &&
    track.changedAt !== undefined &&
    Math.abs(at.neighbor.changedAt - track.changedAt) > at.changedAtToleranceMs;
  return moved ? 2 : 0;
}

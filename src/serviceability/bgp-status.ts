import { ZERO_ADDRESS } from './address.ts';
import { type Device, DeviceStatus, interfacesDisagree } from './device.ts';
import { userStatusName } from './names.ts';
import { isGloballyRoutable, isLinkLocal, tunnelSides, UNSPECIFIED_IPV4 } from './network.ts';
import type { Address, Ipv4, Nanoseconds, Slot } from './units.ts';
import { BgpStatus, type User, UserStatus } from './user.ts';

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

/** Tunnel ids are allocated from 500 up to this, exclusive. */
const TUNNEL_ID_END = 4596;

/**
 * The checks that the program makes on every write of a User, in its order: the code of the first that fails (see PROGRAM_ERRORS), or
 * undefined. A user that fails one can get no BGP status until the account is mended. Users being deleted or banned are not checked.
 */
export function validateUser(user: User): number | undefined {
  if (user.status === UserStatus.deleting || user.status === UserStatus.banned) return undefined;
  if (user.devicePk === ZERO_ADDRESS) return 6;
  if (!isGloballyRoutable(user.clientIp)) return 26;
  if (!isGloballyRoutable(user.dzIp)) return 27;
  if (!isLinkLocal(user.tunnelNet.address)) return 28;
  if (user.tunnelId >= TUNNEL_ID_END) return 29;
  if (user.tunnelEndpoint !== UNSPECIFIED_IPV4 && !isGloballyRoutable(user.tunnelEndpoint)) return 80;
  return undefined;
}

/** A BGP neighbor as the switch shows it, where the caller can ask the switch (`show ip bgp summary vrf all`). */
export interface ObservedNeighbor {
  readonly address: string;
  /** Whether its state is Established. */
  readonly established: boolean;
  readonly vrf?: string;
}

/** Why nobody can write a status for the user, however healthy its session is. */
export type WriteObstacle =
  /** The device has no metrics publisher. */
  | { readonly kind: 'no-metrics-publisher' }
  /** The two vectors of the device's interfaces differ in length, and the program aborts on it. */
  | { readonly kind: 'interfaces-disagree' }
  /** The account fails the program's own checks with this error code (see programError). */
  | { readonly kind: 'user-invalid'; readonly code: number };

/** What a diagnosis stands on. */
export interface Evidence {
  readonly record: EffectiveBgpStatus;
  /** Where the switch should see the user: the odd address of its tunnel. Absent for a tunnel that is not a /31. */
  readonly peer?: Ipv4;
  /** The switch's neighbors of that address; absent when none were given. Several VRFs can have one each. */
  readonly neighbors?: readonly ObservedNeighbor[];
  /** A drained device shuts its users' sessions down on purpose. */
  readonly deviceDrained: boolean;
  readonly metricsPublisher: Address;
  readonly obstacles: readonly WriteObstacle[];
}

/**
 * What is the matter with a user's session.
 * - healthy: a fresh record says up, and the switch does not contradict it.
 * - never-connected: configured, and never seen up.
 * - lost: was up, and is down.
 * - record-behind: the record is fresh and says other than the switch; the next report should mend it.
 * - agent-silent: nobody reports about this user, or no longer.
 * - banned-stale-up: the account is banned and its record will say up for ever, because nobody writes it any more.
 * - not-in-service: an account in any other state than activated; nothing is expected of its session.
 */
export type Diagnosis = { readonly evidence: Evidence } & (
  | { readonly kind: 'healthy' }
  | { readonly kind: 'never-connected' }
  | { readonly kind: 'lost'; readonly lastUpAt: Slot }
  | { readonly kind: 'record-behind'; readonly record: 'up' | 'down'; readonly session: 'up' | 'down' }
  | { readonly kind: 'agent-silent'; readonly last: 'never' | 'up' | 'down' | 'unknown' }
  | { readonly kind: 'banned-stale-up'; readonly lastUpAt: Slot }
  | { readonly kind: 'not-in-service'; readonly status: string }
);

/**
 * Tells what is the matter with a user's session, from its accounts and, where they are at hand, the switch's neighbors. `neighbors` must be
 * all that the switch has: one that is missing counts as a session that is not up. Pure, and never throws.
 */
export function diagnose(user: User, device: Device, freshness: Freshness, neighbors?: readonly ObservedNeighbor[]): Diagnosis {
  const record = effectiveBgpStatus(user, freshness);
  const evidence = collectEvidence(user, device, record, neighbors);
  if (user.status === UserStatus.banned && lastWordIsUp(record)) {
    return { kind: 'banned-stale-up', lastUpAt: user.lastBgpUpAt, evidence };
  }
  if (user.status !== UserStatus.activated) return { kind: 'not-in-service', status: userStatusName(user.status), evidence };
  const session = sessionOf(evidence);
  switch (record.kind) {
    case 'up':
      return session === 'down' ? { kind: 'record-behind', record: 'up', session, evidence } : { kind: 'healthy', evidence };
    case 'down':
      if (session === 'up') return { kind: 'record-behind', record: 'down', session, evidence };
      return user.lastBgpUpAt === 0n ? { kind: 'never-connected', evidence } : { kind: 'lost', lastUpAt: user.lastBgpUpAt, evidence };
    case 'stale':
      return { kind: 'agent-silent', last: record.last, evidence };
    case 'unknown':
      return user.lastBgpUpAt === 0n && session === 'down'
        ? { kind: 'never-connected', evidence }
        : { kind: 'agent-silent', last: 'unknown', evidence };
    case 'never-reported':
      // An agent gives a new user time to connect before it says anything, so that a session that is not up explains the silence.
      return session === 'down' ? { kind: 'never-connected', evidence } : { kind: 'agent-silent', last: 'never', evidence };
  }
}

function collectEvidence(
  user: User,
  device: Device,
  record: EffectiveBgpStatus,
  neighbors: readonly ObservedNeighbor[] | undefined,
): Evidence {
  const peer = tunnelSides(user.tunnelNet)?.clientSide;
  const code = validateUser(user);
  const obstacles: WriteObstacle[] = [];
  if (device.metricsPublisherPk === ZERO_ADDRESS) obstacles.push({ kind: 'no-metrics-publisher' });
  if (interfacesDisagree(device)) obstacles.push({ kind: 'interfaces-disagree' });
  if (code !== undefined) obstacles.push({ kind: 'user-invalid', code });
  return {
    record,
    ...(peer === undefined ? {} : { peer }),
    ...(neighbors === undefined ? {} : { neighbors: neighbors.filter(({ address }) => address === peer) }),
    deviceDrained: device.status === DeviceStatus.drained,
    metricsPublisher: device.metricsPublisherPk,
    obstacles,
  };
}

/** Undefined where the switch was not asked, or has nothing to say about a tunnel that names no peer. */
function sessionOf({ peer, neighbors }: Evidence): 'up' | 'down' | undefined {
  if (peer === undefined || neighbors === undefined) return undefined;
  return neighbors.some(({ established }) => established) ? 'up' : 'down';
}

function lastWordIsUp(record: EffectiveBgpStatus): boolean {
  return record.kind === 'up' || (record.kind === 'stale' && record.last === 'up');
}

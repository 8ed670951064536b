import { ZERO_ADDRESS } from './address.ts';
import { type Device, DeviceStatus, interfacesDisagree } from './device.ts';
import { userStatusName } from './names.ts';
import { isGloballyRoutable, isLinkLocal, tunnelSides, UNSPECIFIED_IPV4 } from './network.ts';
import type { Address, Ipv4, Nanoseconds, Slot } from './units.ts';
import { BgpStatus, type User, UserStatus } from './user.ts';

/** What is needed to distinguish a fresh record from a stale one. */
export interface Freshness {
  /** The current slot: the context slot of the response that contained the user, or getSlot. */
  readonly slot: Slot;
  /** Measured milliseconds per slot (getRecentPerformanceSamples): slot times differ between clusters. */
  readonly slotTimeMs: number;
  /** A record older than this, milliseconds, is stale. Choose more than the writer's refresh interval: 1 h with this agent, 6 h upstream. */
  readonly staleAfterMs: number;
}

/**
 * A user's status record, evaluated at a slot.
 * - up, down: reported, and fresh.
 * - stale: the writer stopped reporting; `last` is the last reported status.
 * - never-reported: no writer has reported this user since the account was created.
 * - unknown: a fresh report of neither (status byte 0, or one that this SDK does not know).
 */
export type EffectiveBgpStatus =
  | { readonly kind: 'up'; readonly ageMs: number; readonly rttNs?: Nanoseconds }
  | { readonly kind: 'down'; readonly ageMs: number; readonly lastUpAt?: Slot }
  | { readonly kind: 'stale'; readonly ageMs: number; readonly last: 'up' | 'down' | 'unknown' }
  | { readonly kind: 'never-reported' }
  | { readonly kind: 'unknown'; readonly ageMs: number; readonly byte: number };

/** The BGP status fields of a User (RFC-19). */
export type BgpRecord = Pick<User, 'bgpStatus' | 'lastBgpUpAt' | 'lastBgpReportedAt' | 'bgpRttNs'>;

/**
 * The status that a reader should use. A record does not expire by itself: RFC-19 leaves it to the reader to detect that reports stopped.
 * A report from a slot after `slot` (the reader's node is behind) counts as new. Pure; never throws.
 */
export function effectiveBgpStatus(user: BgpRecord, { slot, slotTimeMs, staleAfterMs }: Freshness): EffectiveBgpStatus {
  if (user.lastBgpReportedAt === 0n) return { kind: 'never-reported' };
  const ageMs = user.lastBgpReportedAt >= slot ? 0 : Number(slot - user.lastBgpReportedAt) * slotTimeMs;
  const last = user.bgpStatus === BgpStatus.up ? 'up' : user.bgpStatus === BgpStatus.down ? 'down' : 'unknown';
  // Negated on purpose: an age of NaN must not count as fresh.
  if (!(ageMs <= staleAfterMs)) return { kind: 'stale', ageMs, last };
  switch (last) {
    case 'up':
      return { kind: 'up', ageMs, ...(user.bgpRttNs === 0n ? {} : { rttNs: user.bgpRttNs }) };
    case 'down':
      return { kind: 'down', ageMs, lastUpAt: user.lastBgpUpAt === 0n ? undefined : user.lastBgpUpAt };
    case 'unknown':
      return { kind: 'unknown', ageMs, byte: user.bgpStatus };
  }
}

/** Tunnel ids are allocated from 500 up to this value, exclusive. */
const TUNNEL_ID_END = 4596;

/**
 * The program's checks on every write of a User, in its order. Returns the code of the first failing check (see PROGRAM_ERRORS), or
 * undefined. A failing user cannot get a BGP status until its account is fixed. Users being deleted or banned are not checked.
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

/** A BGP neighbor as the switch reports it (`show ip bgp summary vrf all`), for callers with access to the switch. */
export interface ObservedNeighbor {
  readonly address: string;
  /** True when its state is Established. */
  readonly established: boolean;
  readonly vrf?: string;
}

/** Why no status can be written for the user, whatever the state of its session. */
export type WriteObstacle =
  /** The device has no metrics publisher. */
  | { readonly kind: 'no-metrics-publisher' }
  /** The device's two interface vectors differ in length, which makes the program abort. */
  | { readonly kind: 'interfaces-disagree' }
  /** The account fails the program's own checks with this error code (see programError). */
  | { readonly kind: 'user-invalid'; readonly code: number };

/** The data behind a diagnosis. */
export interface Evidence {
  readonly record: EffectiveBgpStatus;
  /** The user's expected neighbor address on the switch: the odd address of its tunnel. Absent for a tunnel that is not a /31. */
  readonly peer?: Ipv4;
  /** The switch's neighbors with that address, at most one per VRF; absent when the caller passed no neighbors. */
  readonly neighbors?: readonly ObservedNeighbor[];
  /** A drained device shuts down its users' sessions on purpose. */
  readonly deviceDrained: boolean;
  readonly metricsPublisher: Address;
  readonly obstacles: readonly WriteObstacle[];
}

/**
 * The state of a user's session.
 * - healthy: a fresh record says up, and the switch does not contradict it.
 * - never-connected: configured, and never seen up.
 * - lost: was up, and is down.
 * - record-behind: the record is fresh and differs from the switch; the next report should correct it.
 * - agent-silent: no agent reports this user, or its reports stopped.
 * - banned-stale-up: the account is banned, so its record stays up: banned users get no more reports.
 * - not-in-service: the account is not activated; no session is expected.
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
 * Diagnoses a user's session from its accounts and, if given, the switch's neighbors. `neighbors` must be the complete list: a missing
 * neighbor counts as a session that is not up. Pure; never throws.
 */
export function diagnose(user: User, device: Device, freshness: Freshness, neighbors?: readonly ObservedNeighbor[]): Diagnosis {
  const record = effectiveBgpStatus(user, freshness);
  const evidence = collectEvidence(user, device, record, neighbors);
  if (user.status === UserStatus.banned && lastReportIsUp(record)) {
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
      // An agent gives a new user time to connect before it reports, so a session that is not up explains the missing report.
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
    peer,
    neighbors: neighbors?.filter(({ address }) => address === peer),
    deviceDrained: device.status === DeviceStatus.drained,
    metricsPublisher: device.metricsPublisherPk,
    obstacles,
  };
}

/** Undefined when no neighbors were given, or the tunnel has no peer address. */
function sessionOf({ peer, neighbors }: Evidence): 'up' | 'down' | undefined {
  if (peer === undefined || neighbors === undefined) return undefined;
  return neighbors.some(({ established }) => established) ? 'up' : 'down';
}

function lastReportIsUp(record: EffectiveBgpStatus): boolean {
  return record.kind === 'up' || (record.kind === 'stale' && record.last === 'up');
}

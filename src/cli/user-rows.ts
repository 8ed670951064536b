import {
  type Address,
  type Device,
  diagnose,
  effectiveBgpStatus,
  type Freshness,
  formatNetworkV4,
  type User,
  userStatusName,
  userTypeName,
} from '../serviceability/index.ts';

/**
 * The state of a user according to the ledger alone.
 * - connected, down: a fresh record says so; down was up before.
 * - never-connected: reported as down, and never seen up.
 * - stale: there is a record, but it is no longer refreshed; this includes the last Up of a banned user.
 * - unreported: this user has no record.
 * - not-in-service: the account is not activated, so no session is expected.
 * - device-unknown: its device is not on the ledger, or is unreadable.
 */
export const USER_STATES = ['connected', 'down', 'stale', 'never-connected', 'unreported', 'not-in-service', 'device-unknown'] as const;
export type UserState = (typeof USER_STATES)[number];

/** One user as it is printed. */
export interface UserRow {
  readonly event: 'user';
  readonly user: Address;
  readonly device: Address;
  readonly deviceCode: string | null;
  readonly tunnelId: number;
  readonly tunnelNet: string;
  readonly clientIp: string;
  readonly userType: string;
  readonly accountStatus: string;
  readonly state: UserState;
  /** The status in the record, whatever its age. */
  readonly ledgerStatus: 'up' | 'down' | 'unknown';
  /** Age of the record, milliseconds; null without a record, NaN if the slot time is unknown. */
  readonly ageMs: number | null;
  /** How long ago the session was last reported up, milliseconds; null when it never was, NaN as above. */
  readonly lastUpMs: number | null;
  /** Nanoseconds; 0 without a sample. */
  readonly rttNs: bigint;
}

interface RowsInput {
  readonly users: ReadonlyMap<Address, { readonly user: User }>;
  readonly devices: ReadonlyMap<Address, Device>;
  readonly freshness: Freshness;
}

/** The ledger's record of each user. Pure. */
export function userRows({ users, devices, freshness }: RowsInput): readonly UserRow[] {
  return [...users].map(([pubkey, { user }]) => rowOf(pubkey, user, devices.get(user.devicePk), freshness));
}

function rowOf(pubkey: Address, user: User, device: Device | undefined, freshness: Freshness): UserRow {
  const record = effectiveBgpStatus(user, freshness);
  const sinceUp = user.lastBgpUpAt === 0n ? null : Math.max(0, Number(freshness.slot - user.lastBgpUpAt)) * freshness.slotTimeMs;
  return {
    event: 'user',
    user: pubkey,
    device: user.devicePk,
    deviceCode: device?.code ?? null,
    tunnelId: user.tunnelId,
    tunnelNet: formatNetworkV4(user.tunnelNet),
    clientIp: user.clientIp,
    userType: userTypeName(user.userType),
    accountStatus: userStatusName(user.status),
    state: device === undefined ? 'device-unknown' : stateOf(user, device, freshness),
    ledgerStatus: record.kind === 'stale' ? record.last : record.kind === 'up' || record.kind === 'down' ? record.kind : 'unknown',
    ageMs: record.kind === 'never-reported' ? null : record.ageMs,
    lastUpMs: sinceUp,
    rttNs: user.bgpRttNs,
  };
}

function stateOf(user: User, device: Device, freshness: Freshness): UserState {
  const diagnosis = diagnose(user, device, freshness);
  switch (diagnosis.kind) {
    case 'healthy':
      return 'connected';
    case 'lost':
      return 'down';
    case 'record-behind':
      return diagnosis.record === 'up' ? 'connected' : 'down';
    case 'agent-silent':
      return diagnosis.last === 'never' ? 'unreported' : 'stale';
    case 'banned-stale-up':
      return 'stale';
    case 'never-connected':
    case 'not-in-service':
      return diagnosis.kind;
  }
}

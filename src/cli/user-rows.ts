import { count, span } from '../observability/index.ts';
import {
  type AccessPass,
  type Address,
  accessPassStatusName,
  type Device,
  diagnose,
  effectiveBgpStatus,
  formatNetworkV4,
  type Slot,
  slot,
  UNLIMITED_EPOCH,
  type User,
  userStatusName,
  userTypeName,
  ZERO_ADDRESS,
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

/** Columns that are shown on demand. */
export const EXTRA_COLUMNS = ['tenant', 'dz-ip', 'access-pass'] as const;
export type ExtraColumn = (typeof EXTRA_COLUMNS)[number];

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
  /** Age of the record, milliseconds; null without a record, NaN if the time of its slot is unknown. */
  readonly ageMs: number | null;
  /** How long ago the session was last reported up, milliseconds; null when it never was, NaN as above. */
  readonly lastUpMs: number | null;
  /** As the record has them; 0 for never. */
  readonly reportedAtSlot: Slot;
  readonly lastUpAtSlot: Slot;
  /** Nanoseconds; 0 without a sample. */
  readonly rttNs: bigint;
  /** Code of the tenant, its address where it cannot be read, null without one. Only on demand, like those below. */
  readonly tenant?: string | null;
  readonly dzIp?: string;
  /** Null where the user has none. */
  readonly accessPass?: PassReport | null;
}

/** The access pass that pays for a user. */
interface PassReport {
  readonly address: Address;
  readonly kind: string;
  readonly status: string;
  readonly userPayer: Address;
  /** The last epoch in which it is valid; null if it never expires. */
  readonly lastAccessEpoch: bigint | null;
}

interface RowsInput {
  readonly users: ReadonlyMap<Address, { readonly user: User }>;
  readonly devices: ReadonlyMap<Address, Device>;
  /** Now, milliseconds since 1970. */
  readonly now: number;
  /** When a slot was, milliseconds since 1970; NaN where that is unknown. */
  readonly timeOf: (slot: Slot) => number;
  readonly staleAfterMs: number;
  readonly columns?: readonly ExtraColumn[];
  /** Codes by tenant, for the column `tenant`. */
  readonly tenants?: ReadonlyMap<Address, string>;
  /** By user, for the column `access-pass`. */
  readonly passes?: ReadonlyMap<Address, { readonly address: Address; readonly pass: AccessPass }>;
}

/** The ledger's record of each user. Pure. */
export function userRows(input: RowsInput): readonly UserRow[] {
  return [...input.users].map(([pubkey, { user }]) => rowOf(pubkey, user, input));
}

function rowOf(pubkey: Address, user: User, { devices, now, timeOf, staleAfterMs, columns = [], tenants, passes }: RowsInput): UserRow {
  const device = devices.get(user.devicePk);
  const ageOf = (at: Slot): number | null => (at === 0n ? null : Math.round(Math.max(0, now - timeOf(at))));
  const ageMs = ageOf(user.lastBgpReportedAt);
  // One slot of this length is the exact age.
  const freshness = { slot: slot(user.lastBgpReportedAt + 1n), slotTimeMs: ageMs ?? 0, staleAfterMs };
  const record = effectiveBgpStatus(user, freshness);
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
    ageMs,
    lastUpMs: ageOf(user.lastBgpUpAt),
    reportedAtSlot: user.lastBgpReportedAt,
    lastUpAtSlot: user.lastBgpUpAt,
    rttNs: user.bgpRttNs,
    ...(columns.includes('tenant') && {
      tenant: user.tenantPk === ZERO_ADDRESS ? null : (tenants?.get(user.tenantPk) ?? user.tenantPk),
    }),
    ...(columns.includes('dz-ip') && { dzIp: user.dzIp }),
    ...(columns.includes('access-pass') && { accessPass: passReport(passes?.get(pubkey)) }),
  };
}

function passReport(found: { readonly address: Address; readonly pass: AccessPass } | undefined): PassReport | null {
  if (found === undefined) return null;
  const { address, pass } = found;
  return {
    address,
    kind: pass.accessPassType.kind,
    status: accessPassStatusName(pass.status),
    userPayer: pass.userPayer,
    lastAccessEpoch: pass.lastAccessEpoch === UNLIMITED_EPOCH ? null : pass.lastAccessEpoch,
  };
}

function stateOf(user: User, device: Device, freshness: Parameters<typeof diagnose>[2]): UserState {
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

/** Which users are wanted: those that meet one of these. */
interface Selection {
  /** Milliseconds since the last report. */
  readonly staleForMs?: number;
  /** A fresh record says down, and the last report of up is this old, milliseconds. */
  readonly downForMs?: number;
  readonly neverConnected: boolean;
}

const atLeast = (ms: number | null, limit: number | undefined): boolean => limit !== undefined && ms !== null && ms >= limit;
const isUnobserved = ({ state }: UserRow): boolean => state === 'stale' || state === 'unreported';

/**
 * The users that meet one of the criteria, and those of whom that is not known because no agent reports them. Without a criterion all are selected.
 * Pure.
 */
export function selectRows(
  rows: readonly UserRow[],
  { staleForMs, downForMs, neverConnected }: Selection,
): { readonly selected: readonly UserRow[]; readonly undecided: readonly UserRow[] } {
  if (staleForMs === undefined && downForMs === undefined && !neverConnected) return { selected: rows, undecided: [] };
  const isSelected = (row: UserRow): boolean =>
    atLeast(row.ageMs, staleForMs) ||
    (row.state === 'down' && atLeast(row.lastUpMs, downForMs)) ||
    (neverConnected && row.state === 'never-connected');
  const isUndecided = (row: UserRow): boolean =>
    (staleForMs !== undefined && Number.isNaN(row.ageMs ?? 0)) ||
    (isUnobserved(row) &&
      ((neverConnected && row.lastUpMs === null) || (downForMs !== undefined && !((row.lastUpMs ?? Number.NaN) < downForMs))));
  return { selected: rows.filter(isSelected), undecided: rows.filter((row) => !isSelected(row) && isUndecided(row)) };
}

const MOST_DEVICES = 5;

/** A line for each device whose users are all without a fresh record: its agent is silent, or writes nothing. Pure. */
export function silentDevices(rows: readonly UserRow[]): readonly string[] {
  const byDevice = new Map<string, UserRow[]>();
  for (const row of rows) {
    if (row.state === 'not-in-service' || row.state === 'device-unknown') continue;
    const name = row.deviceCode || row.device;
    byDevice.set(name, [...(byDevice.get(name) ?? []), row]);
  }
  const silent = [...byDevice].filter(([, users]) => users.every(isUnobserved));
  const lines = silent.slice(0, MOST_DEVICES).map(([name, users]) => {
    const ages = users.flatMap(({ ageMs }) => (ageMs === null ? [] : [ageMs]));
    const newest = Math.min(...ages);
    const since =
      ages.length === 0 ? 'no agent has reported a user' : Number.isNaN(newest) ? 'no fresh report' : `no report for ${span(newest)}`;
    return `device ${name}: ${since}, so the status of its ${count(users.length, 'activated user')} is not known`;
  });
  return silent.length > MOST_DEVICES
    ? [...lines, `and ${count(silent.length - MOST_DEVICES, 'more device')} without a fresh report`]
    : lines;
}

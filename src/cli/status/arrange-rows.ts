import { ipv4ToNumber, isIpv4 } from '../../serviceability/index.ts';
import type { SortField } from '../status-options.ts';
import { USER_STATES, type UserRow, type UserState } from './user-rows.ts';

/** Those of the states that were asked for, sorted; what is equal is sorted by device and tunnel. Pure. */
export function arrangeRows(rows: readonly UserRow[], sort: SortField, filter?: readonly UserState[]): readonly UserRow[] {
  const kept = filter === undefined ? [...rows] : rows.filter(({ state }) => filter.includes(state));
  return kept.sort((a, b) => BY[sort](a, b) || byDevice(a, b) || a.tunnelId - b.tunnelId || byText(a.user, b.user));
}

type Order = (a: UserRow, b: UserRow) => number;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byDevice: Order = (a, b) => byText(a.deviceCode ?? a.device, b.deviceCode ?? b.device);
const byNumber = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
/** What is worst first: the longest round trip, the oldest record, those without one before all. */
const BY: Readonly<Record<SortField, Order>> = {
  state: (a, b) => USER_STATES.indexOf(a.state) - USER_STATES.indexOf(b.state),
  user: (a, b) => byText(a.user, b.user),
  device: byDevice,
  tunnel: (a, b) => a.tunnelId - b.tunnelId,
  'client-ip': (a, b) => byNumber(addressNumber(a.clientIp), addressNumber(b.clientIp)),
  rtt: (a, b) => byNumber(Number(b.rttNs), Number(a.rttNs)),
  age: (a, b) => byNumber(ageOf(b), ageOf(a)),
};

/** An age that could not be measured sorts with those that have none. */
function ageOf({ ageMs }: UserRow): number {
  return ageMs === null || Number.isNaN(ageMs) ? Number.POSITIVE_INFINITY : ageMs;
}

function addressNumber(text: string): number {
  return isIpv4(text) ? ipv4ToNumber(text) : 0;
}

import { SocketAddress } from 'node:net';
import type { Neighbor, NeighborState } from '../../bgp/index.ts';
import { type EpochMs, epochMs } from '../../lib/index.ts';
import { idleText, notificationText } from '../down-reasons.ts';
import type { Oid, SnmpValue } from './message.ts';
import { SnmpProblem } from './session.ts';

export type CellName = 'state' | 'adminStatus' | 'description' | 'remoteAs' | 'establishedTransitions' | 'establishedTime';

export interface PeerColumn {
  readonly cell: CellName;
  readonly oid: Oid;
  /** Whether it changes with the session; the others change with the neighbor's configuration only. */
  readonly isDynamic: boolean;
}

/** A table with a row a neighbor, of which only these columns are read: the whole table is ten times as large. */
export interface PeerMib {
  readonly name: 'bgp4' | 'arista';
  /** The first is the state. */
  readonly columns: readonly PeerColumn[];
  /** As many rows as keep an answer in one unfragmented datagram. */
  readonly rowsPerAnswer: number;
  /** The state's name, for messages. */
  readonly stateObject: string;
  /** The address in a row's index. Throws SNMP__WRONG_INDEX for an index that the MIB does not allow. */
  addressOf(index: Oid): string;
  /** Undefined for a value that is not an AS. */
  remoteAsOf(cell: SnmpValue): number | undefined;
  /** The columns of the last NOTIFICATION, read for neighbors that are down. */
  readonly errorColumns: readonly Oid[];
  /** The text of these columns' values; undefined where there was none. */
  errorOf(values: readonly (SnmpValue | undefined)[]): string | undefined;
}

/** The cells of one neighbor. */
export interface PeerRow {
  readonly index: Oid;
  readonly address: string;
  /** A cell that the agent's answer lacks is absent. */
  readonly cells: ReadonlyMap<CellName, SnmpValue>;
  /** When the row's last cell came in, on the clock of the snapshot. */
  readonly readAt: EpochMs;
}

/** bgpPeerState and aristaBgp4V2PeerState: idle(1) to established(6). */
const STATES: readonly (NeighborState | undefined)[] = [undefined, 'idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];

/** aristaBgp4V2PeerAdminStatus: halted(1), running(2). */
const HALTED = 1;

/** Throws SNMP__WRONG_TYPE when the state is not an INTEGER: such an agent answers from another table. */
export function neighborOf({ address, cells, readAt }: PeerRow, mib: PeerMib): Neighbor {
  const state = stateOf(cells.get('state'), mib);
  const remoteAs = cells.get('remoteAs');
  const seconds = unsigned(cells.get('establishedTime'), 'gauge32');
  const adminStatus = cells.get('adminStatus');
  const isHalted = state === 'idle' && adminStatus?.kind === 'integer' && adminStatus.value === HALTED;
  return {
    address,
    state,
    description: textOf(cells.get('description')),
    remoteAs: remoteAs === undefined ? undefined : mib.remoteAsOf(remoteAs),
    downReason: isHalted ? idleText('Admin') : undefined,
    changedAt: seconds === undefined ? undefined : changedAtOf(state, seconds, readAt),
    establishedTransitions: unsigned(cells.get('establishedTransitions'), 'counter32'),
  };
}

function stateOf(cell: SnmpValue | undefined, { stateObject }: PeerMib): NeighborState {
  if (cell === undefined) return 'unrecognized';
  if (cell.kind !== 'integer') throw new SnmpProblem('SNMP__WRONG_TYPE', `a ${stateObject} that is not an INTEGER`);
  return STATES[cell.value] ?? 'unrecognized';
}

function unsigned(cell: SnmpValue | undefined, type: 'counter32' | 'gauge32'): number | undefined {
  return cell?.kind === 'unsigned' && cell.type === type ? cell.value : undefined;
}

/** Text of an OCTET STRING; undefined where it is empty, too long, or has characters that no description has. */
function textOf(cell: SnmpValue | undefined): string | undefined {
  if (cell?.kind !== 'octets' || cell.value.length === 0 || cell.value.length > MAX_DESCRIPTION) return undefined;
  const text = cell.value.toString('utf8');
  return /^[^\p{Cc}\ufffd]+$/u.test(text) ? text : undefined;
}

const MAX_DESCRIPTION = 255;

/**
 * The seconds in Established or since the session was last Established, and 0 for a session that never was, so 0 dates only a session that is
 * up. Both MIBs define it so.
 */
function changedAtOf(state: NeighborState, seconds: number, readAt: EpochMs): EpochMs | undefined {
  if (state === 'unrecognized') return undefined;
  return state === 'established' || seconds > 0 ? epochMs(readAt - seconds * 1_000) : undefined;
}

const ARISTA_BGP_OBJECTS = [1, 3, 6, 1, 4, 1, 30_065, 4, 1, 1];

const column = (oid: Oid, cell: CellName, isDynamic: boolean): PeerColumn => ({ cell, oid, isDynamic });

/**
 * ARISTA-BGP4V2-MIB (draft-ietf-idr-bgp4-mibv2-13 under Arista's number): descriptions, four-octet AS numbers and IPv6 neighbors in addition
 * to BGP4-MIB. The columns come from three tables (peers, event times, counters) with one and the same index.
 */
export const ARISTA_MIB: PeerMib = {
  name: 'arista',
  columns: [
    column([...ARISTA_BGP_OBJECTS, 2, 1, 13], 'state', true),
    column([...ARISTA_BGP_OBJECTS, 2, 1, 10], 'remoteAs', false),
    column([...ARISTA_BGP_OBJECTS, 2, 1, 12], 'adminStatus', false),
    column([...ARISTA_BGP_OBJECTS, 2, 1, 14], 'description', false),
    column([...ARISTA_BGP_OBJECTS, 4, 1, 1], 'establishedTime', true),
    column([...ARISTA_BGP_OBJECTS, 7, 1, 5], 'establishedTransitions', true),
  ],
  // Six rows of six columns come to 1.4 kB with an address of IPv4 and a description of ten letters.
  rowsPerAnswer: 6,
  stateObject: 'aristaBgp4V2PeerState',
  addressOf,
  remoteAsOf: (cell: SnmpValue) => (cell.kind === 'unsigned' && cell.type === 'gauge32' && cell.value > 0 ? cell.value : undefined),
  // aristaBgp4V2PeerErrorsTable: code, subcode and time of the last one received, and of the last one sent.
  errorColumns: [1, 2, 3, 6, 7, 8].map((number) => [...ARISTA_BGP_OBJECTS, 3, 1, number]),
  errorOf(values) {
    const [code = 0, subcode = 0, at = 0, sentCode = 0, sentSubcode = 0, sentAt = 0] = values.map(numberOf);
    const received = notificationText(code, subcode, 'received');
    const sent = notificationText(sentCode, sentSubcode, 'sent');
    return at > sentAt ? (received ?? sent) : (sent ?? received);
  },
};

const numberOf = (value: SnmpValue | undefined): number => (value?.kind === 'integer' || value?.kind === 'unsigned' ? value.value : 0);

/** InetAddressType (RFC 4001) and its length in octets; the types with a zone carry it in the last four. */
const ADDRESS_LENGTHS: Readonly<Record<number, readonly number[]>> = { 1: [4], 2: [16, 20], 3: [8], 4: [20] };

/** The index is instance, address type, length and the address's octets. */
function addressOf([, type, length, ...octets]: Oid): string {
  const lengths = type === undefined ? undefined : ADDRESS_LENGTHS[type];
  const fits = length !== undefined && lengths?.includes(length) && octets.length === length && octets.every((octet) => octet <= 255);
  if (!fits) throw new SnmpProblem('SNMP__WRONG_INDEX', 'a row whose index is not an address of IPv4 or IPv6');
  // With its zone, the neighbor's IPv4 address would not match its user. Two zones of one address are one neighbor in two rows.
  if (length < 16) return octets.slice(0, 4).join('.');
  const isMapped = MAPPED.every((octet, position) => octets[position] === octet);
  return isMapped ? octets.slice(12, 16).join('.') : withZone(ipv6Of(octets.slice(0, 16)), octets.slice(16));
}

/** An IPv4 address in the form of IPv6 (RFC 4291 section 2.5.5.2). */
const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function ipv6Of(octets: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, group) => ((octets[2 * group] ?? 0) * 256 + (octets[2 * group + 1] ?? 0)).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function withZone(address: string, zone: readonly number[]): string {
  return zone.length === 0 ? address : `${address}%${Buffer.from(zone).readUInt32BE()}`;
}

export const BGP_LOCAL_AS: Oid = [1, 3, 6, 1, 2, 1, 15, 2, 0];

const BGP_PEER_ENTRY = [1, 3, 6, 1, 2, 1, 15, 3, 1];

/** BGP4-MIB (RFC 4273), the objects of bgpPeerTable that show whether a session is up. It has no IPv6 neighbors and no descriptions. */
export const BGP4_MIB: PeerMib = {
  name: 'bgp4',
  columns: [
    column([...BGP_PEER_ENTRY, 2], 'state', true),
    column([...BGP_PEER_ENTRY, 9], 'remoteAs', false),
    column([...BGP_PEER_ENTRY, 15], 'establishedTransitions', true),
    column([...BGP_PEER_ENTRY, 16], 'establishedTime', true),
  ],
  // Twelve rows of four columns come to 1.2 kB.
  rowsPerAnswer: 12,
  stateObject: 'bgpPeerState',
  addressOf(index) {
    if (index.length !== 4 || index.some((octet) => octet > 255))
      throw new SnmpProblem('SNMP__WRONG_INDEX', 'a row whose index is not an IPv4 address');
    return index.join('.');
  },
  remoteAsOf,
  // bgpPeerLastError, two octets: code and subcode of the last one in either direction.
  errorColumns: [[...BGP_PEER_ENTRY, 14]],
  errorOf([value]) {
    const [code = 0, subcode = 0] = value?.kind === 'octets' && value.value.length === 2 ? value.value : [];
    return notificationText(code, subcode);
  },
};

/**
 * bgpPeerRemoteAs has two octets. A peer with a four-octet AS shows as AS_TRANS (RFC 6793) or as garbage, and its AS is undefined.
 */
function remoteAsOf(cell: SnmpValue): number | undefined {
  if (cell.kind !== 'integer' || cell.value < 1 || cell.value > 65_535 || cell.value === AS_TRANS) return undefined;
  return cell.value;
}

const AS_TRANS = 23_456;

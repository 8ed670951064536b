import { SocketAddress } from 'node:net';
import { notificationText } from '../down-reasons.ts';
import { type Oid, type PeerColumn, type PeerMib, SnmpProblem, type SnmpValue } from './session.ts';

const ARISTA_BGP_OBJECTS = [1, 3, 6, 1, 4, 1, 30_065, 4, 1, 1];

const aristaMibColumn = (table: Oid, cell: PeerColumn['cell'], isDynamic: boolean): PeerColumn => ({
  cell,
  oid: [...ARISTA_BGP_OBJECTS, ...table],
  isDynamic,
});

/**
 * ARISTA-BGP4V2-MIB (draft-ietf-idr-bgp4-mibv2-13 under Arista's number): descriptions, four-octet AS numbers and IPv6 neighbors in addition
 * to BGP4-MIB. The columns come from three tables (peers, event times, counters) with one and the same index.
 */
export const ARISTA_MIB: PeerMib = {
  name: 'arista',
  columns: [
    aristaMibColumn([2, 1, 13], 'state', true),
    aristaMibColumn([2, 1, 10], 'remoteAs', false),
    aristaMibColumn([2, 1, 12], 'adminStatus', false),
    aristaMibColumn([2, 1, 14], 'description', false),
    aristaMibColumn([4, 1, 1], 'establishedTime', true),
    aristaMibColumn([7, 1, 5], 'establishedTransitions', true),
  ],
  // Six rows of six columns come to 1.4 kB with an address of IPv4 and a description of ten letters.
  rowsPerAnswer: 6,
  stateObject: 'aristaBgp4V2PeerState',
  addressOf,
  remoteAsOf: (cell: SnmpValue) => (cell.kind === 'unsigned' && cell.type === 'gauge32' && cell.value > 0 ? cell.value : undefined),
  // aristaBgp4V2PeerErrorsTable: code, subcode and time of the last one received, and of the last one sent.
  errorColumns: [1, 2, 3, 6, 7, 8].map((column) => [...ARISTA_BGP_OBJECTS, 3, 1, column]),
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

const bgp4MibColumn = (number: number, cell: PeerColumn['cell'], isDynamic: boolean): PeerColumn => ({
  cell,
  oid: [...BGP_PEER_ENTRY, number],
  isDynamic,
});

/** BGP4-MIB (RFC 4273), the objects of bgpPeerTable that show whether a session is up. It has no IPv6 neighbors and no descriptions. */
export const BGP4_MIB: PeerMib = {
  name: 'bgp4',
  columns: [
    bgp4MibColumn(2, 'state', true),
    bgp4MibColumn(9, 'remoteAs', false),
    bgp4MibColumn(15, 'establishedTransitions', true),
    bgp4MibColumn(16, 'establishedTime', true),
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

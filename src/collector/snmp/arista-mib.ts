import { SocketAddress } from 'node:net';
import type { Oid, PeerColumn, PeerMib } from './peer-mib.ts';
import { DisorderlyAgent, type SnmpValue } from './response.ts';

const ARISTA_BGP_OBJECTS = [1, 3, 6, 1, 4, 1, 30_065, 4, 1, 1];

const column = (table: Oid, cell: PeerColumn['cell'], moves: boolean): PeerColumn => ({
  cell,
  oid: [...ARISTA_BGP_OBJECTS, ...table],
  moves,
});

/**
 * ARISTA-BGP4V2-MIB (draft-ietf-idr-bgp4-mibv2-13 under Arista's number): descriptions, four-octet AS numbers and IPv6 neighbors beside
 * what BGP4-MIB has. The columns come from three tables (peers, event times, counters) with one and the same index.
 */
export const ARISTA_MIB: PeerMib = {
  name: 'arista',
  columns: [
    column([2, 1, 13], 'state', true),
    column([2, 1, 10], 'remoteAs', false),
    column([2, 1, 12], 'adminStatus', false),
    column([2, 1, 14], 'description', false),
    column([4, 1, 1], 'establishedTime', true),
    column([7, 1, 5], 'establishedTransitions', true),
  ],
  // Six rows of six columns come to 1.4 kB with an address of IPv4 and a description of ten letters.
  rowsPerAnswer: 6,
  stateObject: 'aristaBgp4V2PeerState',
  addressOf,
  remoteAsOf: (cell: SnmpValue) => (cell.kind === 'unsigned' && cell.type === 'gauge32' && cell.value > 0 ? cell.value : undefined),
};

/** InetAddressType (RFC 4001) and its length in octets; the types with a zone carry it in the last four. */
const ADDRESS_LENGTHS: Readonly<Record<number, readonly number[]>> = { 1: [4], 2: [16, 20], 3: [8], 4: [20] };

/** The index is instance, address type, length and the address's octets. */
function addressOf([, type, length, ...octets]: Oid): string {
  const lengths = type === undefined ? undefined : ADDRESS_LENGTHS[type];
  const fits = length !== undefined && lengths?.includes(length) && octets.length === length && octets.every((octet) => octet <= 255);
  if (!fits) throw new DisorderlyAgent('a row whose index is not an address of IPv4 or IPv6');
  return length < 16 ? withZone(octets.slice(0, 4).join('.'), octets.slice(4)) : withZone(ipv6Of(octets.slice(0, 16)), octets.slice(16));
}

function ipv6Of(octets: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, group) => ((octets[2 * group] ?? 0) * 256 + (octets[2 * group + 1] ?? 0)).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function withZone(address: string, zone: readonly number[]): string {
  return zone.length === 0 ? address : `${address}%${Buffer.from(zone).readUInt32BE()}`;
}

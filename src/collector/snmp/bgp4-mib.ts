import type { Oid, PeerColumn, PeerMib } from './peer-mib.ts';
import { DisorderlyAgent, type SnmpValue } from './response.ts';

export const BGP_LOCAL_AS: Oid = [1, 3, 6, 1, 2, 1, 15, 2, 0];

const BGP_PEER_ENTRY = [1, 3, 6, 1, 2, 1, 15, 3, 1];

const column = (number: number, cell: PeerColumn['cell'], moves: boolean): PeerColumn => ({
  cell,
  oid: [...BGP_PEER_ENTRY, number],
  moves,
});

/** BGP4-MIB (RFC 4273), the objects of bgpPeerTable that say whether a session is up. It has no IPv6 neighbors and no descriptions. */
export const BGP4_MIB: PeerMib = {
  name: 'bgp4',
  columns: [
    column(2, 'state', true),
    column(9, 'remoteAs', false),
    column(15, 'establishedTransitions', true),
    column(16, 'establishedTime', true),
  ],
  // Twelve rows of four columns come to 1.2 kB.
  rowsPerAnswer: 12,
  stateObject: 'bgpPeerState',
  addressOf(index) {
    if (index.length !== 4 || index.some((octet) => octet > 255)) throw new DisorderlyAgent('a row whose index is not an IPv4 address');
    return index.join('.');
  },
  remoteAsOf,
};

/**
 * bgpPeerRemoteAs has room for two octets. A peer with a four-octet AS shows as AS_TRANS (RFC 6793) or as garbage, and then has none
 * here.
 */
function remoteAsOf(cell: SnmpValue): number | undefined {
  if (cell.kind !== 'integer' || cell.value < 1 || cell.value > 65_535 || cell.value === AS_TRANS) return undefined;
  return cell.value;
}

const AS_TRANS = 23_456;

import type { Neighbor, VrfName } from '../../bgp/index.ts';
import { ANY_KEY, IN_LIST, type JsonPath } from '../../lib/index.ts';
import { createObjectFilter } from './object-filter.ts';
import { readPeer } from './read-peer.ts';

/** Reads what the summary of this VRF has for this address. */
export type PeerReader = (vrf: VrfName, address: string, value: unknown) => Neighbor;

/** The peers of one summary, read while its answer came in. */
export interface SummaryPeers {
  /** Begins anew: an answer may be asked for twice. */
  filter(): (chunk: Buffer) => Buffer;
  /** For what the filter left in the place of a peer, that peer. */
  readonly read: PeerReader;
}

const PEERS: JsonPath = ['result', IN_LIST, 'vrfs', ANY_KEY, 'peers', ANY_KEY];
const VRF_LEVEL = 3;
const ADDRESS_LEVEL = 5;

/**
 * Takes the peers out of the answer to `show ip bgp summary vrf all` while it comes in:
 *
 *   …"peers":{"169.254.0.1":{…300 bytes…},…}…  ──►  a Neighbor each;  what is kept: …"peers":{"169.254.0.1":[0],"169.254.0.3":[1],…}…
 *
 * Parsed as a whole, an answer for 4,096 neighbors holds everything else up for as long as all the rest of a tick. A switch that writes such a list
 * itself can name no peer but one that it has told of for this VRF and address.
 */
export function createSummaryPeers(): SummaryPeers {
  let taken: { readonly vrf: VrfName; readonly neighbor: Neighbor }[] = [];
  return {
    filter() {
      taken = [];
      return createObjectFilter(PEERS, (peer, position) => {
        taken.push({ vrf: position.keyAt(VRF_LEVEL), neighbor: readPeer(position.keyAt(ADDRESS_LEVEL), peer) });
        return `[${taken.length - 1}]`;
      });
    },
    read(vrf, address, value) {
      const number: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined;
      const one = typeof number === 'number' ? taken[number] : undefined;
      return one?.vrf === vrf && one.neighbor.address === address ? one.neighbor : readPeer(address, value);
    },
  };
}

import type { Neighbor } from '../../bgp/index.ts';
import { ANY_KEY, IN_LIST, type JsonPath } from '../../platform/index.ts';
import { createObjectFilter } from './object-filter.ts';
import { readPeer } from './read-peer.ts';

/** The peers of one summary, read while its answer came in. */
export interface SummaryPeers {
  /** Begins anew: an answer may be asked for twice. */
  filter(): (chunk: Buffer) => Buffer;
  /** The peer of this address for which `value` stands, or else is. */
  read(address: string, value: unknown): Neighbor;
}

const PEERS: JsonPath = ['result', IN_LIST, 'vrfs', ANY_KEY, 'peers', ANY_KEY];
const ADDRESS_LEVEL = 5;
/** No switch's text begins with it. */
const MARK = '\u0000peer ';

/**
 * Takes the peers out of the answer to `show ip bgp summary vrf all` while it comes in:
 *
 *   …"peers":{"169.254.0.1":{…300 bytes…},…}…  ──►  a Neighbor each;  what is kept: …"peers":{"169.254.0.1":"\0peer 0",…}…
 *
 * Parsed as a whole, an answer for 4,096 neighbors holds everything else up for as long as all the rest of a tick.
 */
export function createSummaryPeers(): SummaryPeers {
  let neighbors: Neighbor[] = [];
  return {
    filter() {
      neighbors = [];
      return createObjectFilter(PEERS, (peer, position) => {
        neighbors.push(readPeer(position.keyAt(ADDRESS_LEVEL), peer));
        return JSON.stringify(`${MARK}${neighbors.length - 1}`);
      });
    },
    read(address, value) {
      const taken = typeof value === 'string' && value.startsWith(MARK) ? neighbors[Number(value.slice(MARK.length))] : undefined;
      return taken?.address === address ? taken : readPeer(address, value);
    },
  };
}

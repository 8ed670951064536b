import { ANY_KEY, IN_LIST, type JsonPath } from '../../lib/index.ts';
import { createObjectFilter } from './object-filter.ts';

const PEERS: JsonPath = ['result', IN_LIST, 'vrfs', ANY_KEY, 'peerList', IN_LIST];
const VRF_LEVEL = 3;
const STAND_IN = '0';

/**
 * Takes the peers out of the answer to `show ip bgp neighbors vrf all` while it comes in:
 *
 *   …"peerList":[{…4 kB…},{…4 kB…}]…  ──►  onPeer, one by one;  what is kept: …"peerList":[0,0]…
 *
 * An answer for thousands of neighbors is 20 MB: parsed as a whole it would stop everything else for a tenth of a second and take several
 * times its size.
 */
export function createPeerListFilter(onPeer: (vrf: string, peer: unknown) => void): (chunk: Buffer) => Buffer {
  return createObjectFilter(PEERS, (peer, position) => {
    onPeer(position.keyAt(VRF_LEVEL), peer);
    return STAND_IN;
  });
}

import { ANY_KEY, createJsonPosition, IN_LIST, type JsonPath } from '../../platform/index.ts';

const PEERS: JsonPath = ['result', IN_LIST, 'vrfs', ANY_KEY, 'peerList', IN_LIST];
const VRF_LEVEL = 3;
const STAND_IN = Buffer.from('0');

/**
 * Takes the peers out of the answer to `show ip bgp neighbors vrf all` while it comes in:
 *
 *   …"peerList":[{…4 kB…},{…4 kB…}]…  ──►  onPeer, one by one;  what is kept: …"peerList":[0,0]…
 *
 * An answer for thousands of neighbors is 20 MB: parsed as a whole it would stop everything else for a tenth of a second and take several
 * times its size. What is kept is parsed as any answer is, so whatever is wrong with it is found there; until then nothing that `onPeer`
 * was told may be believed. A peer that is not JSON is kept as it is.
 */
export function createPeerListFilter(onPeer: (vrf: string, peer: unknown) => void): (chunk: Buffer) => Buffer {
  const position = createJsonPosition(PEERS.length);
  /** The parts so far of the peer that is being read. */
  let peer: Buffer[] | undefined;

  return (chunk) => {
    const kept: Buffer[] = [];
    // Where the part begins that has not been given to anyone: to the peer inside of one, else to what is kept.
    let from = 0;
    for (let at = position.pastBracket(chunk, 0); at !== -1; at = position.pastBracket(chunk, at)) {
      if (peer === undefined) {
        if (!position.hasOpened(PEERS)) continue;
        kept.push(chunk.subarray(from, at - 1));
        from = at - 1;
        peer = [];
      } else if (position.depth === PEERS.length) {
        peer.push(chunk.subarray(from, at));
        kept.push(hand(position.keyAt(VRF_LEVEL), Buffer.concat(peer)));
        from = at;
        peer = undefined;
      }
    }
    (peer ?? kept).push(chunk.subarray(from));
    return Buffer.concat(kept);
  };

  function hand(vrf: string, bytes: Buffer): Buffer {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString('utf8'));
    } catch {
      return bytes;
    }
    onPeer(vrf, value);
    return STAND_IN;
  }
}

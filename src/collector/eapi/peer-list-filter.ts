const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** `{ result [ { vrfs { <vrf> { peerList [` is so many levels down; a peer opens the next. */
const LIST_DEPTH = 6;
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
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** The string that is being read or was read last, outside of a peer. */
  let text: Buffer[] = [];
  /** The key that each level is at; for a list, `[]`. */
  const keys: string[] = [];
  /** The parts so far of the peer that is being read. */
  let peer: Buffer[] | undefined;

  const atList = (): boolean =>
    depth === LIST_DEPTH && keys[1] === 'result' && keys[3] === 'vrfs' && keys[5] === 'peerList' && keys[6] === '[]';

  return (chunk) => {
    const kept: Buffer[] = [];
    // Where the part begins that has not been given to anyone: to the peer inside of one, else to what is kept.
    let from = 0;
    let textFrom = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (peer === undefined) text.push(chunk.subarray(textFrom, at));
        }
      } else if (byte === QUOTE) {
        inString = true;
        if (peer === undefined) {
          text = [];
          textFrom = at + 1;
        }
      } else if (byte === COLON) {
        if (peer === undefined && depth < LIST_DEPTH) keys[depth] = decode(text);
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (byte === OPEN_BRACE && peer === undefined && atList()) {
          kept.push(chunk.subarray(from, at));
          from = at;
          peer = [];
        }
        depth += 1;
        if (depth <= LIST_DEPTH) keys[depth] = byte === OPEN_BRACKET ? '[]' : '';
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1;
        if (peer === undefined || depth > LIST_DEPTH) continue;
        peer.push(chunk.subarray(from, at + 1));
        kept.push(hand(keys[4] ?? '', Buffer.concat(peer)));
        from = at + 1;
        peer = undefined;
      }
    }
    if (peer !== undefined) peer.push(chunk.subarray(from));
    else kept.push(chunk.subarray(from));
    if (inString && peer === undefined) text.push(chunk.subarray(textFrom));
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

/** The text between the quotes of a JSON string; empty when it is none. */
function decode(parts: readonly Buffer[]): string {
  try {
    const value: unknown = JSON.parse(`"${Buffer.concat(parts).toString('utf8')}"`);
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

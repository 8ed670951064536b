import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import { neighborKeyText } from '../switch-source.ts';
import { isJsonObject, type JsonObject } from './json.ts';

/** A minute: no BGP session with a hold time of seconds lives on such a path. */
const MAX_RTT_US = 60_000_000;

/**
 * Takes the round-trip times of the `wanted` neighbors (by `neighborKeyText`) out of a result of `show ip bgp neighbors …`:
 * `{vrfs: {<vrf>: {peerList: [{peerAddress, state, peerTcpInfo: {sndRtt}}]}}}`, `sndRtt` in microseconds, 0 for no sample, null like every
 * field beside it on some releases while the session is down. A session that is not Established has none.
 */
export function collectRtts(result: JsonObject, wanted: ReadonlySet<string>, into: Map<string, Nanoseconds>): void {
  if (!isJsonObject(result.vrfs)) return;
  for (const vrf of Object.keys(result.vrfs)) {
    const reading = result.vrfs[vrf];
    if (!isJsonObject(reading) || !Array.isArray(reading.peerList)) continue;
    for (const peer of reading.peerList) takeRtt(vrf, peer, wanted, into);
  }
}

/** The same for one element of a `peerList`. */
export function takeRtt(vrf: string, peer: unknown, wanted: ReadonlySet<string>, into: Map<string, Nanoseconds>): void {
  if (!isJsonObject(peer) || typeof peer.peerAddress !== 'string' || peer.state !== 'Established') return;
  const key = neighborKeyText({ vrf, address: peer.peerAddress });
  const rtt = isJsonObject(peer.peerTcpInfo) ? readRtt(peer.peerTcpInfo.sndRtt) : undefined;
  if (rtt !== undefined && wanted.has(key)) into.set(key, rtt);
}

function readRtt(microseconds: unknown): Nanoseconds | undefined {
  if (typeof microseconds !== 'number' || !(microseconds >= 1 && microseconds <= MAX_RTT_US)) return undefined;
  return nanoseconds(Math.round(microseconds) * 1_000);
}

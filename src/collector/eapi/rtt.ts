import { isIPv4 } from 'node:net';
import type { NeighborKey } from '../../bgp/index.ts';
import { ANY_KEY, type Breathe, type Clock, IN_LIST, type JsonPath, timeSlices } from '../../lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import { neighborKeyText } from '../source.ts';
import { commandError, type EapiClient, isJsonObject, isOfThisCommandAlone, type JsonObject } from './client.ts';
import { breathing, createObjectFilter } from './json-stream.ts';

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
function takeRtt(vrf: string, peer: unknown, wanted: ReadonlySet<string>, into: Map<string, Nanoseconds>): void {
  if (!isJsonObject(peer) || typeof peer.peerAddress !== 'string' || peer.state !== 'Established') return;
  const key = neighborKeyText({ vrf, address: peer.peerAddress });
  const rtt = isJsonObject(peer.peerTcpInfo) ? readRtt(peer.peerTcpInfo.sndRtt) : undefined;
  if (rtt !== undefined && wanted.has(key)) into.set(key, rtt);
}

function readRtt(microseconds: unknown): Nanoseconds | undefined {
  if (typeof microseconds !== 'number' || !(microseconds >= 1 && microseconds <= MAX_RTT_US)) return undefined;
  return nanoseconds(Math.round(microseconds) * 1_000);
}

interface RttReaderOptions {
  readonly endpoint: string;
  readonly client: EapiClient;
  readonly clock: Clock;
  /** How many neighbors the last poll found Established. */
  readonly established: () => number;
}

type RttReader = (neighbors: readonly NeighborKey[], signal: AbortSignal) => Promise<ReadonlyMap<string, Nanoseconds>>;

const ALL_NEIGHBORS_COMMAND = 'show ip bgp neighbors vrf all';

/** A detail takes 3 to 5 kB; so many fit into one answer of 100 kB. */
const NEIGHBORS_PER_REQUEST = 20;

/** Neighbors that may be gone between the poll and this. More failures than that have a cause of their own, and an RTT is not worth it. */
const MAX_FAILED_COMMANDS = 20;

/**
 * Reads round-trip times, each neighbor by its own command, many in one request:
 *
 *   [a b c d] ──► a, b answered, c failed ──► [d] ──► answered
 *
 * When more than half of what is Established is asked for, one command for all of it costs the switch less.
 */
export function createRttReader({ endpoint, client, clock, established }: RttReaderOptions): RttReader {
  return async (neighbors, signal) => {
    const askable = new Map<string, NeighborKey>();
    const breathe = timeSlices(clock, signal);
    for (const key of neighbors) {
      if (isAskable(key)) askable.set(neighborKeyText(key), key);
      await breathe();
    }
    const wanted: ReadonlySet<string> = new Set(askable.keys());
    const rtts = new Map<string, Nanoseconds>();
    if (wanted.size === 0) return rtts;
    if (wanted.size * 2 > established() && (await readAll(wanted, rtts, breathe, signal))) return rtts;
    await readEach([...askable.values()], wanted, rtts, signal);
    return rtts;
  };

  /** False when the switch would not run the one command, and each neighbor has to be asked for. */
  async function readAll(
    wanted: ReadonlySet<string>,
    rtts: Map<string, Nanoseconds>,
    breathe: Breathe,
    signal: AbortSignal,
  ): Promise<boolean> {
    const found = new Map<string, Nanoseconds>();
    const filter = (): ((chunk: Buffer) => Buffer) => {
      found.clear();
      return createPeerListFilter((vrf, peer) => takeRtt(vrf, peer, wanted, found));
    };
    const { results, failure } = await client.run([ALL_NEIGHBORS_COMMAND], signal, breathing(filter, breathe));
    if (failure !== undefined) return false;
    for (const [key, rtt] of found) rtts.set(key, rtt);
    // A result that came as text holds its peers still.
    for (const result of results) collectRtts(result, wanted, rtts);
    return true;
  }

  async function readEach(
    keys: readonly NeighborKey[],
    wanted: ReadonlySet<string>,
    rtts: Map<string, Nanoseconds>,
    signal: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    for (let next = 0; next < keys.length && failures <= MAX_FAILED_COMMANDS; ) {
      const commands = keys.slice(next, next + NEIGHBORS_PER_REQUEST).map(neighborCommand);
      const { results, failure } = await client.run(commands, signal);
      for (const result of results) collectRtts(result, wanted, rtts);
      next += results.length;
      if (failure === undefined) continue;
      if (!isOfThisCommandAlone(failure)) throw commandError(endpoint, commands[results.length] ?? ALL_NEIGHBORS_COMMAND, failure);
      // The failed command ended the request: whatever came after it is asked for again, without it.
      next += 1;
      failures += 1;
    }
  }
}

/** Whether a key can stand in a command: nothing but an IPv4 address and a plain VRF name, so that nothing else can slip in. */
function isAskable({ vrf, address }: NeighborKey): boolean {
  return isIPv4(address) && /^[A-Za-z0-9_-]{1,100}$/.test(vrf);
}

function neighborCommand({ vrf, address }: NeighborKey): string {
  return `show ip bgp neighbors ${address} vrf ${vrf}`;
}

import { isIPv4 } from 'node:net';
import type { NeighborKey } from '../../bgp/index.ts';
import { isRecord } from '../../lib/index.ts';
import { type Nanoseconds, nanoseconds } from '../../serviceability/index.ts';
import { neighborKeyText } from '../source.ts';
import { commandError, concernsOneCommand, type EapiClient } from './client.ts';
import type { JsonObject } from './json.ts';

/** A minute: no BGP session with a hold time of seconds survives such a path. */
const MAX_RTT_US = 60_000_000;

/**
 * Takes the round-trip times of the `wanted` neighbors (by `neighborKeyText`) out of a result of `show ip bgp neighbors …`:
 * `{vrfs: {<vrf>: {peerList: [{peerAddress, state, peerTcpInfo: {sndRtt}}]}}}`, `sndRtt` in microseconds, 0 for no sample, null like every
 * other field of peerTcpInfo on some releases while the session is down. A session that is not Established has none.
 */
export function collectRtts(result: JsonObject, wanted: ReadonlySet<string>, into: Map<string, Nanoseconds>): void {
  if (!isRecord(result.vrfs)) return;
  for (const [vrf, reading] of Object.entries(result.vrfs)) {
    if (!isRecord(reading) || !Array.isArray(reading.peerList)) continue;
    for (const peer of reading.peerList as readonly unknown[]) {
      if (!isRecord(peer) || typeof peer.peerAddress !== 'string' || peer.state !== 'Established') continue;
      const key = neighborKeyText({ vrf, address: peer.peerAddress });
      const rtt = isRecord(peer.peerTcpInfo) ? readRtt(peer.peerTcpInfo.sndRtt) : undefined;
      if (rtt !== undefined && wanted.has(key)) into.set(key, rtt);
    }
  }
}

function readRtt(microseconds: unknown): Nanoseconds | undefined {
  if (typeof microseconds !== 'number' || !(microseconds >= 1 && microseconds <= MAX_RTT_US)) return undefined;
  return nanoseconds(Math.round(microseconds) * 1_000);
}

interface RttReaderOptions {
  readonly endpoint: string;
  readonly client: Pick<EapiClient, 'run'>;
  /** How many neighbors the last poll found Established. */
  readonly established: () => number;
}

const ALL_NEIGHBORS_COMMAND = 'show ip bgp neighbors vrf all';

/** The details of a neighbor take 3 to 5 kB: 500 make an answer of 2.5 MB, and more would exceed the bound of an answer. */
const MAX_NEIGHBORS_OF_ONE_COMMAND = 500;
const NEIGHBORS_PER_REQUEST = 20;

/** Some neighbors may be gone since the poll. More failures than that have another cause, and an RTT is not worth more requests. */
const MAX_FAILED_COMMANDS = 20;

/**
 * Reads round-trip times, each neighbor by its own command, many in one request:
 *
 *   [a b c d] ──► a, b answered, c failed ──► [d] ──► answered
 *
 * When more than half of what is Established is asked for, one command for all of it costs the switch less.
 */
export class RttReader {
  readonly #options: RttReaderOptions;

  constructor(options: RttReaderOptions) {
    this.#options = options;
  }

  async read(neighbors: readonly NeighborKey[], signal: AbortSignal): Promise<ReadonlyMap<string, Nanoseconds>> {
    const askable = new Map(neighbors.filter(isAskable).map((key) => [neighborKeyText(key), key]));
    const wanted: ReadonlySet<string> = new Set(askable.keys());
    const rtts = new Map<string, Nanoseconds>();
    if (wanted.size === 0) return rtts;
    const established = this.#options.established();
    if (wanted.size * 2 > established && established <= MAX_NEIGHBORS_OF_ONE_COMMAND && (await this.#readAll(wanted, rtts, signal)))
      return rtts;
    await this.#readEach([...askable.values()], wanted, rtts, signal);
    return rtts;
  }

  /** False when the switch did not run the one command, and each neighbor has to be asked for. */
  async #readAll(wanted: ReadonlySet<string>, rtts: Map<string, Nanoseconds>, signal: AbortSignal): Promise<boolean> {
    const { results, failure } = await this.#options.client.run([ALL_NEIGHBORS_COMMAND], signal);
    for (const result of results) collectRtts(result, wanted, rtts);
    return failure === undefined;
  }

  async #readEach(
    keys: readonly NeighborKey[],
    wanted: ReadonlySet<string>,
    rtts: Map<string, Nanoseconds>,
    signal: AbortSignal,
  ): Promise<void> {
    const { endpoint, client } = this.#options;
    let failures = 0;
    for (let next = 0; next < keys.length && failures <= MAX_FAILED_COMMANDS; ) {
      const commands = keys.slice(next, next + NEIGHBORS_PER_REQUEST).map(neighborCommand);
      const { results, failure } = await client.run(commands, signal);
      for (const result of results) collectRtts(result, wanted, rtts);
      next += results.length;
      if (failure === undefined) continue;
      if (!concernsOneCommand(failure)) throw commandError(endpoint, commands[results.length] ?? ALL_NEIGHBORS_COMMAND, failure);
      // The failed command ended the request: those after it are asked for again, without it.
      next += 1;
      failures += 1;
    }
  }
}

/** Whether a key may be part of a command: only an IPv4 address and a plain VRF name, so that no other text can slip in. */
function isAskable({ vrf, address }: NeighborKey): boolean {
  return isIPv4(address) && /^[A-Za-z0-9_-]{1,100}$/.test(vrf);
}

function neighborCommand({ vrf, address }: NeighborKey): string {
  return `show ip bgp neighbors ${address} vrf ${vrf}`;
}

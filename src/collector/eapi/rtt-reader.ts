import { isIPv4 } from 'node:net';
import type { NeighborKey } from '../../bgp/index.ts';
import { type Breathe, type Clock, timeSlices } from '../../lib/index.ts';
import type { Nanoseconds } from '../../serviceability/index.ts';
import { neighborKeyText } from '../switch-source.ts';
import { breathing } from './breathing-filter.ts';
import type { EapiClient } from './client.ts';
import { commandError, isOfThisCommandAlone } from './command-error.ts';
import { createPeerListFilter } from './peer-list-filter.ts';
import { collectRtts, takeRtt } from './read-rtts.ts';

export interface RttReaderOptions {
  readonly endpoint: string;
  readonly client: EapiClient;
  readonly clock: Clock;
  /** How many neighbors the last poll found Established. */
  readonly established: () => number;
}

export type RttReader = (neighbors: readonly NeighborKey[], signal: AbortSignal) => Promise<ReadonlyMap<string, Nanoseconds>>;

export const ALL_NEIGHBORS_COMMAND = 'show ip bgp neighbors vrf all';

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

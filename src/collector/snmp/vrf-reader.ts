import type { VrfReading } from '../../bgp/index.ts';
import type { EpochMs } from '../../lib/index.ts';
import { ARISTA_MIB } from './arista-mib.ts';
import { BGP_LOCAL_AS, BGP4_MIB } from './bgp4-mib.ts';
import { readKnownRows, requestsFor } from './known-rows.ts';
import { neighborOf, type PeerMib, type PeerRow } from './peer-mib.ts';
import { readTable } from './read-table.ts';
import { DisorderlyAgent } from './response.ts';
import type { SnmpSession } from './snmp-session.ts';
import type { TableOptions } from './table-walk.ts';

/** Which MIB is read; `auto` takes ARISTA-BGP4V2-MIB where there is one, else BGP4-MIB. */
export type MibChoice = 'auto' | PeerMib['name'];

export type Collected = Extract<VrfReading, { kind: 'collected' }>;

export interface VrfReaderOptions {
  readonly source: string;
  readonly mib: MibChoice;
  readonly maxRows: number;
  readonly now: () => EpochMs;
}

/** Reads one VRF, poll after poll, and remembers from one to the next what spares requests. */
export interface VrfReader {
  /** Rejects with NoBgp when the agent says that there is no BGP in this VRF; otherwise as readTable does. */
  read(session: SnmpSession, signal: AbortSignal): Promise<Collected>;
  /** Forgets which MIB the agent has and which neighbors: it may be another agent by now. */
  forget(): void;
}

/** The agent has a view of this VRF, and there is no BGP in it. */
export class NoBgp extends Error {
  override readonly name = 'NoBgp';
}

interface Memory {
  readonly mib: PeerMib;
  readonly rows: readonly PeerRow[];
  /** What the last walk took, its look back included. */
  readonly walkRequests: number;
  readonly pollsSinceWalk: number;
}

/** Descriptions and AS numbers, which only walks read, are at most so many polls old. */
const POLLS_BETWEEN_WALKS = 11;

/** Ages come in whole seconds, and the answer's way and the agent's cache add theirs. */
const CHANGED_AT_TOLERANCE_MS = 3_000;

const MIBS: Readonly<Record<MibChoice, readonly PeerMib[]>> = { auto: [ARISTA_MIB, BGP4_MIB], arista: [ARISTA_MIB], bgp4: [BGP4_MIB] };

/**
 *   known rows, where that is cheaper ──► all there, nothing new? ──► collected
 *                                              │ else
 *   walk of the MIB that had rows last, or of each in turn ──► rows ──► collected
 *                                              │ none
 *   bgpLocalAs ──► BGP runs: collected, empty (at the second time, where there were neighbors) · it does not: NoBgp
 *
 * Whatever fails makes it forget: the next poll begins from nothing, as after an agent's restart.
 */
export function createVrfReader({ source, mib: choice, maxRows, now }: VrfReaderOptions): VrfReader {
  let memory: Memory | undefined;
  let byName = true;

  const collected = (rows: Iterable<PeerRow>, mib: PeerMib): Collected => ({
    kind: 'collected',
    source,
    neighbors: new Map([...rows].map((row) => [row.address, neighborOf(row, mib)])),
    switchTime: now(),
    changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS,
  });

  const lookAtKnown = async (known: Memory, options: TableOptions, signal: AbortSignal): Promise<Collected | undefined> => {
    if (!byName || known.pollsSinceWalk >= POLLS_BETWEEN_WALKS || requestsFor(known.rows.length) >= known.walkRequests) return undefined;
    const rows = await readKnownRows(options, known.rows, signal).catch((error: unknown) => {
      // Agents differ in how many names they take at once; one that refuses them, or is silent, is walked from now on.
      byName = false;
      signal.throwIfAborted();
      if (error instanceof DisorderlyAgent) throw error;
      return undefined;
    });
    if (rows === undefined) return undefined;
    memory = { ...known, rows: [...rows.values()], pollsSinceWalk: known.pollsSinceWalk + 1 };
    return collected(rows.values(), known.mib);
  };

  const walkOne = async (mib: PeerMib, session: SnmpSession, signal: AbortSignal): Promise<Collected | undefined> => {
    const { rows, answers } = await readTable({ session, mib, maxRows, now }, signal);
    if (rows.size === 0) return undefined;
    const reading = collected(rows.values(), mib);
    memory = { mib, rows: [...rows.values()], walkRequests: answers + (answers > 1 ? 1 : 0), pollsSinceWalk: 0 };
    return reading;
  };

  /** The first of the MIBs that has rows; an empty table of one says nothing before the others have been asked. */
  const walk = async (mibs: readonly PeerMib[], session: SnmpSession, signal: AbortSignal): Promise<Collected | undefined> => {
    for (const mib of mibs) {
      const reading = await walkOne(mib, session, signal).catch((error: unknown) => {
        // Arista promises no stable structure of its own MIB; where it makes no sense there is the standard one.
        if (choice === 'auto' && mib === ARISTA_MIB && error instanceof DisorderlyAgent) return undefined;
        throw error;
      });
      if (reading !== undefined) return reading;
    }
    return undefined;
  };

  return {
    async read(session, signal) {
      const known = memory;
      memory = undefined;
      if (known !== undefined) {
        const options = { session, mib: known.mib, maxRows, now };
        const reading = (await lookAtKnown(known, options, signal)) ?? (await walk([known.mib], session, signal));
        if (reading !== undefined) return reading;
      }
      const reading = await walk(
        MIBS[choice].filter((mib) => mib !== known?.mib),
        session,
        signal,
      );
      if (reading !== undefined) return reading;
      await requireBgp(session, signal);
      // So it looks, too, while the switch's BGP starts anew; what is forgotten by now is believed at the next poll.
      if (known !== undefined)
        throw new Error(`all ${known.rows.length} neighbors are gone at once, which is believed when it is so twice`);
      return collected([], BGP4_MIB);
    },
    forget() {
      memory = undefined;
      byName = true;
    },
  };
}

/** A view without BGP says nothing about neighbors. */
async function requireBgp(session: SnmpSession, signal: AbortSignal): Promise<void> {
  const [localAs] = await session.request({ kind: 'get', oids: [BGP_LOCAL_AS] }, signal);
  if (localAs?.value.kind !== 'integer' || localAs.value.value === 0)
    throw new NoBgp('no BGP here: the agent has neither neighbors nor bgpLocalAs');
}

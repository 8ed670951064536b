import type { NeighborState } from '../../../bgp/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../simulated-switch.ts';
import { compareOids, type MibObject, type MibValue, type Oid, TYPE } from './mib-view.ts';

export interface NeighborRow {
  readonly instance: Oid;
  readonly neighbor: SimulatedNeighbor;
}

/** The neighbors that have a row, in the order of their instances. */
export type RowSorter = (neighbors: readonly SimulatedNeighbor[]) => readonly NeighborRow[];

/**
 * Sorting thousands of neighbors for each request would be most of the work, so the order is kept while the neighbors are the same ones.
 */
export function createRowSorter(instanceOf: (neighbor: SimulatedNeighbor) => Oid | undefined): RowSorter {
  let sorted: readonly NeighborRow[] = [];
  let of: readonly SimulatedNeighbor[] = [];
  return (neighbors) => {
    if (neighbors.length === of.length && neighbors.every((neighbor, position) => neighbor === of[position])) return sorted;
    of = neighbors;
    sorted = neighbors
      .flatMap((neighbor) => {
        const instance = instanceOf(neighbor);
        return instance === undefined ? [] : [{ instance, neighbor }];
      })
      .sort((left, right) => compareOids(left.instance, right.instance));
    return sorted;
  };
}

/** A column of the table whose rows these are. */
export function columnOf(
  rows: readonly NeighborRow[],
  instances: readonly Oid[],
  oid: Oid,
  read: (neighbor: SimulatedNeighbor) => MibValue,
): MibObject {
  return {
    oid,
    instances,
    read(position) {
      const row = rows[position];
      if (row === undefined) throw new RangeError(`no row ${position}`);
      return read(row.neighbor);
    },
  };
}

/** bgpPeerState, and aristaBgp4V2PeerState alike. */
export const STATE: Readonly<Record<NeighborState, number>> = {
  idle: 1,
  connect: 2,
  active: 3,
  'open-sent': 4,
  'open-confirm': 5,
  established: 6,
  // The MIBs have no seventh state; a switch that had one would break the range.
  unrecognized: 7,
};

/** 1 stop or halted, 2 start or running. */
export function adminStatus({ idleReason }: SimulatedNeighbor): MibValue {
  return integer(idleReason === 'Admin' ? 1 : 2);
}

const COUNTER_RANGE = 2 ** 32;

export function establishedTransitions({ establishedTransitions: count }: SimulatedNeighbor): MibValue {
  return { type: TYPE.counter32, value: count % COUNTER_RANGE };
}

/** Seconds in Established, or since it was last; 0 for one that never was. */
export function establishedTime({ state, establishedTransitions: count, changedAt }: SimulatedNeighbor, sim: SimulatedSwitch): MibValue {
  const never = state !== 'established' && count === 0;
  return { type: TYPE.gauge32, value: never ? 0 : Math.max(0, Math.floor((sim.now() - changedAt) / 1_000)) };
}

export function scalar(oid: Oid, value: MibValue): MibObject {
  return { oid, instances: [[0]], read: () => value };
}

export const integer = (value: number): MibValue => ({ type: TYPE.integer, value });
export const octets = (value: string): MibValue => ({ type: TYPE.octetString, value });
export const ipAddress = (value: string): MibValue => ({ type: TYPE.ipAddress, value });

import type { Neighbor, NeighborSnapshot, VrfName, VrfReading } from './neighbor-snapshot.ts';
import type { LocatedNeighbor } from './observation.ts';

/** A snapshot turned around: from an address to wherever it was found. */
export interface NeighborIndex {
  byAddress(address: string): readonly LocatedNeighbor[];
  /** Whether this VRF was read in full. */
  wasCollected(vrf: VrfName): boolean;
  /** Whether every VRF of the snapshot was read. */
  readonly everyVrfCollected: boolean;
  readonly neighborCount: number;
}

const NONE: readonly LocatedNeighbor[] = [];

/** Pauses after each neighbor. */
export function* indexNeighbors(snapshot: NeighborSnapshot): Generator<void, NeighborIndex, void> {
  const located = new Map<string, LocatedNeighbor[]>();
  let neighborCount = 0;
  let everyVrfCollected = true;
  for (const [vrf, reading] of snapshot.vrfs) {
    if (reading.kind === 'failed') {
      everyVrfCollected = false;
      continue;
    }
    for (const neighbor of reading.neighbors.values()) {
      const entry = locate(vrf, neighbor, reading);
      const others = located.get(neighbor.address);
      if (others === undefined) located.set(neighbor.address, [entry]);
      else others.push(entry);
      neighborCount += 1;
      yield;
    }
  }
  return {
    byAddress: (address) => located.get(address) ?? NONE,
    wasCollected: (vrf) => snapshot.vrfs.get(vrf)?.kind === 'collected',
    everyVrfCollected,
    neighborCount,
  };
}

function locate(vrf: VrfName, neighbor: Neighbor, reading: Extract<VrfReading, { kind: 'collected' }>): LocatedNeighbor {
  const { source, switchTime, changedAtToleranceMs } = reading;
  const { address, changedAt } = neighbor;
  const sinceMs = switchTime === undefined || changedAt === undefined ? undefined : switchTime - changedAt;
  // A change in the switch's own future says nothing about how long ago it was.
  if (sinceMs === undefined || sinceMs < 0) return { vrf, address, neighbor, source, changedAtToleranceMs };
  return { vrf, address, neighbor, source, changedAtToleranceMs, sinceMs };
}

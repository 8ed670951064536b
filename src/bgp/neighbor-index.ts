import type { NeighborSnapshot, VrfName, VrfReading } from './neighbor-snapshot.ts';
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

export function indexNeighbors(snapshot: NeighborSnapshot): NeighborIndex {
  const located = new Map<string, LocatedNeighbor[]>();
  let neighborCount = 0;
  let everyVrfCollected = true;
  for (const [vrf, reading] of snapshot.vrfs) {
    if (reading.kind === 'failed') {
      everyVrfCollected = false;
      continue;
    }
    for (const neighbor of reading.neighbors.values()) {
      const entry = locate(vrf, neighbor.address, reading);
      if (entry === undefined) continue;
      const others = located.get(neighbor.address);
      if (others === undefined) located.set(neighbor.address, [entry]);
      else others.push(entry);
      neighborCount += 1;
    }
  }
  return {
    byAddress: (address) => located.get(address) ?? NONE,
    wasCollected: (vrf) => snapshot.vrfs.get(vrf)?.kind === 'collected',
    everyVrfCollected,
    neighborCount,
  };
}

function locate(vrf: VrfName, address: string, reading: Extract<VrfReading, { kind: 'collected' }>): LocatedNeighbor | undefined {
  const neighbor = reading.neighbors.get(address);
  if (neighbor === undefined) return undefined;
  const sinceMs =
    reading.switchTime === undefined || neighbor.changedAt === undefined ? undefined : reading.switchTime - neighbor.changedAt;
  return {
    vrf,
    address,
    neighbor,
    source: reading.source,
    changedAtToleranceMs: reading.changedAtToleranceMs,
    // A change in the switch's own future says nothing about how long ago it was.
    ...(sinceMs === undefined || sinceMs < 0 ? {} : { sinceMs }),
  };
}

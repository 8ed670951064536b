import type { LedgerView, NeighborSnapshot } from './bgp/index.ts';

/** Tunnel ids of Established `USER-…` neighbors of no user that this view knows: somebody may just have been created. */
export function strangersOf(view: LedgerView, snapshot: NeighborSnapshot | undefined): readonly number[] {
  if (snapshot === undefined) return [];
  const known = new Set<number>();
  for (const { user } of view.users.values()) known.add(user.tunnelId);
  const strangers: number[] = [];
  for (const reading of snapshot.vrfs.values()) {
    if (reading.kind === 'failed') continue;
    for (const { state, description } of reading.neighbors.values()) {
      if (state !== 'established' || description === undefined) continue;
      const id = Number(/^USER-(\d+)$/.exec(description)?.[1]);
      if (Number.isInteger(id) && !known.has(id)) strangers.push(id);
    }
  }
  return strangers;
}

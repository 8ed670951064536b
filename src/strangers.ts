import type { LedgerView, NeighborSnapshot } from './bgp/index.ts';

/** How the controller describes a user's neighbor: with its tunnel id. */
const USER_DESCRIPTION = /^USER-\d+$/;

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
      if (!USER_DESCRIPTION.test(description)) continue;
      const id = Number(description.slice('USER-'.length));
      if (!known.has(id)) strangers.push(id);
    }
  }
  return strangers;
}

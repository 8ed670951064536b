import type { Neighbor, NeighborKey } from './neighbor-snapshot.ts';

/** Why nothing was seen of a user in a tick (rule 1). Each value is shown as it stands by logs, metrics and `explain`. */
export type UnobservedReason =
  /** No source could be read. */
  | 'switch-not-read'
  /** The user's neighbor was in no VRF that was read, and its own VRF, or one that could hold it, was not (rule 3). */
  | 'vrf-not-collected'
  /** The switch shows no neighbor at all: an agent that restarts, not a fact about users. */
  | 'no-neighbors-at-all'
  /** The account's tunnel_net is not an IPv4 /31 (rule 6). */
  | 'tunnel-net-invalid'
  /** Another activated user of this device has the same tunnel_net (rule 5). */
  | 'tunnel-net-shared'
  /** The address is configured for another user (`USER-<other id>`): the switch has not caught up with the ledger. */
  | 'neighbor-of-another-user'
  /** The switch named a state that is not of RFC 4271. */
  | 'state-unrecognized'
  /** Most sessions went down at once, and a second look did not confirm this one (rule 8). */
  | 'mass-down-unconfirmed';

/** A neighbor and where it was found. */
export interface LocatedNeighbor extends NeighborKey {
  readonly neighbor: Neighbor;
  readonly source: string;
  /** How long the session has been as it is, by the switch's own clock, milliseconds; absent where the source can't tell. */
  readonly sinceMs?: number;
  readonly changedAtToleranceMs: number;
}

/** What one tick saw of one user: three values, never two (rule 1). */
export type Observation =
  | { readonly kind: 'up'; readonly at: LocatedNeighbor }
  /** `at` is absent when the switch has no such neighbor although every VRF was read. */
  | { readonly kind: 'down'; readonly at?: LocatedNeighbor }
  | { readonly kind: 'unobserved'; readonly because: UnobservedReason };

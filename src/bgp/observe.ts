import { type Address, type Ipv4, type NetworkV4, tunnelSides, UserStatus } from '../serviceability/index.ts';
import type { LedgerUser, LocatedNeighbor, Neighbor, NeighborSnapshot, Observation, VrfName, VrfReading } from './types.ts';

/** A snapshot by address: where each address was found. */
interface NeighborIndex {
  readonly byAddress: ReadonlyMap<string, readonly LocatedNeighbor[]>;
  readonly vrfs: NeighborSnapshot['vrfs'];
  readonly everyVrfCollected: boolean;
}

function indexNeighbors({ vrfs }: NeighborSnapshot): NeighborIndex {
  const byAddress = new Map<string, LocatedNeighbor[]>();
  let everyVrfCollected = true;
  for (const [vrf, reading] of vrfs) {
    if (reading.kind === 'failed') {
      everyVrfCollected = false;
      continue;
    }
    for (const neighbor of reading.neighbors.values()) {
      const entry = locate(vrf, neighbor, reading);
      const others = byAddress.get(neighbor.address);
      if (others === undefined) byAddress.set(neighbor.address, [entry]);
      else others.push(entry);
    }
  }
  return { byAddress, vrfs, everyVrfCollected };
}

function locate(vrf: VrfName, neighbor: Neighbor, reading: Extract<VrfReading, { kind: 'collected' }>): LocatedNeighbor {
  const { source, table, switchTime, changedAtToleranceMs } = reading;
  const { address, changedAt } = neighbor;
  const sinceMs = switchTime === undefined || changedAt === undefined ? undefined : switchTime - changedAt;
  // A change later than the switch's own time has no age.
  if (sinceMs === undefined || sinceMs < 0) return { vrf, address, neighbor, source, table, changedAtToleranceMs };
  return { vrf, address, neighbor, source, table, changedAtToleranceMs, sinceMs };
}

/** The tunnel that identifies a user's neighbor: its account's, or the last one known where the account has lost it. */
export interface Tunnel {
  readonly tunnelNet: NetworkV4;
  readonly tunnelId: number;
}

export interface Observations {
  readonly byUser: ReadonlyMap<Address, Observation>;
  /** Tunnel ids of the users found at more than one neighbor (rule 2); for the operator, not an error. */
  readonly ambiguous: readonly number[];
}

/**
 * The observation of each user in one snapshot.
 *
 *   snapshot ── indexNeighbors ──► address → where
 *   user ── tunnel_net /31 ──► client side, else device side ──► candidates ──► one ──► up | down | unobserved
 *
 * Pure. `lastTunnel` serves users whose account no longer names a tunnel (a ban zeroes it), so that their last Up can be corrected.
 */
export function observeUsers(
  users: Iterable<LedgerUser>,
  snapshot: NeighborSnapshot | undefined,
  lastTunnel: (user: Address) => Tunnel | undefined,
): Observations {
  const byUser = new Map<Address, Observation>();
  const everyone = [...users];
  if (snapshot === undefined) {
    for (const { pubkey } of everyone) byUser.set(pubkey, { kind: 'unobserved', reason: 'switch-not-read' });
    return { byUser, ambiguous: [] };
  }
  const index = indexNeighbors(snapshot);
  const claims = countClaims(everyone);
  const ambiguous: number[] = [];
  for (const { pubkey, user, expectedVrf } of everyone) {
    const activated = user.status === UserStatus.activated;
    const tunnel = activated || tunnelSides(user.tunnelNet) !== undefined ? user : lastTunnel(pubkey);
    const sides = tunnel && tunnelSides(tunnel.tunnelNet);
    const claimants = sides === undefined ? 0 : (claims.get(sides.clientSide) ?? 0);
    // A tunnel that belongs to another user now says nothing about its former one.
    const shared = activated ? claimants > 1 : claimants > 0;
    byUser.set(pubkey, shared ? { kind: 'unobserved', reason: 'tunnel-net-shared' } : observeTunnel(tunnel, expectedVrf, index, ambiguous));
  }
  return { byUser, ambiguous };
}

/** How many activated users claim each tunnel, by its client side: a tunnel_net may name either address of its /31. */
function countClaims(users: readonly LedgerUser[]): ReadonlyMap<Ipv4, number> {
  const claims = new Map<Ipv4, number>();
  for (const { user } of users) {
    const sides = user.status === UserStatus.activated ? tunnelSides(user.tunnelNet) : undefined;
    if (sides !== undefined) claims.set(sides.clientSide, (claims.get(sides.clientSide) ?? 0) + 1);
  }
  return claims;
}

function observeTunnel(
  tunnel: Tunnel | undefined,
  expectedVrf: VrfName | undefined,
  index: NeighborIndex,
  ambiguous: number[],
): Observation {
  const sides = tunnel === undefined ? undefined : tunnelSides(tunnel.tunnelNet);
  if (tunnel === undefined || sides === undefined) return { kind: 'unobserved', reason: 'tunnel-net-invalid' };
  if (index.byAddress.size === 0) return { kind: 'unobserved', reason: 'no-neighbors-at-all' };

  const description = `USER-${tunnel.tunnelId}`;
  const found = index.byAddress.get(sides.clientSide) ?? index.byAddress.get(sides.deviceSide) ?? [];
  const candidates = found.filter(({ neighbor }) => !namesAnotherUser(neighbor.description, description));
  if (candidates.length > 1) ambiguous.push(tunnel.tunnelId);

  const chosen = choose(candidates, description, expectedVrf);
  if (chosen === undefined) {
    if (found.length > 0) return { kind: 'unobserved', reason: 'neighbor-of-another-user' };
    if (couldBeElsewhere(expectedVrf, index)) return { kind: 'unobserved', reason: 'vrf-not-collected' };
    return { kind: 'down', downReason: whyAbsent(sides.clientSide, index.vrfs.get(expectedVrf ?? '')) };
  }
  switch (chosen.neighbor.state) {
    case 'established':
      return { kind: 'up', at: chosen };
    case 'unrecognized':
      return { kind: 'unobserved', reason: 'state-unrecognized' };
    default: {
      const isCertain = chosen.neighbor.description === description || chosen.vrf === expectedVrf;
      if (!isCertain && couldBeElsewhere(expectedVrf, index)) return { kind: 'unobserved', reason: 'vrf-not-collected' };
      return { kind: 'down', at: chosen, downReason: chosen.neighbor.downReason };
    }
  }
}

/** Why the switch has no such neighbor; a source that sees connections cannot show a neighbor that is down. */
function whyAbsent(address: string, reading: VrfReading | undefined): string {
  if (reading?.kind !== 'collected' || reading.tcpStates === undefined) return 'the switch has no such neighbor';
  const state = reading.tcpStates.get(address);
  return state === undefined ? 'no TCP connection' : `the TCP connection is in state ${state}`;
}

/** The described one first, then the one in the VRF where the controller puts this user, then an Established one (rule 2). */
function choose(
  candidates: readonly LocatedNeighbor[],
  description: string,
  expectedVrf: VrfName | undefined,
): LocatedNeighbor | undefined {
  const rank = ({ neighbor, vrf }: LocatedNeighbor): number =>
    (neighbor.description === description ? 4 : 0) + (vrf === expectedVrf ? 2 : 0) + (neighbor.state === 'established' ? 1 : 0);
  let best: LocatedNeighbor | undefined;
  for (const candidate of candidates) {
    if (best === undefined || rank(candidate) > rank(best)) best = candidate;
  }
  return best;
}

function couldBeElsewhere(expectedVrf: VrfName | undefined, { everyVrfCollected, vrfs }: NeighborIndex): boolean {
  // A user whose tenant cannot be read may be in a VRF that the answer leaves out.
  return !everyVrfCollected || expectedVrf === undefined || !vrfs.has(expectedVrf);
}

function namesAnotherUser(description: string | undefined, ours: string): boolean {
  return description !== ours && tunnelIdIn(description) !== undefined;
}

/** The tunnel id in a description, by which the controller names the user of a neighbor: `USER-502`. */
export function tunnelIdIn(description: string | undefined): number | undefined {
  const id = /^USER-(\d+)$/.exec(description ?? '')?.[1];
  return id === undefined ? undefined : Number(id);
}

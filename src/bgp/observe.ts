import { type Address, formatNetworkV4, type NetworkV4, tunnelSides, UserStatus } from '../serviceability/index.ts';
import type { LedgerUser, LocatedNeighbor, Neighbor, NeighborSnapshot, Observation, VrfName, VrfReading } from './types.ts';

/** A snapshot by address: where each address was found. */
interface NeighborIndex {
  byAddress(address: string): readonly LocatedNeighbor[];
  /** Whether this VRF was read in full. */
  wasCollected(vrf: VrfName): boolean;
  /** Whether every VRF of the snapshot was read. */
  readonly everyVrfCollected: boolean;
  readonly neighborCount: number;
}

const NONE: readonly LocatedNeighbor[] = [];

function indexNeighbors(snapshot: NeighborSnapshot): NeighborIndex {
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
  // A change later than the switch's own time has no age.
  if (sinceMs === undefined || sinceMs < 0) return { vrf, address, neighbor, source, changedAtToleranceMs };
  return { vrf, address, neighbor, source, changedAtToleranceMs, sinceMs };
}

/** The tunnel that identifies a user's neighbor: its account's, or the last one known where the account has lost it. */
export interface Tunnel {
  readonly tunnelNet: NetworkV4;
  readonly tunnelId: number;
}

/** What identifies the neighbor of a tunnel. */
interface TunnelAddresses {
  /** The two ends of the /31; undefined where it is none (rule 6). */
  readonly sides: ReturnType<typeof tunnelSides>;
  /** The network as text, to find users that share it. */
  readonly net: string;
  /** How the controller describes the neighbor. */
  readonly description: string;
}

export type TunnelAddressing = (tunnel: Tunnel) => TunnelAddresses;

/** Caches by the tunnel's object: an account that has not changed is the same object in every tick. */
export function createTunnelAddressing(): TunnelAddressing {
  const known = new WeakMap<Tunnel, TunnelAddresses>();
  return (tunnel) => {
    const before = known.get(tunnel);
    if (before !== undefined) return before;
    const { tunnelNet, tunnelId } = tunnel;
    const addresses = { sides: tunnelSides(tunnelNet), net: formatNetworkV4(tunnelNet), description: `USER-${tunnelId}` };
    known.set(tunnel, addresses);
    return addresses;
  };
}

export interface Observations {
  readonly byUser: ReadonlyMap<Address, Observation>;
  /** Users found at more than one neighbor (rule 2); a figure for the operator, not an error. */
  readonly ambiguous: number;
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
  addressesOf: TunnelAddressing = createTunnelAddressing(),
): Observations {
  const byUser = new Map<Address, Observation>();
  const everyone = [...users];
  if (snapshot === undefined) {
    for (const { pubkey } of everyone) byUser.set(pubkey, { kind: 'unobserved', reason: 'switch-not-read' });
    return { byUser, ambiguous: 0 };
  }
  const index = indexNeighbors(snapshot);
  const claims = countClaims(everyone, addressesOf);
  let ambiguous = 0;
  const onAmbiguous = (): void => {
    ambiguous += 1;
  };
  for (const entry of everyone) {
    const activated = entry.user.status === UserStatus.activated;
    const tunnel = addressesOf(entry.user).sides === undefined && !activated ? lastTunnel(entry.pubkey) : entry.user;
    const claimants = tunnel === undefined ? 0 : (claims.get(addressesOf(tunnel).net) ?? 0);
    // A tunnel that belongs to another user now says nothing about its former one.
    const shared = activated ? claimants > 1 : claimants > 0;
    const observation: Observation =
      tunnel === undefined
        ? { kind: 'unobserved', reason: 'tunnel-net-invalid' }
        : shared
          ? { kind: 'unobserved', reason: 'tunnel-net-shared' }
          : observeTunnel(addressesOf(tunnel), entry.expectedVrf, index, onAmbiguous);
    byUser.set(entry.pubkey, observation);
  }
  return { byUser, ambiguous };
}

/** How many activated users claim each tunnel_net. */
function countClaims(users: readonly LedgerUser[], addressesOf: TunnelAddressing): ReadonlyMap<string, number> {
  const claims = new Map<string, number>();
  for (const { user } of users) {
    if (user.status !== UserStatus.activated) continue;
    const { net } = addressesOf(user);
    claims.set(net, (claims.get(net) ?? 0) + 1);
  }
  return claims;
}

function observeTunnel(
  { sides, description }: TunnelAddresses,
  expectedVrf: string | undefined,
  index: NeighborIndex,
  onAmbiguous: () => void,
): Observation {
  if (sides === undefined) return { kind: 'unobserved', reason: 'tunnel-net-invalid' };
  if (index.neighborCount === 0) return { kind: 'unobserved', reason: 'no-neighbors-at-all' };

  const atClient = index.byAddress(sides.clientSide);
  const found = atClient.length > 0 ? atClient : index.byAddress(sides.deviceSide);
  const candidates = found.filter(({ neighbor }) => !namesAnotherUser(neighbor.description, description));
  if (candidates.length > 1) onAmbiguous();

  const chosen = choose(candidates, description, expectedVrf);
  if (chosen === undefined) {
    if (found.length > 0) return { kind: 'unobserved', reason: 'neighbor-of-another-user' };
    return couldBeElsewhere(expectedVrf, index) ? { kind: 'unobserved', reason: 'vrf-not-collected' } : { kind: 'down' };
  }
  switch (chosen.neighbor.state) {
    case 'established':
      return { kind: 'up', at: chosen };
    case 'unrecognized':
      return { kind: 'unobserved', reason: 'state-unrecognized' };
    default: {
      const isCertain = chosen.neighbor.description === description || chosen.vrf === expectedVrf;
      if (!isCertain && couldBeElsewhere(expectedVrf, index)) return { kind: 'unobserved', reason: 'vrf-not-collected' };
      return { kind: 'down', at: chosen };
    }
  }
}

/** The described one first, then an Established one, then the one in the VRF where the controller puts this user (rule 2). */
function choose(candidates: readonly LocatedNeighbor[], description: string, expectedVrf: string | undefined): LocatedNeighbor | undefined {
  const rank = ({ neighbor, vrf }: LocatedNeighbor): number =>
    (neighbor.description === description ? 4 : 0) + (neighbor.state === 'established' ? 2 : 0) + (vrf === expectedVrf ? 1 : 0);
  let best: LocatedNeighbor | undefined;
  for (const candidate of candidates) {
    if (best === undefined || rank(candidate) > rank(best)) best = candidate;
  }
  return best;
}

function couldBeElsewhere(expectedVrf: string | undefined, index: NeighborIndex): boolean {
  // A user whose tenant cannot be read may be in a VRF that the answer leaves out.
  return !index.everyVrfCollected || expectedVrf === undefined || !index.wasCollected(expectedVrf);
}

function namesAnotherUser(description: string | undefined, ours: string): boolean {
  return description !== undefined && description !== ours && /^USER-\d+$/.test(description);
}

import type { LedgerView, NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import { formatNetworkV4, tunnelSides, UserStatus } from '../../serviceability/index.ts';

/** The users of the ledger beside the neighbors of the switch. Each list names users or neighbors for people. */
export interface UserComparison {
  readonly activated: number;
  /** Have their neighbor where it belongs. */
  readonly found: number;
  readonly established: number;
  /** The switch has no such neighbor in any VRF. */
  readonly missing: readonly string[];
  /** Their neighbor is in another VRF than the controller puts it in. */
  readonly wrongVrf: readonly string[];
  /** Not found where some VRF could not be read. */
  readonly unknown: readonly string[];
  /** tunnel_nets that several activated users have: none of them can be observed. */
  readonly duplicated: readonly string[];
  /** tunnel_nets that are no /31. */
  readonly invalid: readonly string[];
  /** Neighbors described `USER-<id>` of which the ledger has no user. */
  readonly orphaned: readonly string[];
}

/** Compares them by (VRF, address), the client side of the tunnel first, as the agent does. Pure. */
export function compareUsers(view: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>): UserComparison {
  const activated = [...view.users.values()].filter(({ user }) => user.status === UserStatus.activated);
  const lists = { missing: [] as string[], wrongVrf: [] as string[], unknown: [] as string[], invalid: [] as string[] };
  const someFailed = [...vrfs.values()].some(({ kind }) => kind === 'failed');
  let [found, established] = [0, 0];
  for (const { pubkey, user, expectedVrf } of activated) {
    const name = `USER-${user.tunnelId} (${pubkey})`;
    const sides = tunnelSides(user.tunnelNet);
    if (sides === undefined) {
      lists.invalid.push(`${name} ${formatNetworkV4(user.tunnelNet)}`);
      continue;
    }
    const at = [sides.clientSide, sides.deviceSide].flatMap((address) => locate(vrfs, address));
    const best = at.find(({ vrf }) => vrf === expectedVrf) ?? at[0];
    if (best === undefined) (someFailed ? lists.unknown : lists.missing).push(`${name} ${sides.clientSide}`);
    else if (expectedVrf !== undefined && best.vrf !== expectedVrf) lists.wrongVrf.push(`${name} in ${best.vrf} instead of ${expectedVrf}`);
    else found += 1;
    if (best?.established === true) established += 1;
  }
  const nets = activated.map(({ user }) => formatNetworkV4(user.tunnelNet));
  const duplicated = [...new Set(nets.filter((net, index) => nets.indexOf(net) !== index))];
  return { activated: activated.length, found, established, ...lists, duplicated, orphaned: orphans(view, vrfs) };
}

/** The readings of several sources as one: of each VRF the first that was collected. */
export function mergeReadings(snapshots: readonly NeighborSnapshot[]): ReadonlyMap<VrfName, VrfReading> {
  const merged = new Map<VrfName, VrfReading>();
  for (const { vrfs } of snapshots) {
    for (const [vrf, reading] of vrfs) if (merged.get(vrf)?.kind !== 'collected') merged.set(vrf, reading);
  }
  return merged;
}

function locate(vrfs: ReadonlyMap<VrfName, VrfReading>, address: string) {
  return [...vrfs].flatMap(([vrf, reading]) => {
    const neighbor = reading.kind === 'collected' ? reading.neighbors.get(address) : undefined;
    return neighbor === undefined ? [] : [{ vrf, established: neighbor.state === 'established' }];
  });
}

function orphans({ users }: LedgerView, vrfs: ReadonlyMap<VrfName, VrfReading>): readonly string[] {
  const ids = new Set([...users.values()].map(({ user }) => user.tunnelId));
  return [...vrfs].flatMap(([vrf, reading]) => {
    if (reading.kind === 'failed') return [];
    return [...reading.neighbors.values()].flatMap(({ address, description = '' }) => {
      const id = /^USER-(\d+)$/.exec(description)?.[1];
      return id === undefined || ids.has(Number(id)) ? [] : [`${description} (${vrf} ${address})`];
    });
  });
}

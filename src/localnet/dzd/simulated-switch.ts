import type { NeighborState, VrfName } from '../../bgp/index.ts';
import { type Clock, type EpochMs, epochMs } from '../../lib/index.ts';

/** One BGP peer of the simulated switch. */
export interface SimulatedNeighbor {
  readonly address: string;
  readonly vrf: VrfName;
  readonly remoteAs: number;
  readonly description?: string;
  state: NeighborState;
  idleReason?: string;
  /** When the session last went up or down, switch time. */
  changedAt: EpochMs;
  establishedTransitions: number;
  /** Microseconds, while Established. */
  rttUs: number;
}

export type NeighborConfiguration = Pick<SimulatedNeighbor, 'address' | 'vrf' | 'remoteAs'> & {
  readonly description?: string;
  readonly rttUs?: number;
};

/** What just happened to a neighbor, which is as it is now; a removed one as it was last. */
export interface SwitchChange {
  readonly kind: 'configured' | 'state' | 'removed';
  readonly neighbor: Readonly<SimulatedNeighbor>;
}

/**
 * The truth behind every face of the simulated DZD (eAPI, SNMP, …): VRFs, and in each the neighbors with their sessions. The faces only
 * render it. A passive user peer that waits for its client is `active`, as real DZDs show it.
 */
export interface SimulatedSwitch {
  readonly hostname: string;
  /** The switch's own clock: the host's plus a settable skew. */
  now(): EpochMs;
  setClockSkew(ms: number): void;
  bootedAt(): EpochMs;
  addVrf(vrf: VrfName): void;
  removeVrf(vrf: VrfName): void;
  vrfs(): readonly VrfName[];
  /** The VRF's neighbors in the order in which they were configured. */
  neighbors(vrf: VrfName): readonly SimulatedNeighbor[];
  find(vrf: VrfName, address: string): SimulatedNeighbor | undefined;
  /** Adds a neighbor in state `active`; replaces one with the same VRF and address. */
  configure(neighbor: NeighborConfiguration): SimulatedNeighbor;
  unconfigure(vrf: VrfName, address: string): void;
  /** The session becomes Established; nothing when it is already. */
  establish(vrf: VrfName, address: string, rttUs?: number): void;
  /** The session is lost; nothing when it is down already but for the new state. */
  drop(vrf: VrfName, address: string, state?: NeighborState, idleReason?: string): void;
  /** Every session drops, counters restart, the boot time is now. */
  reboot(): void;
  /** Tells of each change at once, in order, until what comes back is called. A session that is told to be what it is already changes nothing. */
  onChange(listener: (change: SwitchChange) => void): () => void;
}

export function createSimulatedSwitch({ clock, hostname = 'dz1' }: { readonly clock: Clock; readonly hostname?: string }): SimulatedSwitch {
  const vrfs = new Map<VrfName, Map<string, SimulatedNeighbor>>([['default', new Map()]]);
  let skewMs = 0;
  const now = (): EpochMs => epochMs(clock.wall() + skewMs);
  let bootedAt = now();
  const listeners = new Set<(change: SwitchChange) => void>();
  const tell = (kind: SwitchChange['kind'], neighbor: SimulatedNeighbor): void => {
    for (const listener of listeners) listener({ kind, neighbor: { ...neighbor } });
  };

  const find = (vrf: VrfName, address: string): SimulatedNeighbor | undefined => vrfs.get(vrf)?.get(address);
  const existing = (vrf: VrfName, address: string): SimulatedNeighbor => {
    const neighbor = find(vrf, address);
    if (neighbor === undefined) throw new Error(`the simulated switch has no neighbor ${address} in VRF ${vrf}`);
    return neighbor;
  };
  const drop = (neighbor: SimulatedNeighbor, state: NeighborState, idleReason?: string): void => {
    const changes = neighbor.state !== state;
    if (neighbor.state === 'established') neighbor.changedAt = now();
    neighbor.state = state;
    if (idleReason === undefined) delete neighbor.idleReason;
    else neighbor.idleReason = idleReason;
    if (changes) tell('state', neighbor);
  };

  return {
    hostname,
    now,
    setClockSkew(ms) {
      skewMs = ms;
    },
    bootedAt: () => bootedAt,
    addVrf(vrf) {
      if (!vrfs.has(vrf)) vrfs.set(vrf, new Map());
    },
    removeVrf(vrf) {
      const gone = [...(vrfs.get(vrf)?.values() ?? [])];
      vrfs.delete(vrf);
      for (const neighbor of gone) tell('removed', neighbor);
    },
    vrfs: () => [...vrfs.keys()],
    neighbors: (vrf) => [...(vrfs.get(vrf)?.values() ?? [])],
    find,
    configure({ address, vrf, remoteAs, description, rttUs = 4_200 }) {
      const neighbor: SimulatedNeighbor = {
        address,
        vrf,
        remoteAs,
        ...(description === undefined ? {} : { description }),
        state: 'active',
        changedAt: now(),
        establishedTransitions: 0,
        rttUs,
      };
      if (!vrfs.has(vrf)) vrfs.set(vrf, new Map());
      vrfs.get(vrf)?.set(address, neighbor);
      tell('configured', neighbor);
      return neighbor;
    },
    unconfigure(vrf, address) {
      const neighbor = find(vrf, address);
      vrfs.get(vrf)?.delete(address);
      if (neighbor !== undefined) tell('removed', neighbor);
    },
    establish(vrf, address, rttUs) {
      const neighbor = existing(vrf, address);
      if (rttUs !== undefined) neighbor.rttUs = rttUs;
      if (neighbor.state === 'established') return;
      neighbor.state = 'established';
      delete neighbor.idleReason;
      neighbor.changedAt = now();
      neighbor.establishedTransitions += 1;
      tell('state', neighbor);
    },
    drop(vrf, address, state = 'active', idleReason) {
      drop(existing(vrf, address), state, idleReason);
    },
    reboot() {
      bootedAt = now();
      for (const neighbors of vrfs.values()) {
        for (const neighbor of neighbors.values()) {
          drop(neighbor, 'active');
          neighbor.changedAt = bootedAt;
          neighbor.establishedTransitions = 0;
        }
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

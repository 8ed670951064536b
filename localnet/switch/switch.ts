import type { NeighborState, VrfName } from '../../src/bgp/index.ts';
import { type Clock, type EpochMs, epochMs } from '../../src/lib/index.ts';

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

/**
 * What can go wrong between the truth of the simulated switch and one that reads it. The faces (eAPI, SNMP, …) play a fault in the way of
 * their protocol, and ignore the ones that it does not know.
 */
export type SwitchFault =
  /** Nobody answers at the address: connections are torn down as they arrive, the open ones too. */
  | { readonly kind: 'refuse' }
  /** Requests are taken and never answered. */
  | { readonly kind: 'hang' }
  /** Every answer comes this much later, milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The answer ends in its middle, and the connection with it. */
  | { readonly kind: 'cut' }
  /** An answer that is not of the protocol at all, as a captive portal or another service on the port would send. */
  | { readonly kind: 'garbage' }
  /** The answer has the right frame, and values of the wrong types in it. */
  | { readonly kind: 'wrong-types' }
  /** A well-formed answer without a single VRF or row. */
  | { readonly kind: 'empty' }
  /** This VRF is not in the answer, as though it did not exist. */
  | { readonly kind: 'vrf-missing'; readonly vrf: string }
  /** This VRF cannot be read; the others can. */
  | { readonly kind: 'vrf-failing'; readonly vrf: string }
  /** SNMP: each answer carries another request's number. */
  | { readonly kind: 'wrong-request-id' }
  /** HTTP faces: this status instead of an answer. */
  | { readonly kind: 'http-status'; readonly status: 401 | 403 | 404 | 500 | 502 | 503 }
  /** eAPI: this command, or every one, fails with this code and these `errors`. */
  | { readonly kind: 'command-error'; readonly code: number; readonly errors: readonly string[]; readonly command?: string }
  /** eAPI: this command answers with so many bytes more than it has to say. */
  | { readonly kind: 'large-answer'; readonly command: string; readonly bytes: number };

export type SwitchFaultKind = SwitchFault['kind'];

/** The faults that hold now. One instance is shared by every face of one switch. */
export interface SwitchFaults {
  /** Lets a fault begin; what comes back ends it. Several may hold at once. */
  begin(fault: SwitchFault): () => void;
  /** Ends all of them. */
  clear(): void;
  /** The one of this kind that began last, if any holds. */
  current<K extends SwitchFaultKind>(kind: K): Extract<SwitchFault, { kind: K }> | undefined;
  /** Whether this VRF is under the given fault. */
  affects(kind: 'vrf-missing' | 'vrf-failing', vrf: string): boolean;
  active(): readonly SwitchFault[];
}

export function createSwitchFaults(): SwitchFaults {
  const held = new Set<{ readonly fault: SwitchFault }>();
  const active = (): readonly SwitchFault[] => [...held].map(({ fault }) => fault);

  return {
    begin(fault) {
      const entry = { fault };
      held.add(entry);
      return () => {
        held.delete(entry);
      };
    },
    clear: () => held.clear(),
    current<K extends SwitchFaultKind>(kind: K) {
      return active().findLast((fault): fault is Extract<SwitchFault, { kind: K }> => fault.kind === kind);
    },
    affects: (kind, vrf) => active().some((fault) => fault.kind === kind && 'vrf' in fault && fault.vrf === vrf),
    active,
  };
}

import type { NeighborState, VrfName } from '../../src/bgp/index.ts';
import { type Clock, type EpochMs, epochMs, systemClock } from '../../src/lib/index.ts';

/** One BGP peer of the simulated switch. */
export interface SimulatedNeighbor {
  readonly address: string;
  readonly vrf: VrfName;
  readonly remoteAs: number;
  readonly description?: string;
  state: NeighborState;
  idleReason?: string;
  /** The last NOTIFICATION (RFC 4271): the switch sends one when a session is lost. */
  lastError?: { readonly code: number; readonly subcode: number; readonly at: EpochMs };
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

/** A change of a neighbor, with its new state; with its last state if it was removed. */
export interface SwitchChange {
  readonly kind: 'configured' | 'state' | 'removed';
  readonly neighbor: Readonly<SimulatedNeighbor>;
}

/**
 * The state of the simulated DZD: VRFs with their neighbors and sessions. Its protocols (eAPI, SNMP, …) only render it. A passive user peer that
 * waits for its client is `active`, as on real DZDs.
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
  /** Calls the listener for each change, in order, until the returned function is called. Setting the current state is not a change. */
  onChange(listener: (change: SwitchChange) => void): () => void;
}

const HOLD_TIMER_EXPIRED = { code: 4, subcode: 0 };
/** By the idle reason: Cease, with its subcode (RFC 4486). */
const CAUSES: Readonly<Record<string, typeof HOLD_TIMER_EXPIRED>> = {
  Admin: { code: 6, subcode: 2 },
  MaxPath: { code: 6, subcode: 1 },
};

export function createSimulatedSwitch({ clock, hostname = 'dz1' }: { readonly clock: Clock; readonly hostname?: string }): SimulatedSwitch {
  const vrfs = new Map<VrfName, Map<string, SimulatedNeighbor>>([['default', new Map()]]);
  let skewMs = 0;
  const now = (): EpochMs => epochMs(clock.wall() + skewMs);
  let bootedAt = now();
  const listeners = new Set<(change: SwitchChange) => void>();
  const emit = (kind: SwitchChange['kind'], neighbor: SimulatedNeighbor): void => {
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
    if (neighbor.state === 'established') {
      neighbor.changedAt = now();
      neighbor.lastError = { ...(CAUSES[idleReason ?? ''] ?? HOLD_TIMER_EXPIRED), at: now() };
    }
    neighbor.state = state;
    if (idleReason === undefined) delete neighbor.idleReason;
    else neighbor.idleReason = idleReason;
    if (changes) emit('state', neighbor);
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
      for (const neighbor of gone) emit('removed', neighbor);
    },
    vrfs: () => [...vrfs.keys()],
    neighbors: (vrf) => [...(vrfs.get(vrf)?.values() ?? [])],
    find,
    configure({ address, vrf, remoteAs, description, rttUs = 4_200 }) {
      const neighbor: SimulatedNeighbor = {
        address,
        vrf,
        remoteAs,
        description,
        state: 'active',
        changedAt: now(),
        establishedTransitions: 0,
        rttUs,
      };
      if (!vrfs.has(vrf)) vrfs.set(vrf, new Map());
      vrfs.get(vrf)?.set(address, neighbor);
      emit('configured', neighbor);
      return neighbor;
    },
    unconfigure(vrf, address) {
      const neighbor = find(vrf, address);
      vrfs.get(vrf)?.delete(address);
      if (neighbor !== undefined) emit('removed', neighbor);
    },
    establish(vrf, address, rttUs) {
      const neighbor = existing(vrf, address);
      if (rttUs !== undefined) neighbor.rttUs = rttUs;
      if (neighbor.state === 'established') return;
      neighbor.state = 'established';
      delete neighbor.idleReason;
      neighbor.changedAt = now();
      neighbor.establishedTransitions += 1;
      emit('state', neighbor);
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
 * Faults between the simulated switch and its readers. Each protocol (eAPI, SNMP, …) implements a fault in its own way, and ignores faults that it
 * cannot have.
 */
export type SwitchFault =
  /** Connections are closed as they arrive, and so are open ones. */
  | { readonly kind: 'refuse' }
  /** Requests are never answered. */
  | { readonly kind: 'hang' }
  /** Every response is delayed, milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The response is cut in the middle, and the connection closed. */
  | { readonly kind: 'cut' }
  /** A response of another protocol, like that of a captive portal or another service. */
  | { readonly kind: 'garbage' }
  /** A well-formed response with values of wrong types. */
  | { readonly kind: 'wrong-types' }
  /** A well-formed response without VRFs or rows. */
  | { readonly kind: 'empty' }
  /** This VRF is missing from the response. */
  | { readonly kind: 'vrf-missing'; readonly vrf: string }
  /** This VRF cannot be read; the others can. */
  | { readonly kind: 'vrf-failing'; readonly vrf: string }
  /** SNMP: each response has a wrong request id. */
  | { readonly kind: 'wrong-request-id' }
  /** HTTP: this status instead of a response. */
  | { readonly kind: 'http-status'; readonly status: 401 | 403 | 404 | 500 | 502 | 503 }
  /** eAPI: this command, or every one, fails with this code and these `errors`. */
  | { readonly kind: 'command-error'; readonly code: number; readonly errors: readonly string[]; readonly command?: string }
  /** eAPI: this command's response has this many bytes of filler. */
  | { readonly kind: 'large-answer'; readonly command: string; readonly bytes: number };

export type SwitchFaultKind = SwitchFault['kind'];

/** The active faults, shared by all protocols of one switch. */
export interface SwitchFaults {
  /** Begins a fault; the returned function ends it. Several can be active at once. */
  begin(fault: SwitchFault): () => void;
  /** Ends all of them. */
  clear(): void;
  /** The latest active fault of this kind. */
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

export interface SimulatedSsOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  readonly clock?: Clock;
}

/** The network namespaces of the simulated switch, and what `ss` would print in each. */
export interface SimulatedSs {
  list(): Promise<readonly string[]>;
  /** The output of `ss -tinHO` for port 179. */
  sockets(namespace: string, signal: AbortSignal): Promise<string>;
  /** Bytes printed so far. */
  bytesOut(): number;
}

/**
 * The kernel of the simulated DZD: one connected socket for each Established session, one that waits for its peer for the state Connect, none for
 * any other. A user's client connects to the switch, so the switch's end has port 179.
 */
export function createSimulatedSs({ switch: sim, faults, clock = systemClock }: SimulatedSsOptions): SimulatedSs {
  let bytes = 0;
  const namespaceOf = (vrf: string): string => (vrf === 'default' ? 'default' : `ns-${vrf}`);

  async function print(namespace: string, signal: AbortSignal): Promise<string> {
    const vrf = sim.vrfs().find((each) => namespaceOf(each) === namespace);
    if (faults.current('hang') !== undefined) await clock.sleep(2_147_483_647, signal);
    const slow = faults.current('slow');
    if (slow !== undefined) await clock.sleep(slow.delayMs, signal);
    if (vrf === undefined || faults.current('refuse') !== undefined || faults.affects('vrf-failing', vrf)) {
      throw new Error(`Cannot open network namespace "${namespace}": No such file or directory`);
    }
    if (faults.current('empty') !== undefined) return '';
    if (faults.current('garbage') !== undefined) return 'Object "netns" is unknown, try "ip help".\n';
    const sessions = sim.neighbors(vrf).filter(({ state }) => state in TCP_STATES);
    const output = sessions.map((neighbor) => `${lineOf(neighbor, faults.current('wrong-types') !== undefined)}\n`).join('');
    return faults.current('cut') === undefined ? output : output.slice(0, output.length >> 1);
  }

  return {
    list: async () =>
      sim
        .vrfs()
        .filter((vrf) => !faults.affects('vrf-missing', vrf))
        .map(namespaceOf),
    async sockets(namespace, signal) {
      const output = await print(namespace, signal);
      bytes += output.length;
      return output;
    },
    bytesOut: () => bytes,
  };
}

/** The states of BGP that have a socket. */
const TCP_STATES: Readonly<Partial<Record<SimulatedNeighbor['state'], string>>> = { established: 'ESTAB', connect: 'SYN-SENT' };

function lineOf({ address, rttUs, state }: SimulatedNeighbor, wrongTypes: boolean): string {
  const tcpState = TCP_STATES[state] ?? '';
  const last = Number(address.slice(address.lastIndexOf('.') + 1));
  const local = `${address.slice(0, address.lastIndexOf('.') + 1)}${last ^ 1}`;
  const rtt = rttUs === 0 ? '' : ` rtt:${rttUs / 1_000}/${rttUs / 2_000}`;
  const peer = wrongTypes ? `${address}` : `${address}:${32_768 + last}`;
  return `${tcpState} 0      0      ${`${local}:179`.padStart(22)} ${peer.padStart(24)} cubic wscale:7,7 rto:204${rtt} ato:40 mss:1428 pmtu:1476 rcvmss:536 advmss:1428 cwnd:10 bytes_sent:19019 bytes_acked:19019 bytes_received:19084 segs_out:2004 segs_in:2006 data_segs_out:1001 data_segs_in:1002 send 18.6Mbps lastsnd:600 lastrcv:604 lastack:560 pacing_rate 37.2Mbps delivery_rate 9.2Mbps delivered:1002 app_limited rcv_space:14280 rcv_ssthresh:64088 minrtt:0.9 snd_wnd:64128`;
}

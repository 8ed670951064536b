import { isIPv4, SocketAddress } from 'node:net';
import type { NeighborState, VrfName } from '../../src/bgp/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from './switch.ts';

/** BER tags of the values that the simulated agent answers with. */
export const TYPE = {
  integer: 0x02,
  octetString: 0x04,
  ipAddress: 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  timeTicks: 0x43,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const;

export type Oid = readonly number[];

export interface MibValue {
  readonly type: (typeof TYPE)[keyof typeof TYPE];
  readonly value: number | string;
}

export interface MibVarBind extends MibValue {
  readonly oid: Oid;
}

/** A scalar (one instance, `[0]`) or a table's column (an instance a row). */
export interface MibObject {
  readonly oid: Oid;
  /** In order. */
  readonly instances: readonly Oid[];
  read(position: number): MibValue;
}

/** GET of one name, with v2c's exceptions where there is nothing (RFC 3416 section 4.2.1). `objects` are in the order of their names. */
export function readAt(objects: readonly MibObject[], oid: Oid): MibVarBind {
  const object = objects.find((candidate) => startsWith(oid, candidate.oid));
  if (object === undefined) return { oid, type: TYPE.noSuchObject, value: 'noSuchObject' };
  const instance = oid.slice(object.oid.length);
  const position = firstAfter(object.instances, instance) - 1;
  const found = object.instances[position];
  if (found === undefined || compareOids(found, instance) !== 0) return { oid, type: TYPE.noSuchInstance, value: 'noSuchInstance' };
  return { oid, ...object.read(position) };
}

/** GETNEXT of one name: what follows it in lexicographic order, or endOfMibView (RFC 3416 section 4.2.2). */
export function readAfter(objects: readonly MibObject[], oid: Oid): MibVarBind {
  for (const object of objects) {
    const inside = startsWith(oid, object.oid);
    if (!inside && compareOids(oid, object.oid) > 0) continue;
    const position = inside ? firstAfter(object.instances, oid.slice(object.oid.length)) : 0;
    const instance = object.instances[position];
    if (instance !== undefined) return { oid: [...object.oid, ...instance], ...object.read(position) };
  }
  return { oid, type: TYPE.endOfMibView, value: 'endOfMibView' };
}

/** Lexicographic order (RFC 3416 section 2.2): number by number, and a name before those that it begins. */
export function compareOids(left: Oid, right: Oid): number {
  for (const [position, part] of left.entries()) {
    const other = right[position];
    if (other === undefined) return 1;
    if (part !== other) return part - other;
  }
  return left.length - right.length;
}

function startsWith(oid: Oid, root: Oid): boolean {
  return root.every((part, position) => oid[position] === part);
}

/** Position of the first instance that comes after `instance`. */
function firstAfter(instances: readonly Oid[], instance: Oid): number {
  let low = 0;
  let high = instances.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOids(instances[middle] ?? [], instance) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface NeighborRow {
  readonly instance: Oid;
  readonly neighbor: SimulatedNeighbor;
}

/** The neighbors that have a row, in the order of their instances. */
type RowSorter = (neighbors: readonly SimulatedNeighbor[]) => readonly NeighborRow[];

/**
 * Sorting thousands of neighbors for each request would be most of the work, so the order is kept while the neighbors are the same ones.
 */
function createRowSorter(instanceOf: (neighbor: SimulatedNeighbor) => Oid | undefined): RowSorter {
  let sorted: readonly NeighborRow[] = [];
  let of: readonly SimulatedNeighbor[] = [];
  return (neighbors) => {
    if (neighbors.length === of.length && neighbors.every((neighbor, position) => neighbor === of[position])) return sorted;
    of = neighbors;
    sorted = neighbors
      .flatMap((neighbor) => {
        const instance = instanceOf(neighbor);
        return instance === undefined ? [] : [{ instance, neighbor }];
      })
      .sort((left, right) => compareOids(left.instance, right.instance));
    return sorted;
  };
}

/** A column of the table whose rows these are. */
function columnOf(
  rows: readonly NeighborRow[],
  instances: readonly Oid[],
  oid: Oid,
  read: (neighbor: SimulatedNeighbor) => MibValue,
): MibObject {
  return {
    oid,
    instances,
    read(position) {
      const row = rows[position];
      if (row === undefined) throw new RangeError(`no row ${position}`);
      return read(row.neighbor);
    },
  };
}

/** bgpPeerState, and aristaBgp4V2PeerState alike. */
export const STATE: Readonly<Record<NeighborState, number>> = {
  idle: 1,
  connect: 2,
  active: 3,
  'open-sent': 4,
  'open-confirm': 5,
  established: 6,
  // The MIBs have no seventh state; a switch that had one would break the range.
  unrecognized: 7,
};

/** 1 stop or halted, 2 start or running. */
function adminStatus({ idleReason }: SimulatedNeighbor): MibValue {
  return integer(idleReason === 'Admin' ? 1 : 2);
}

function establishedTransitions({ establishedTransitions: count }: SimulatedNeighbor): MibValue {
  return { type: TYPE.counter32, value: count % COUNTER_RANGE };
}

/** Seconds in Established, or since it was last; 0 for one that never was. */
function establishedTime({ state, establishedTransitions: count, changedAt }: SimulatedNeighbor, sim: SimulatedSwitch): MibValue {
  const never = state !== 'established' && count === 0;
  return { type: TYPE.gauge32, value: never ? 0 : Math.max(0, Math.floor((sim.now() - changedAt) / 1_000)) };
}

const gauge = (value: number): MibValue => ({ type: TYPE.gauge32, value });
/** It has received no NOTIFICATION, only sent some. */
const none = gauge(0);

/** TimeStamp: sysUpTime when it happened. */
function ticksAt(at: number | undefined, sim: SimulatedSwitch): MibValue {
  return { type: TYPE.timeTicks, value: at === undefined ? 0 : Math.max(0, Math.floor((at - sim.bootedAt()) / 10)) };
}

function scalar(oid: Oid, value: MibValue): MibObject {
  return { oid, instances: [[0]], read: () => value };
}

export const integer = (value: number): MibValue => ({ type: TYPE.integer, value });
export const octets = (value: string): MibValue => ({ type: TYPE.octetString, value });
export const ipAddress = (value: string): MibValue => ({ type: TYPE.ipAddress, value });

const ARISTA = [1, 3, 6, 1, 4, 1, 30_065];
const BGP_OBJECTS = [...ARISTA, 4, 1, 1];
const VRF_STATE = [...ARISTA, 3, 18, 1, 1, 1, 4];
/** The index's first number; 1 in every capture, in VRFs too. */
const INSTANCE = 1;

/** Some of ARISTA-BGP4V2-MIB's columns for one VRF: of its peers, its event times and its counters. */
export function createAristaBgpView(sim: SimulatedSwitch, vrf: VrfName): () => readonly MibObject[] {
  const sort = createRowSorter(({ address }) => aristaInstance(address));
  return () => {
    const rows = sort(sim.neighbors(vrf));
    const instances = rows.map(({ instance }) => instance);
    const column = (table: Oid, read: Parameters<typeof columnOf>[3]): MibObject =>
      columnOf(rows, instances, [...BGP_OBJECTS, ...table], read);
    return [
      column([2, 1, 10], ({ remoteAs }) => ({ type: TYPE.gauge32, value: remoteAs })),
      column([2, 1, 12], adminStatus),
      column([2, 1, 13], ({ state }) => integer(STATE[state])),
      column([2, 1, 14], ({ description }) => octets(description ?? '')),
      ...[1, 2, 3].map((number) => column([3, 1, number], () => none)),
      column([3, 1, 6], ({ lastError }) => gauge(lastError?.code ?? 0)),
      column([3, 1, 7], ({ lastError }) => gauge(lastError?.subcode ?? 0)),
      column([3, 1, 8], ({ lastError }) => ticksAt(lastError?.at, sim)),
      column([4, 1, 1], (neighbor) => establishedTime(neighbor, sim)),
      column([7, 1, 5], establishedTransitions),
    ];
  };
}

/** `<instance>.<addrType>.<length>.<octets>`: type 1 is IPv4, 2 IPv6 (RFC 4001). */
export function aristaInstance(address: SimulatedNeighbor['address']): Oid | undefined {
  if (isIPv4(address)) return [INSTANCE, 1, 4, ...address.split('.').map(Number)];
  const bytes = ipv6Octets(address);
  return bytes === undefined ? undefined : [INSTANCE, 2, 16, ...bytes];
}

function ipv6Octets(address: string): readonly number[] | undefined {
  if (!URL.canParse(`http://[${address}]`)) return undefined;
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const groupsOf = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groupsOf(head), tail === undefined ? [] : groupsOf(tail)];
  const groups = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

/** aristaVrfState, active(1), by the VRF's name; `default` is not listed. */
function vrfStates(sim: SimulatedSwitch): MibObject {
  const instances = sim
    .vrfs()
    .filter((vrf) => vrf !== 'default')
    .map((vrf) => [vrf.length, ...Buffer.from(vrf, 'latin1')])
    .sort(compareOids);
  return { oid: VRF_STATE, instances, read: () => integer(1) };
}

/** What the agent shows of one VRF now, in the order of the names. */
export type MibView = () => readonly MibObject[];

/** The tables of neighbors that the agent has. */
export type SimulatedMib = 'bgp4' | 'arista';

const MIB_2 = [1, 3, 6, 1, 2, 1];
const BGP = [...MIB_2, 15];
const LOCAL_AS = 65_342;
/** What stands in for an AS that two octets cannot hold (RFC 6793). */
const AS_TRANS = 23_456;
const COUNTER_RANGE = 2 ** 32;

/**
 * Renders the switch's state as BGP4-MIB (RFC 4273) and ARISTA-BGP4V2-MIB. Like on EOS, only the default VRF has the system group and the state
 * column of ARISTA-VRF-MIB. BGP4-MIB has no IPv6 neighbors.
 */
export function createBgpView(sim: SimulatedSwitch, vrf: VrfName, mibs: readonly SimulatedMib[]): MibView {
  const sort = createRowSorter(({ address }) => (isIPv4(address) ? address.split('.').map(Number) : undefined));
  const arista = createAristaBgpView(sim, vrf);
  const bgp4 = (): readonly MibObject[] => {
    const rows = sort(sim.neighbors(vrf));
    const instances = rows.map(({ instance }) => instance);
    const column = (number: number, read: Parameters<typeof columnOf>[3]): MibObject =>
      columnOf(rows, instances, [...BGP, 3, 1, number], read);
    return [
      column(1, (neighbor) => ipAddress(isTalking(neighbor) ? neighbor.address : '0.0.0.0')),
      column(2, ({ state }) => integer(STATE[state])),
      column(3, adminStatus),
      column(7, ({ address }) => ipAddress(address)),
      column(9, ({ remoteAs }) => integer(remoteAs > 0xffff ? AS_TRANS : remoteAs)),
      column(14, ({ lastError }) => octets(String.fromCharCode(lastError?.code ?? 0, lastError?.subcode ?? 0))),
      column(15, establishedTransitions),
      column(16, (neighbor) => establishedTime(neighbor, sim)),
    ];
  };
  return () => [
    ...(vrf === 'default' ? systemGroup(sim) : []),
    scalar([...BGP, 1], octets('\u0010')),
    scalar([...BGP, 2], integer(LOCAL_AS)),
    ...(mibs.includes('bgp4') ? bgp4() : []),
    scalar([...BGP, 4], ipAddress('10.0.0.1')),
    ...(vrf === 'default' && mibs.includes('arista') ? [vrfStates(sim)] : []),
    ...(mibs.includes('arista') ? arista() : []),
  ];
}

function isTalking({ state }: SimulatedNeighbor): boolean {
  return state === 'established' || state === 'open-confirm';
}

function systemGroup(sim: SimulatedSwitch): MibObject[] {
  const upTime = Math.floor((sim.now() - sim.bootedAt()) / 10) % COUNTER_RANGE;
  return [
    scalar([...MIB_2, 1, 1], octets('Arista Networks EOS version 4.33.1F (simulated)')),
    scalar([...MIB_2, 1, 3], { type: TYPE.timeTicks, value: Math.max(0, upTime) }),
    scalar([...MIB_2, 1, 5], octets(sim.hostname)),
  ];
}

import { isIPv4 } from 'node:net';
import type { NeighborState, VrfName } from '../../../bgp/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../simulated-switch.ts';
import { compareOids, type MibObject, type MibValue, type Oid, TYPE } from './mib-view.ts';

/** What the agent shows of one VRF now, in the order of the names. */
export type MibView = () => readonly MibObject[];

const MIB_2 = [1, 3, 6, 1, 2, 1];
const BGP = [...MIB_2, 15];
const ARISTA_VRF_STATE = [1, 3, 6, 1, 4, 1, 30_065, 3, 18, 1, 1, 1, 4];
const LOCAL_AS = 65_342;
/** What stands in for an AS that two octets cannot hold (RFC 6793). */
const AS_TRANS = 23_456;
const COUNTER_RANGE = 2 ** 32;

/** bgpPeerState. */
const STATE: Readonly<Record<NeighborState, number>> = {
  idle: 1,
  connect: 2,
  active: 3,
  'open-sent': 4,
  'open-confirm': 5,
  established: 6,
  // The MIB has no seventh state; a switch that had one would break the range.
  unrecognized: 7,
};

/**
 * Renders the truth as BGP4-MIB (RFC 4273), and in the default VRF the system group and the state column of ARISTA-VRF-MIB's table, as
 * EOS does: other VRFs' views have neither. IPv6 neighbors have no place in BGP4-MIB.
 */
export function createBgpView(sim: SimulatedSwitch, vrf: VrfName): MibView {
  const sortedNeighbors = createSorter();
  return () => {
    const rows = sortedNeighbors(sim.neighbors(vrf));
    const instances = rows.map(({ instance }) => instance);
    const column = (number: number, read: (neighbor: SimulatedNeighbor) => MibValue): MibObject => ({
      oid: [...BGP, 3, 1, number],
      instances,
      read: (position) => readRow(rows, position, read),
    });
    const bgp = [
      scalar([...BGP, 1], octets('\u0010')),
      scalar([...BGP, 2], integer(LOCAL_AS)),
      column(1, (neighbor) => ipAddress(isTalking(neighbor) ? neighbor.address : '0.0.0.0')),
      column(2, ({ state }) => integer(STATE[state])),
      column(3, ({ idleReason }) => integer(idleReason === 'Admin' ? 1 : 2)),
      column(7, ({ address }) => ipAddress(address)),
      column(9, ({ remoteAs }) => integer(remoteAs > 0xffff ? AS_TRANS : remoteAs)),
      column(15, ({ establishedTransitions }) => ({ type: TYPE.counter32, value: establishedTransitions % COUNTER_RANGE })),
      column(16, (neighbor) => ({ type: TYPE.gauge32, value: establishedSeconds(neighbor, sim) })),
      scalar([...BGP, 4], ipAddress('10.0.0.1')),
    ];
    return vrf === 'default' ? [...systemGroup(sim), ...bgp, vrfStates(sim)] : bgp;
  };
}

interface Row {
  readonly instance: Oid;
  readonly neighbor: SimulatedNeighbor;
}

/**
 * Sorting thousands of neighbors for each request would be most of the work, so the order is kept while the neighbors are the same ones.
 */
function createSorter(): (neighbors: readonly SimulatedNeighbor[]) => readonly Row[] {
  let sorted: readonly Row[] = [];
  let of: readonly SimulatedNeighbor[] = [];
  return (neighbors) => {
    if (neighbors.length === of.length && neighbors.every((neighbor, position) => neighbor === of[position])) return sorted;
    of = neighbors;
    sorted = neighbors
      .filter(({ address }) => isIPv4(address))
      .map((neighbor) => ({ instance: neighbor.address.split('.').map(Number), neighbor }))
      .sort((left, right) => compareOids(left.instance, right.instance));
    return sorted;
  };
}

function readRow(rows: readonly Row[], position: number, read: (neighbor: SimulatedNeighbor) => MibValue): MibValue {
  const row = rows[position];
  if (row === undefined) throw new RangeError(`no row ${position}`);
  return read(row.neighbor);
}

function isTalking({ state }: SimulatedNeighbor): boolean {
  return state === 'established' || state === 'open-confirm';
}

/** bgpPeerFsmEstablishedTime: in Established, or since it was last; 0 for one that never was. */
function establishedSeconds({ state, establishedTransitions, changedAt }: SimulatedNeighbor, sim: SimulatedSwitch): number {
  if (state !== 'established' && establishedTransitions === 0) return 0;
  return Math.max(0, Math.floor((sim.now() - changedAt) / 1_000));
}

function systemGroup(sim: SimulatedSwitch): MibObject[] {
  const upTime = Math.floor((sim.now() - sim.bootedAt()) / 10) % COUNTER_RANGE;
  return [
    scalar([...MIB_2, 1, 1], octets('Arista Networks EOS version 4.33.1F (simulated)')),
    scalar([...MIB_2, 1, 3], { type: TYPE.timeTicks, value: Math.max(0, upTime) }),
    scalar([...MIB_2, 1, 5], octets(sim.hostname)),
  ];
}

/** aristaVrfState, active(1), by the VRF's name; `default` is not listed. */
function vrfStates(sim: SimulatedSwitch): MibObject {
  const instances = sim
    .vrfs()
    .filter((vrf) => vrf !== 'default')
    .map((vrf) => [vrf.length, ...Buffer.from(vrf, 'latin1')])
    .sort(compareOids);
  return { oid: ARISTA_VRF_STATE, instances, read: () => integer(1) };
}

function scalar(oid: Oid, value: MibValue): MibObject {
  return { oid, instances: [[0]], read: () => value };
}

const integer = (value: number): MibValue => ({ type: TYPE.integer, value });
const octets = (value: string): MibValue => ({ type: TYPE.octetString, value });
const ipAddress = (value: string): MibValue => ({ type: TYPE.ipAddress, value });

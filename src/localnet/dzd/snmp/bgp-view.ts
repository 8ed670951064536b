import { isIPv4 } from 'node:net';
import type { VrfName } from '../../../bgp/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../simulated-switch.ts';
import { createAristaBgpView, vrfStates } from './arista-view.ts';
import { type MibObject, TYPE } from './mib-view.ts';
import {
  adminStatus,
  columnOf,
  createRowSorter,
  establishedTime,
  establishedTransitions,
  integer,
  ipAddress,
  octets,
  STATE,
  scalar,
} from './neighbor-rows.ts';

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
 * Renders the truth as BGP4-MIB (RFC 4273) and ARISTA-BGP4V2-MIB, and in the default VRF the system group and the state column of
 * ARISTA-VRF-MIB's table, as EOS does: other VRFs' views have neither. IPv6 neighbors have no place in BGP4-MIB.
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

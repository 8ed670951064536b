import { isIPv4, SocketAddress } from 'node:net';
import type { VrfName } from '../../../bgp/index.ts';
import type { SimulatedNeighbor, SimulatedSwitch } from '../simulated-switch.ts';
import { compareOids, type MibObject, type Oid, TYPE } from './mib-view.ts';
import {
  adminStatus,
  columnOf,
  createRowSorter,
  establishedTime,
  establishedTransitions,
  integer,
  octets,
  STATE,
} from './neighbor-rows.ts';

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
export function vrfStates(sim: SimulatedSwitch): MibObject {
  const instances = sim
    .vrfs()
    .filter((vrf) => vrf !== 'default')
    .map((vrf) => [vrf.length, ...Buffer.from(vrf, 'latin1')])
    .sort(compareOids);
  return { oid: VRF_STATE, instances, read: () => integer(1) };
}

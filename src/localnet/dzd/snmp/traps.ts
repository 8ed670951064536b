import { encode, Packet } from 'snmp-native';
import type { SimulatedNeighbor, SimulatedSwitch, SwitchChange } from '../simulated-switch.ts';
import { aristaInstance } from './arista-view.ts';
import { type MibVarBind, type Oid, TYPE } from './mib-view.ts';
import { integer, ipAddress, octets, STATE } from './neighbor-rows.ts';

/** Which notifications: RFC 4273's, their older names of RFC 1657, or ARISTA-BGP4V2-MIB's. */
export type TrapForm = 'rfc4273' | 'rfc1657' | 'arista';

/** Established, or lost; the last number of the notification's name in every form. */
type Transition = 1 | 2;

const MIB_2 = [1, 3, 6, 1, 2, 1];
const BGP = [...MIB_2, 15];
const ARISTA_BGP = [1, 3, 6, 1, 4, 1, 30_065, 4, 1];
const NOTIFICATIONS: Readonly<Record<TrapForm, Oid>> = { rfc4273: [...BGP, 0], rfc1657: [...BGP, 7], arista: [...ARISTA_BGP, 0] };
const SNMP_TRAP_OID = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];
const SYS_UP_TIME = [...MIB_2, 1, 3, 0];
const TRAP_V2 = 7;

/**
 * Finds in the changes of the switch those that it notifies of: a session that comes up, and one whose state falls to a lower number
 * (RFC 4273).
 */
export function createTransitionWatch(): (change: SwitchChange) => Transition | undefined {
  const states = new Map<string, number>();
  return ({ kind, neighbor: { vrf, address, state } }) => {
    const key = `${vrf}|${address}`;
    const before = states.get(key);
    if (kind === 'removed') states.delete(key);
    else states.set(key, STATE[state]);
    if (kind !== 'state') return undefined;
    if (state === 'established') return 1;
    // Of a neighbor that was there before the watch only its loss of Established is sure.
    return STATE[state] < (before ?? STATE.established) ? 2 : undefined;
  };
}

/** The notification as an SNMPv2c message; undefined where the form has no name for the neighbor, as BGP4-MIB has none for IPv6. */
export function encodeTrap(
  transition: Transition,
  neighbor: Readonly<SimulatedNeighbor>,
  sim: SimulatedSwitch,
  { form, community, requestId }: { readonly form: TrapForm; readonly community: string; readonly requestId: number },
): Buffer | undefined {
  const objects = form === 'arista' ? aristaObjects(neighbor) : bgp4Objects(neighbor, form);
  if (objects === undefined) return undefined;
  const packet = new Packet();
  packet.version = 1;
  packet.community = community;
  packet.pdu.type = TRAP_V2;
  packet.pdu.reqid = requestId;
  const upTime = Math.max(0, Math.floor((sim.now() - sim.bootedAt()) / 10)) % 2 ** 32;
  packet.pdu.varbinds = [
    { oid: SYS_UP_TIME, type: TYPE.timeTicks, value: upTime },
    { oid: SNMP_TRAP_OID, type: OBJECT_IDENTIFIER, value: [...NOTIFICATIONS[form], transition] },
    ...objects.map(({ oid, type, value }) => ({ oid: [...oid], type, value })),
  ];
  return encode(packet);
}

const OBJECT_IDENTIFIER = 0x06;

function bgp4Objects({ address, state }: Readonly<SimulatedNeighbor>, form: TrapForm): readonly MibVarBind[] | undefined {
  if (address.includes(':')) return undefined;
  const cell = (column: number): Oid => [...BGP, 3, 1, column, ...address.split('.').map(Number)];
  return [
    ...(form === 'rfc4273' ? [{ oid: cell(7), ...ipAddress(address) }] : []),
    { oid: cell(14), ...octets('\0\0') },
    { oid: cell(2), ...integer(STATE[state]) },
  ];
}

/** The neighbor is named by the instance alone. */
function aristaObjects({ address, state }: Readonly<SimulatedNeighbor>): readonly MibVarBind[] | undefined {
  const instance = aristaInstance(address);
  if (instance === undefined) return undefined;
  const cell = (column: number): Oid => [...ARISTA_BGP, 1, 2, 1, column, ...instance];
  return [
    { oid: cell(13), ...integer(STATE[state]) },
    { oid: cell(6), type: TYPE.gauge32, value: 179 },
    { oid: cell(9), type: TYPE.gauge32, value: 50_000 },
  ];
}

import { createHash } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encode, Packet, parse } from 'snmp-native';
import type { VrfName } from '../../src/bgp/index.ts';
import { type Clock, createAbortController, systemClock } from '../../src/lib/index.ts';
import {
  aristaInstance,
  createBgpView,
  integer,
  ipAddress,
  type MibObject,
  type MibVarBind,
  type MibView,
  type Oid,
  octets,
  readAfter,
  readAt,
  type SimulatedMib,
  STATE,
  TYPE,
} from './snmp-mibs.ts';
import { createUsmEngine, elementsOf, octetsTlv, type SimulatedSnmpUser, tlv, type UsmEngine } from './snmp-usm.ts';
import type { SimulatedNeighbor, SimulatedSwitch, SwitchChange, SwitchFaults } from './switch.ts';

const VERSION_2C = 1;
const RESPONSE = 2;
const GEN_ERR = 5;
const NULL = 5;
/** Agents end a GETBULK's answer where the message would become too long; this stays far below a datagram's 64 kB. */
const MAX_VARBINDS = 1_000;

/** A GET, GETNEXT or GETBULK of SNMPv2c. */
export interface AgentRequest {
  readonly kind: 'get' | 'get-next' | 'get-bulk';
  readonly community: string;
  readonly requestId: number;
  readonly oids: readonly (readonly number[])[];
  /** GETBULK: how many of the names are asked for once, and how often the others. */
  readonly nonRepeaters: number;
  readonly maxRepetitions: number;
}

const KINDS: Readonly<Record<number, AgentRequest['kind']>> = { 0: 'get', 1: 'get-next', 5: 'get-bulk' };

/** Undefined for anything else: agents do not respond to that. */
export function decodeRequest(datagram: Buffer): AgentRequest | undefined {
  let packet: Packet;
  try {
    packet = parse(datagram);
  } catch {
    return undefined;
  }
  const { version, community, pdu } = packet;
  const kind = KINDS[pdu.type];
  if (version !== VERSION_2C || kind === undefined) return undefined;
  return {
    kind,
    community,
    requestId: pdu.reqid,
    oids: pdu.varbinds.map(({ oid }) => oid),
    nonRepeaters: Math.max(0, pdu.error),
    maxRepetitions: Math.max(0, pdu.errorIndex),
  };
}

export function answerTo(request: AgentRequest, objects: readonly MibObject[]): readonly MibVarBind[] {
  switch (request.kind) {
    case 'get':
      return request.oids.map((oid) => readAt(objects, oid));
    case 'get-next':
      return request.oids.map((oid) => readAfter(objects, oid));
    case 'get-bulk':
      return bulk(request, objects);
  }
}

/** RFC 3416 section 4.2.3: row after row of the repeaters, each from where it came to, until all of them are at the end. */
function bulk({ oids, nonRepeaters, maxRepetitions }: AgentRequest, objects: readonly MibObject[]): readonly MibVarBind[] {
  const varbinds = oids.slice(0, nonRepeaters).map((oid) => readAfter(objects, oid));
  let row: readonly (readonly number[])[] = oids.slice(nonRepeaters);
  for (let repetition = 0; repetition < maxRepetitions && row.length > 0; repetition += 1) {
    const next = row.map((oid) => readAfter(objects, oid));
    if (varbinds.length + next.length > MAX_VARBINDS) break;
    varbinds.push(...next);
    if (next.every(({ type }) => type === TYPE.endOfMibView)) break;
    row = next.map(({ oid }) => oid);
  }
  return varbinds;
}

export function encodeAnswer({ community, requestId }: AgentRequest, varbinds: readonly MibVarBind[]): Buffer {
  const packet = responseTo(community, requestId);
  packet.pdu.varbinds = varbinds.map(({ oid, type, value }) => ({ oid: [...oid], type, value }));
  return encode(packet);
}

/** genErr at the first name, the names without values (RFC 3416 section 4.2.1). */
export function encodeFailure({ community, requestId, oids }: AgentRequest): Buffer {
  const packet = responseTo(community, requestId);
  packet.pdu.error = GEN_ERR;
  packet.pdu.errorIndex = 1;
  packet.pdu.varbinds = oids.map((oid) => ({ oid: [...oid], type: NULL, value: null }));
  return encode(packet);
}

function responseTo(community: string, requestId: number): Packet {
  const packet = new Packet();
  packet.version = VERSION_2C;
  packet.community = community;
  packet.pdu.type = RESPONSE;
  packet.pdu.reqid = requestId;
  return packet;
}

/** The view as the fault `empty` leaves it: with the scalars, whose one instance has one number. */
function shown(objects: readonly MibObject[], faults: SwitchFaults): readonly MibObject[] {
  return faults.current('empty') === undefined ? objects : objects.filter(({ instances }) => instances[0]?.length === 1);
}

/** Applies the faults that change the contents. */
function distorted(request: AgentRequest, varbinds: readonly MibVarBind[], faults: SwitchFaults): Buffer {
  const typed = faults.current('wrong-types') === undefined ? varbinds : varbinds.map(asText);
  const requestId = request.requestId ^ (faults.current('wrong-request-id') === undefined ? 0 : 1);
  return encodeAnswer({ ...request, requestId }, typed);
}

function asText({ oid, value }: MibVarBind): MibVarBind {
  return { oid, type: TYPE.octetString, value: String(value) };
}

/** Applies the faults that change the datagram. */
function framed(bytes: Buffer, faults: SwitchFaults): Buffer {
  if (faults.current('garbage') !== undefined) return Buffer.from('HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n');
  return faults.current('cut') === undefined ? bytes : bytes.subarray(0, bytes.length >> 1);
}

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
function createTransitionWatch(): (change: SwitchChange) => Transition | undefined {
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

/** A new engine for the switch: it counts its boots from 1, and its time from the last reboot. */
export function createV3Agent(sim: SimulatedSwitch, user: SimulatedSnmpUser): UsmEngine {
  let bootedAt = sim.bootedAt();
  let boots = 1;
  return createUsmEngine({
    user,
    engineId: engineIdOf(sim.hostname),
    now() {
      if (sim.bootedAt() !== bootedAt) boots += 1;
      bootedAt = sim.bootedAt();
      return { boots, time: Math.max(0, Math.floor((sim.now() - bootedAt) / 1_000)) };
    },
  });
}

/** RFC 3411 SnmpEngineID: Arista's enterprise number with the first bit set, format 5 (octets), and eight of its own. */
function engineIdOf(hostname: string): Buffer {
  const enterprise = Buffer.alloc(4);
  enterprise.writeUInt32BE(0x8000_0000 + 30_065);
  return Buffer.concat([enterprise, Buffer.from([5]), createHash('sha256').update(hostname).digest().subarray(0, 8)]);
}

const VERSION_2C_TLV = Buffer.from([0x02, 0x01, 0x01]);

/** A PDU as a message of SNMPv2c, which is the frame that snmp-native reads and writes. */
export function asV2cMessage(pdu: Buffer): Buffer {
  return tlv(0x30, VERSION_2C_TLV, octetsTlv(''), pdu);
}

/** The PDU of a message of SNMPv2c, with tag and length. */
export function pduOf(message: Buffer): Buffer {
  const parts = elementsOf(elementsOf(message).next(0x30).content);
  parts.next(0x02);
  parts.next(0x04);
  return parts.next().whole;
}

export interface SimulatedSnmpOptions {
  readonly switch: SimulatedSwitch;
  readonly faults: SwitchFaults;
  /** Reads the default VRF; `<community>@<VRF>` reads another. */
  readonly community: string;
  /** The SNMPv3 user, which reads each VRF in the context of its name; the default VRF's context is empty. Default: none. */
  readonly user?: SimulatedSnmpUser;
  /** Supported neighbor tables. Default: both. */
  readonly mibs?: readonly SimulatedMib[];
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** Waits for the fault `slow`. */
  readonly clock?: Clock;
}

export interface TrapTarget {
  readonly host: string;
  readonly port: number;
  readonly form: TrapForm;
  /** By community, or as the agent's user. */
  readonly version: '2c' | '3';
}

export interface SimulatedSnmp {
  start(): Promise<{ readonly host: string; readonly port: number }>;
  /** Sends the target a trap for each session that comes up or is lost, until the returned function is called. */
  sendTrapsTo(target: TrapTarget): () => void;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** More late answers than this are not kept: a real agent's queue ends, too. */
const MAX_LATE_ANSWERS = 1_000;

/**
 * The SNMP agent of the simulated switch, on loopback, for SNMPv2c and SNMPv3.
 *
 *   datagram ──► request ──► view of `community@VRF` or of the context ──► varbinds ──► faults ──► datagram
 *   change of a session ──► trap ──► targets
 *
 * Like real agents, it ignores a wrong community, an unknown VRF and malformed requests; over SNMPv3 it sends a Report.
 */
export function createSimulatedSnmp({
  switch: sim,
  faults,
  community,
  user,
  mibs = ['bgp4', 'arista'],
  port = 0,
  clock = systemClock,
}: SimulatedSnmpOptions): SimulatedSnmp {
  const views = new Map<VrfName, MibView>();
  const v3 = user === undefined ? undefined : createV3Agent(sim, user);
  const targets = new Set<TrapTarget>();
  let running: { readonly socket: Socket; readonly stopping: AbortController; readonly unwatch: () => void } | undefined;
  let late = 0;
  let traps = 0;

  const viewOf = (vrf: VrfName | undefined): { readonly vrf: VrfName; readonly view: MibView } | undefined => {
    if (vrf === undefined || !sim.vrfs().includes(vrf) || faults.affects('vrf-missing', vrf)) return undefined;
    const view = views.get(vrf) ?? createBgpView(sim, vrf, mibs);
    views.set(vrf, view);
    return { vrf, view };
  };

  const answer = (datagram: Buffer): Buffer | undefined => {
    const received = v3?.receive(datagram);
    if (received === undefined) {
      const request = decodeRequest(datagram);
      const found = request === undefined ? undefined : viewOf(vrfOf(request.community, community));
      return request === undefined || found === undefined ? undefined : framed(answerIn(found, request), faults);
    }
    if (received.kind === 'report') return framed(received.message, faults);
    const request = decodeRequest(asV2cMessage(received.pdu));
    if (request === undefined) return undefined;
    const found = viewOf(received.context === '' ? 'default' : received.context);
    return framed(found === undefined ? received.refuseContext() : received.respond(pduOf(answerIn(found, request))), faults);
  };

  const answerIn = ({ vrf, view }: { readonly vrf: VrfName; readonly view: MibView }, request: AgentRequest): Buffer =>
    faults.affects('vrf-failing', vrf) ? encodeFailure(request) : distorted(request, answerTo(request, shown(view(), faults)), faults);

  const notify = (socket: Socket): (() => void) => {
    const transitionOf = createTransitionWatch();
    return sim.onChange((change) => {
      const transition = transitionOf(change);
      if (transition === undefined) return;
      for (const { form, version, host, port: to } of targets) {
        traps += 1;
        const trap = encodeTrap(transition, change.neighbor, sim, { form, community, requestId: traps });
        if (trap === undefined) continue;
        const context = change.neighbor.vrf === 'default' ? '' : change.neighbor.vrf;
        const message = version === '2c' ? trap : v3?.send(pduOf(trap), context);
        if (message !== undefined) socket.send(message, to, host, ignoreSendError);
      }
    });
  };

  const onDatagram = async (datagram: Buffer, from: RemoteInfo, socket: Socket, signal: AbortSignal): Promise<void> => {
    const bytes = answer(datagram);
    if (bytes === undefined || faults.current('hang') !== undefined || faults.current('refuse') !== undefined) return;
    const delayMs = faults.current('slow')?.delayMs ?? 0;
    if (delayMs > 0) {
      if (late === MAX_LATE_ANSWERS) return;
      late += 1;
      await clock.sleep(delayMs, signal).finally(() => {
        late -= 1;
      });
    }
    if (!signal.aborted) socket.send(bytes, from.port, from.address, ignoreSendError);
  };

  return {
    async start() {
      if (running === undefined) {
        const socket = createSocket('udp4');
        const stopping = createAbortController();
        socket.on('message', (datagram, from) => {
          onDatagram(datagram, from, socket, stopping.signal).catch(() => {
            // Only the wait of a late answer rejects, when the agent stops meanwhile.
          });
        });
        running = { socket, stopping, unwatch: notify(socket) };
        socket.bind(port, '127.0.0.1');
        await once(socket, 'listening');
      }
      const { address, port: bound } = running.socket.address();
      return { host: address, port: bound };
    },
    sendTrapsTo(target) {
      const entry = { ...target };
      targets.add(entry);
      return () => {
        targets.delete(entry);
      };
    },
    async stop() {
      if (running === undefined) return;
      const { socket, stopping, unwatch } = running;
      running = undefined;
      unwatch();
      stopping.abort(new Error('the simulated SNMP agent stops'));
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

function vrfOf(asked: string, community: string): VrfName | undefined {
  if (asked === community) return 'default';
  return asked.startsWith(`${community}@`) ? asked.slice(community.length + 1) : undefined;
}

function ignoreSendError(): void {
  // The peer may be gone.
}

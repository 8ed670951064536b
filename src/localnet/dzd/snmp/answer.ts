import { encode, Packet, parse } from 'snmp-native';
import { type MibObject, type MibVarBind, readAfter, readAt, TYPE } from './mib-view.ts';

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

/** Undefined for whatever is not such a request: agents say nothing to that. */
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

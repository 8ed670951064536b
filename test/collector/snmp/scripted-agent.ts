import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type AgentRequest, answerTo, asV2cMessage, decodeRequest, encodeAnswer, pduOf } from '../../../localnet/switch/snmp.ts';
import { compareOids, type MibObject, type MibValue, type MibVarBind, TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import type { UsmEngine } from '../../../localnet/switch/snmp-usm.ts';
import type { SwitchSource } from '../../../src/collector/index.ts';
import { createSnmpSource, type SnmpSourceOptions } from '../../../src/collector/snmp/source.ts';
import { systemClock } from '../../../src/lib/index.ts';

/** What the agent sends for its n-th request (from 1): one datagram, several, or nothing; at once or later. */
export type Script = (request: AgentRequest, number: number) => Answer | Promise<Answer>;
type Answer = Buffer | readonly Buffer[] | undefined;

export interface ScriptedAgent {
  readonly port: number;
  readonly requests: readonly AgentRequest[];
  /** Where the last request came from. */
  askedFrom(): number;
}

/** An SNMP agent on loopback that says what the test says, until the test is over. */
export async function startAgent(script: Script): Promise<ScriptedAgent> {
  const socket = createSocket('udp4');
  const requests: AgentRequest[] = [];
  let askedFrom = 0;
  const isOver = false;
  socket.on('message', async (datagram, from) => {
    const request = decodeRequest(datagram);
    if (request === undefined) throw new Error('the source sent what no agent understands');
    askedFrom = from.port;
    const scripted = script(request, requests.push(request));
    const answers = (scripted instanceof Promise ? await scripted : scripted) ?? [];
    if (isOver) return;
    for (const answer of Array.isArray(answers) ? answers : [answers]) socket.send(answer, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, requests, askedFrom: () => askedFrom };
}

/** One neighbor's cells: column 2, 9, 15 and 16 of bgpPeerTable. Leave out, or give another type, what the agent is to leave out or mistype. */
export interface Cells {
  readonly state?: number | MibValue;
  readonly remoteAs?: number;
  readonly transitions?: number;
  readonly seconds?: number;
}

export const up: Cells = { state: 6, remoteAs: 65_000, transitions: 1, seconds: 30 };
export const waiting: Cells = { state: 3, remoteAs: 65_000, transitions: 0, seconds: 0 };

/** The same over SNMPv3, by way of this engine: a context reads as the community `telemetry@<context>`. */
export async function startV3Agent(engine: UsmEngine, script: Script): Promise<ScriptedAgent> {
  const socket = createSocket('udp4');
  const requests: AgentRequest[] = [];
  let askedFrom = 0;
  socket.on('message', (datagram, from) => {
    askedFrom = from.port;
    const received = engine.receive(datagram);
    if (received?.kind === 'report') socket.send(received.message, from.port, from.address);
    const request = received?.kind === 'request' ? decodeRequest(asV2cMessage(received.pdu)) : undefined;
    if (received?.kind !== 'request' || request === undefined) return;
    const community = received.context === '' ? 'telemetry' : `telemetry@${received.context}`;
    const answer = script({ ...request, community }, requests.push(request));
    if (Buffer.isBuffer(answer)) socket.send(received.respond(pduOf(answer)), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, requests, askedFrom: () => askedFrom };
}

/** A view with these neighbors, by index, and bgpLocalAs unless it is 0. */
export function peerTable(neighbors: Readonly<Record<string, Cells>>, localAs = 65_342): readonly MibObject[] {
  const rows = Object.entries(neighbors)
    .map(([index, cells]) => ({ instance: index.split('.').map(Number), cells }))
    .sort((left, right) => compareOids(left.instance, right.instance));
  const column = (number: number, cellOf: (cells: Cells) => MibValue | undefined): MibObject => {
    const present = rows.flatMap(({ instance, cells }) => {
      const value = cellOf(cells);
      return value === undefined ? [] : [{ instance, value }];
    });
    return {
      oid: [1, 3, 6, 1, 2, 1, 15, 3, 1, number],
      instances: present.map(({ instance }) => instance),
      read: (position) => present[position]?.value ?? { type: TYPE.noSuchInstance, value: 'noSuchInstance' },
    };
  };
  const number = (type: MibValue['type'], value: number | undefined): MibValue | undefined =>
    value === undefined ? undefined : { type, value };
  return [
    ...(localAs === 0 ? [] : [{ oid: [1, 3, 6, 1, 2, 1, 15, 2], instances: [[0]], read: () => ({ type: TYPE.integer, value: localAs }) }]),
    column(2, ({ state }) => (typeof state === 'object' ? state : number(TYPE.integer, state))),
    column(9, ({ remoteAs }) => number(TYPE.integer, remoteAs)),
    column(15, ({ transitions }) => number(TYPE.counter32, transitions)),
    column(16, ({ seconds }) => number(TYPE.gauge32, seconds)),
  ];
}

/** Arista's table with these rows, `<instance>.<type>.<length>.<octets>`, in the order in which the agent is to give them. */
export function aristaTable(rows: readonly (readonly [index: string, state: number | MibValue])[]): readonly MibObject[] {
  const instances = rows.map(([index]) => index.split('.').map(Number));
  const column = (table: readonly number[], read: (position: number) => MibValue): MibObject => ({
    oid: [1, 3, 6, 1, 4, 1, 30_065, 4, 1, 1, ...table],
    instances,
    read,
  });
  return [
    column([2, 1, 10], () => ({ type: TYPE.gauge32, value: 65_000 })),
    column([2, 1, 12], () => ({ type: TYPE.integer, value: 2 })),
    column([2, 1, 13], (position) => {
      const state = rows[position]?.[1] ?? 0;
      return typeof state === 'object' ? state : { type: TYPE.integer, value: state };
    }),
    column([2, 1, 14], () => ({ type: TYPE.octetString, value: '' })),
    column([4, 1, 1], () => ({ type: TYPE.gauge32, value: 30 })),
    column([7, 1, 5], () => ({ type: TYPE.counter32, value: 1 })),
  ];
}

/** GETNEXT as an agent answers it that goes through its rows as they come, in order or not. */
export function nextAsListed(objects: readonly MibObject[], oid: readonly number[]): MibVarBind {
  for (const object of objects) {
    const isInside = object.oid.every((part, position) => oid[position] === part);
    if (!isInside && compareOids(oid, object.oid) > 0) continue;
    const index = oid.slice(object.oid.length);
    const at = object.instances.findIndex((instance) => compareOids(instance, index) === 0);
    const position = isInside && index.length > 0 ? at + 1 : 0;
    const instance = object.instances[position];
    if (instance !== undefined && (at >= 0 || position === 0)) return { oid: [...object.oid, ...instance], ...object.read(position) };
  }
  return { oid, type: TYPE.endOfMibView, value: 'endOfMibView' };
}

/** Answers GETBULK and GETNEXT by going through the rows as they come, and GET truly. */
export function asListed(objects: readonly MibObject[]): Script {
  return (request) => {
    if (request.kind === 'get') return encodeAnswer(request, answerTo(request, objects));
    const varbinds: MibVarBind[] = [];
    let row = request.oids;
    for (let repetition = 0; repetition < (request.kind === 'get-bulk' ? request.maxRepetitions : 1); repetition += 1) {
      const next = row.map((oid) => nextAsListed(objects, oid));
      varbinds.push(...next);
      row = next.map(({ oid }) => oid);
    }
    return encodeAnswer(request, varbinds);
  };
}

/** Answers every request truly from the table that holds at that moment. */
export function truthfully(tableAt: (request: AgentRequest, number: number) => readonly MibObject[]): Script {
  return (request, number) => encodeAnswer(request, answerTo(request, tableAt(request, number)));
}

/** So many neighbors, 10.0.0.1 and on. */
export function manyNeighbors(count: number, cells: Cells): Record<string, Cells> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`10.0.${index >> 8}.${index & 255}`, cells]));
}

export function sourceOf(
  { port }: { readonly port: number },
  options: Partial<Omit<SnmpSourceOptions, 'community' | 'user'>> = {},
): SwitchSource {
  const source = createSnmpSource({
    name: 'snmp',
    host: '127.0.0.1',
    port,
    community: 'telemetry',
    vrfs: ['default'],
    mib: 'bgp4',
    timeoutMs: 2_000,
    maxRows: 1_000,
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => source.close());
  return source;
}

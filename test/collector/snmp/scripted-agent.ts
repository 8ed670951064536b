import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { type AgentRequest, answerTo, decodeRequest, encodeAnswer } from '../../../localnet/switch/snmp.ts';
import { compareOids, type MibObject, type MibValue, TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import { createSnmpSource, type SnmpSourceOptions, type SwitchSource } from '../../../src/collector/index.ts';
import { systemClock } from '../../../src/lib/index.ts';

/** What the agent sends for its n-th request (from 1): one datagram, several, or nothing. */
export type Script = (request: AgentRequest, number: number) => Buffer | readonly Buffer[] | undefined;

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
  socket.on('message', (datagram, from) => {
    const request = decodeRequest(datagram);
    if (request === undefined) throw new Error('the source sent what no agent understands');
    askedFrom = from.port;
    const answers = script(request, requests.push(request)) ?? [];
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

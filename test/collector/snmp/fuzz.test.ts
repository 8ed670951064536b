import { expect, test } from 'vitest';
import type { NeighborState } from '../../../src/bgp/index.ts';
import { MalformedDatagram } from '../../../src/collector/snmp/ber.ts';
import { BGP4_MIB } from '../../../src/collector/snmp/bgp4-mib.ts';
import { neighborOf } from '../../../src/collector/snmp/peer-mib.ts';
import { DisorderlyAgent, decodeResponse } from '../../../src/collector/snmp/response.ts';
import type { SnmpSession } from '../../../src/collector/snmp/snmp-session.ts';
import { walkPeerTable } from '../../../src/collector/snmp/table-walk.ts';
import { type AgentRequest, answerTo, encodeAnswer } from '../../../src/localnet/dzd/snmp/answer.ts';
import { epochMs, type Random, seededRandom } from '../../../src/platform/index.ts';
import { manyNeighbors, peerTable, sourceOf, startAgent, waiting } from './scripted-agent.ts';

const signal = new AbortController().signal;

/** No session in it is up, so whatever reads as Established has been made up by damage. */
const TABLE = peerTable(manyNeighbors(5, waiting));
const REQUEST: AgentRequest = {
  kind: 'get-bulk',
  community: 'telemetry',
  requestId: 77,
  oids: [2, 9, 15, 16].map((column) => [1, 3, 6, 1, 2, 1, 15, 3, 1, column]),
  nonRepeaters: 0,
  maxRepetitions: 6,
};

const ESTABLISHED = 6;

test('20,000 random and damaged answers: each is refused, or read without making a session up', async () => {
  const random = seededRandom(20_260_101);
  const answer = encodeAnswer(REQUEST, answerTo(REQUEST, TABLE));
  const outcomes = { refused: 0, disorderly: 0, read: 0 };
  for (let round = 0; round < 20_000; round += 1) {
    const datagram = round % 4 === 0 ? noise(random) : damaged(answer, random);
    const states = await statesIn(datagram);
    if (Array.isArray(states)) {
      outcomes.read += 1;
      if (states.includes('established')) throw new Error(`made up a session from ${datagram.toString('hex')}`);
    } else outcomes[states] += 1;
  }
  // Each way out was taken often, or this test looked at nothing.
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(200);
  expect(outcomes.refused + outcomes.disorderly + outcomes.read).toBe(20_000);
});

test('a cut answer is refused wherever it is cut', () => {
  const answer = encodeAnswer(REQUEST, answerTo(REQUEST, TABLE));
  for (let length = 0; length < answer.length; length += 1) {
    expect(() => decodeResponse(answer.subarray(0, length))).toThrow(MalformedDatagram);
  }
  expect(() => decodeResponse(Buffer.concat([answer, Buffer.from([0])]))).toThrow(MalformedDatagram);
  expect(decodeResponse(answer).varbinds).toHaveLength(24);
});

test('a source that is showered with damaged answers makes no session up, and reads the next table', async () => {
  const random = seededRandom(7);
  let shower = true;
  const agent = await startAgent((request) => {
    const answer = encodeAnswer(request, answerTo(request, TABLE));
    return shower ? [...Array.from({ length: 50 }, () => damaged(answer, random)), noise(random)] : answer;
  });
  const source = sourceOf(agent, { timeoutMs: 60 });
  for (let poll = 0; poll < 40; poll += 1) {
    const states = await source.collect(signal).then(
      ({ vrfs }) => [...vrfs.values()].flatMap((reading) => (reading.kind === 'collected' ? [...reading.neighbors.values()] : [])),
      () => [],
    );
    expect(states.filter(({ state }) => state === 'established')).toEqual([]);
  }
  expect(source.ignoredDatagrams().malformed).toBeGreaterThan(100);
  shower = false;
  expect((await source.collect(signal)).vrfs.get('default')).toMatchObject({ neighbors: { size: 5 } });
});

/** What the source makes of one datagram, when it is the whole table. */
async function statesIn(datagram: Buffer): Promise<NeighborState[] | 'refused' | 'disorderly'> {
  let asked = 0;
  const session: SnmpSession = {
    async request({ oids }) {
      asked += 1;
      if (asked === 1) return decodeResponse(datagram).varbinds;
      return oids.map((oid) => ({ oid, value: { kind: 'exception', exception: 'endOfMibView' } as const }));
    },
    close() {},
  };
  try {
    const { rows } = await walkPeerTable({ session, mib: BGP4_MIB, maxRows: 100, now: () => epochMs(0) }, signal);
    return [...rows.values()].map((row) => neighborOf(row, BGP4_MIB).state);
  } catch (error) {
    if (error instanceof MalformedDatagram) return 'refused';
    if (error instanceof DisorderlyAgent) return 'disorderly';
    throw error;
  }
}

function noise(random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
  // Half of it begins like a message, so that it is not all refused at its first octet.
  if (bytes.length > 2 && random() < 0.5) bytes.set([0x30, bytes.length - 2]);
  return bytes;
}

/** One to three small damages. None writes a 6 where there was none: a state turned to 6 is a well-formed lie that nobody could tell. */
function damaged(answer: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(answer);
  const times = 1 + Math.floor(random() * 3);
  for (let damage = 0; damage < times; damage += 1) bytes = DAMAGES[Math.floor(random() * DAMAGES.length)]?.(bytes, random) ?? bytes;
  return bytes;
}

const somewhere = (bytes: Buffer, random: Random): number => Math.floor(random() * bytes.length);

function overwrite(bytes: Buffer, at: number, octet: number): Buffer {
  if (octet !== ESTABLISHED && at < bytes.length) bytes[at] = octet;
  return bytes;
}

const DAMAGES: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return overwrite(bytes, at, (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8)));
  },
  (bytes, random) => overwrite(bytes, somewhere(bytes, random), Math.floor(random() * 256)),
  (bytes, random) => overwrite(bytes, somewhere(bytes, random), [0, 1, 0x7f, 0x80, 0x84, 0xff][Math.floor(random() * 6)] ?? 0),
  (bytes, random) => bytes.subarray(0, somewhere(bytes, random)),
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 20))]);
  },
  (bytes, random) => {
    const at = somewhere(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(somewhere(bytes, random), at), bytes.subarray(at)]);
  },
];

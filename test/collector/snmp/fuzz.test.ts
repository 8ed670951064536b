import { expect, test } from 'vitest';
import { type AgentRequest, answerTo, encodeAnswer } from '../../../localnet/switch/snmp.ts';
import { createAristaBgpView, type MibObject } from '../../../localnet/switch/snmp-mibs.ts';
import { createSimulatedSwitch } from '../../../localnet/switch/switch.ts';
import type { NeighborState } from '../../../src/bgp/index.ts';
import { decodeResponse, MalformedDatagram } from '../../../src/collector/snmp/message.ts';
import { ARISTA_MIB, BGP4_MIB, neighborOf, type PeerMib } from '../../../src/collector/snmp/mibs.ts';
import { SnmpProblem, type SnmpSession } from '../../../src/collector/snmp/session.ts';
import { walkPeerTable } from '../../../src/collector/snmp/walk.ts';
import { epochMs, seededRandom, systemClock } from '../../../src/lib/index.ts';
import { asTimePasses, letTimersStandStill } from '../../support/passing-time.ts';
import { damaged, fuzzInputs, noise } from './damage.ts';
import { manyNeighbors, peerTable, sourceOf, startAgent, waiting } from './scripted-agent.ts';

const signal = new AbortController().signal;

/** No session in it is up, so whatever reads as Established has been made up by damage. */
const TABLE = peerTable(manyNeighbors(5, waiting));
/** The same in Arista's table; IPv6 among it, as its index is of another length. */
const ARISTA_TABLE = (): readonly MibObject[] => {
  const sim = createSimulatedSwitch({ clock: systemClock });
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1'])
    sim.configure({ vrf: 'default', address, remoteAs: 65_000, description: 'USER-500' });
  return createAristaBgpView(sim, 'default')();
};
const REQUEST: AgentRequest = {
  kind: 'get-bulk',
  community: 'telemetry',
  requestId: 77,
  oids: [2, 9, 15, 16].map((column) => [1, 3, 6, 1, 2, 1, 15, 3, 1, column]),
  nonRepeaters: 0,
  maxRepetitions: 6,
};

test.each([BGP4_MIB, ARISTA_MIB])(
  'random and damaged answers of $name are refused, or read without inventing a session',
  async (mib) => {
    const inputs = fuzzInputs(20_000);
    const random = seededRandom(20_260_101);
    const request = { ...REQUEST, oids: mib.columns.map(({ oid }) => oid) };
    const answer = encodeAnswer(request, answerTo(request, mib === BGP4_MIB ? TABLE : ARISTA_TABLE()));
    const outcomes = { refused: 0, disorderly: 0, read: 0 };
    for (let round = 0; round < inputs; round += 1) {
      const datagram = round % 4 === 0 ? noise(random) : damaged(answer, random);
      const states = await statesIn(datagram, mib);
      if (Array.isArray(states)) {
        outcomes.read += 1;
        if (states.includes('established')) throw new Error(`made up a session from ${datagram.toString('hex')}`);
      } else outcomes[states] += 1;
    }
    // Each way out was taken often, or this test looked at nothing.
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(inputs / 100);
    expect(outcomes.refused + outcomes.disorderly + outcomes.read).toBe(inputs);
  },
  120_000,
);

test('a cut answer is refused wherever it is cut', () => {
  const answer = encodeAnswer(REQUEST, answerTo(REQUEST, TABLE));
  for (let length = 0; length < answer.length; length += 1) {
    expect(() => decodeResponse(answer.subarray(0, length))).toThrow(MalformedDatagram);
  }
  expect(() => decodeResponse(Buffer.concat([answer, Buffer.from([0])]))).toThrow(MalformedDatagram);
  expect(decodeResponse(answer).varbinds).toHaveLength(24);
});

test('a source that receives many damaged answers invents no session, and reads the next table', async () => {
  const random = seededRandom(7);
  let shower = true;
  const agent = await startAgent((request) => {
    const answer = encodeAnswer(request, answerTo(request, TABLE));
    return shower ? [...Array.from({ length: 50 }, () => damaged(answer, random)), noise(random)] : answer;
  });
  letTimersStandStill();
  const source = sourceOf(agent);
  for (let poll = 0; poll < 40; poll += 1) {
    const states = await asTimePasses(100, source.collect(signal)).then(
      ({ vrfs }) => [...vrfs.values()].flatMap((reading) => (reading.kind === 'collected' ? [...reading.neighbors.values()] : [])),
      () => [],
    );
    expect(states.filter(({ state }) => state === 'established')).toEqual([]);
  }
  expect(source.dropCounters?.().malformed).toBeGreaterThan(100);
  shower = false;
  expect((await source.collect(signal)).vrfs.get('default')).toMatchObject({ neighbors: { size: 5 } });
});

/** What the source makes of one datagram, when it is the whole table. */
async function statesIn(datagram: Buffer, mib: PeerMib): Promise<NeighborState[] | 'refused' | 'disorderly'> {
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
    const { rows } = await walkPeerTable({ session, mib, maxRows: 100, now: () => epochMs(0) }, signal);
    return [...rows.values()].map((row) => neighborOf(row, mib).state);
  } catch (error) {
    if (error instanceof MalformedDatagram) return 'refused';
    if (error instanceof SnmpProblem) return 'disorderly';
    throw error;
  }
}

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { asV2cMessage, createV3Agent, decodeRequest, encodeAnswer, encodeTrap, pduOf } from '../../../localnet/switch/snmp.ts';
import { TYPE } from '../../../localnet/switch/snmp-mibs.ts';
import type { SimulatedSnmpUser } from '../../../localnet/switch/snmp-usm.ts';
import { createSimulatedSwitch } from '../../../localnet/switch/switch.ts';
import { MalformedDatagram } from '../../../src/collector/snmp/message.ts';
import { noneIgnored, type SnmpUser } from '../../../src/collector/snmp/session.ts';
import { createV3Session } from '../../../src/collector/snmp/session-v3.ts';
import { decodeNotification, isBgpNotification } from '../../../src/collector/snmp/traps.ts';
import { createV3NotificationReader } from '../../../src/collector/snmp/traps-v3.ts';
import { readV3Header } from '../../../src/collector/snmp/usm-filter.ts';
import { monotonicMs, type Random, seededRandom, systemClock } from '../../../src/lib/index.ts';
import { damaged, fuzzInputs, noise } from './damage.ts';

const USER: SnmpUser & SimulatedSnmpUser = {
  name: 'telemetry',
  auth: { protocol: 'sha', password: 'authentic-words' },
  priv: { protocol: 'aes', password: 'private-words' },
};
const STATE = [1, 3, 6, 1, 2, 1, 15, 3, 1, 2, 169, 254, 0, 1];
const ESTABLISHED = 6;
const signal = new AbortController().signal;
const someone = { address: '127.0.0.1', family: 'IPv4', port: 1_024, size: 0 } as const;

const sim = createSimulatedSwitch({ clock: systemClock });
sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 65_000 });

/** An SNMPv3 agent that answers each request first with what `spoil` makes of its answer, and then in earnest. */
async function prepareSpoiler(spoil: (authentic: (pdu: Buffer) => Buffer, pdu: Buffer) => Buffer): Promise<number> {
  const server = createV3Agent(sim, USER);
  const socket = createSocket('udp4');
  socket.on('message', (datagram, { port, address }) => {
    const received = server.receive(datagram);
    if (received === undefined) return;
    if (received.kind === 'report') return void socket.send(received.message, port, address);
    const request = decodeRequest(asV2cMessage(received.pdu));
    if (request === undefined) throw new Error('the session sent what no agent understands');
    const answer = (value: number): Buffer => pduOf(encodeAnswer(request, [{ oid: STATE, type: TYPE.integer, value }]));
    socket.send(spoil(received.respond, answer(3)), port, address);
    socket.send(received.respond(answer(1)), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket.address().port;
}

/** What a session reads of the state while it gets such answers. */
async function statesRead(
  inputs: number,
  spoil: Parameters<typeof prepareSpoiler>[0],
): Promise<{ read: number; refused: number; dropped: number }> {
  const port = await prepareSpoiler(spoil);
  const ignored = noneIgnored();
  const outcomes = { read: 0, refused: 0 };
  for (let left = inputs; left > 0; ) {
    const options = { address: '127.0.0.1', port, endpoint: 'agent', user: USER, context: '', timeoutMs: 20_000, ignored };
    // A session a poll, as the source has it.
    const session = createV3Session(options);
    for (let request = 0; request < 500 && left > 0; request += 1, left -= 1) {
      const varbinds = await session.request({ kind: 'get', oids: [STATE] }, signal).catch(() => undefined);
      if (varbinds === undefined) outcomes.refused += 1;
      else outcomes.read += 1;
      if (varbinds?.some(({ value }) => value.kind === 'integer' && value.value === ESTABLISHED)) throw new Error('made up a session');
    }
    session.close();
  }
  return { ...outcomes, dropped: ignored.malformed };
}

test('damaged SNMPv3 answers are ignored, and none breaks the session', async () => {
  const random = seededRandom(31);
  const inputs = fuzzInputs(800);
  const outcomes = await statesRead(inputs, (authentic, pdu) => (random() < 0.1 ? noise(random) : damaged(authentic(pdu), random)));
  expect(outcomes.read + outcomes.refused).toBe(inputs);
  // What is damaged goes unread, and the answer after it is taken.
  expect(Math.min(outcomes.read, outcomes.dropped)).toBeGreaterThan(inputs / 2);
}, 300_000);

test('malformed payloads that the agent has signed are refused, or read without inventing a session', async () => {
  const random = seededRandom(32);
  const inputs = fuzzInputs(600);
  const outcomes = await statesRead(inputs, (authentic, pdu) => authentic(random() < 0.1 ? noise(random) : damaged(pdu, random)));
  expect(outcomes.read + outcomes.refused).toBe(inputs);
  expect(Math.min(outcomes.read, outcomes.dropped)).toBeGreaterThan(inputs / 3);
}, 300_000);

test('the header of random and damaged SNMPv3 messages is read, or refused as malformed', () => {
  const random = seededRandom(33);
  const message = trapOfV3();
  const inputs = fuzzInputs(20_000);
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < inputs; round += 1) outcomes[readOrRefused(() => readV3Header(spoiled(message, round, random)))] += 1;
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(inputs / 100);
}, 300_000);

test('of random and damaged SNMPv3 notifications only the genuine one is accepted', () => {
  const random = seededRandom(34);
  const message = trapOfV3();
  const inputs = fuzzInputs(20_000);
  let now = 0;
  const reader = createV3NotificationReader({
    user: USER,
    clock: {
      monotonic() {
        now += 1;
        return monotonicMs(now);
      },
    },
    reply() {
      // Engine discoveries in between are answered.
    },
  });
  const counts: Record<string, number> = {};
  for (let round = 0; round < inputs; round += 1) {
    const datagram = round % 10 === 0 ? message : spoiled(message, round, random);
    const outcome = reader.receive(datagram, someone);
    const kind = typeof outcome === 'string' ? outcome : 'notification';
    if (kind === 'notification' && !datagram.equals(message)) throw new Error(`believed ${datagram.toString('hex')}`);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  expect(counts.notification).toBeGreaterThanOrEqual(inputs / 10);
  expect([counts.refused, counts.malformed].every((count) => count !== undefined && count > inputs / 100)).toBe(true);
}, 300_000);

test('random and damaged SNMPv2c notifications are read, or refused as malformed', () => {
  const random = seededRandom(35);
  const messages = (['rfc4273', 'rfc1657', 'arista'] as const).map(trapOfV2c);
  const inputs = fuzzInputs(20_000);
  const outcomes = { read: 0, refused: 0 };
  let triggers = 0;
  for (let round = 0; round < inputs; round += 1) {
    const datagram = spoiled(messages[round % 3] ?? Buffer.alloc(0), round, random);
    const outcome = readOrRefused(() => {
      const { trapOid } = decodeNotification(datagram);
      if (trapOid !== undefined && isBgpNotification(trapOid)) triggers += 1;
    });
    outcomes[outcome] += 1;
  }
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(inputs / 100);
  // A damaged value leaves the notification valid, which is harmless: its values stay unread.
  expect(triggers).toBeLessThanOrEqual(outcomes.read);
}, 300_000);

test('the simulated agent reports or drops random and damaged messages', () => {
  const random = seededRandom(36);
  const server = createV3Agent(sim, USER);
  const message = trapOfV3();
  const inputs = fuzzInputs(5_000);
  const counts = { request: 0, report: 0, dropped: 0 };
  for (let round = 0; round < inputs; round += 1) {
    const datagram = round % 10 === 0 ? message : spoiled(message, round, random);
    const kind = server.receive(datagram)?.kind ?? 'dropped';
    if (kind === 'request' && !datagram.equals(message)) throw new Error(`believed ${datagram.toString('hex')}`);
    counts[kind] += 1;
  }
  expect(counts.request).toBeGreaterThanOrEqual(inputs / 10);
  expect(counts.dropped).toBeGreaterThan(inputs / 10);
}, 300_000);

function trapOfV2c(form: 'rfc4273' | 'rfc1657' | 'arista'): Buffer {
  const [neighbor] = sim.neighbors('default');
  const trap = neighbor === undefined ? undefined : encodeTrap(2, neighbor, sim, { form, community: 'telemetry', requestId: 7 });
  if (trap === undefined) throw new Error('no trap');
  return trap;
}

function trapOfV3(): Buffer {
  return createV3Agent(sim, USER).send(pduOf(trapOfV2c('rfc4273')), '');
}

function spoiled(message: Buffer, round: number, random: Random): Buffer {
  return round % 4 === 1 ? noise(random) : damaged(message, random);
}

function readOrRefused(read: () => void): 'read' | 'refused' {
  try {
    read();
    return 'read';
  } catch (error) {
    if (error instanceof MalformedDatagram) return 'refused';
    throw error;
  }
}

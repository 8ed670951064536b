import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { encode, Packet, parse } from 'snmp-native';
import { expect, onTestFinished, test } from 'vitest';
import { createSimulatedSnmp, type SimulatedSnmpOptions } from '../../../localnet/switch/snmp.ts';
import { createSimulatedSwitch, createSwitchFaults, type SimulatedSwitch } from '../../../localnet/switch/switch.ts';
import { type Clock, epochMs, monotonicMs } from '../../../src/lib/index.ts';

const GET = 0;
const GET_NEXT = 1;
const GET_BULK = 5;
const PEER_TABLE = '1.3.6.1.2.1.15.3.1';
const ARISTA_BGP = '1.3.6.1.4.1.30065.4.1.1';

type Answer = readonly (readonly [oid: string, value: unknown])[];

interface Asking {
  readonly sim: SimulatedSwitch;
  readonly pass: (ms: number) => void;
  readonly stop: () => Promise<void>;
  /** The answer to one request, for which there is all the time of the test. */
  ask(type: number, oids: readonly string[], options?: { community?: string; version?: number; repetitions?: number }): Promise<Answer>;
  /** One request without an answer. */
  askInVain(...request: Parameters<Asking['ask']>): Promise<void>;
}

async function startSimulation(options: Pick<SimulatedSnmpOptions, 'mibs'> = {}): Promise<Asking> {
  let wall = 1_700_000_000_000;
  const clock: Clock = { wall: () => epochMs(wall), monotonic: () => monotonicMs(wall), sleep: () => Promise.resolve() };
  const sim = createSimulatedSwitch({ clock, hostname: 'chi-dz1' });
  const agent = createSimulatedSnmp({ switch: sim, faults: createSwitchFaults(), community: 'telemetry', clock, ...options });
  const { host, port } = await agent.start();
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(async () => {
    socket.close();
    await agent.stop();
  });
  const send: (...request: Parameters<Asking['ask']>) => void = (
    type,
    oids,
    { community = 'telemetry', version = 1, repetitions = 0 } = {},
  ) => {
    const packet = new Packet();
    packet.version = version;
    packet.community = community;
    packet.pdu = { ...packet.pdu, type, reqid: 42, error: 0, errorIndex: repetitions, varbinds: oids.map(query) };
    socket.send(encode(packet), port, host);
  };
  return {
    sim,
    pass: (ms) => {
      wall += ms;
    },
    stop: () => agent.stop(),
    async ask(...request) {
      const heard = once(socket, 'message');
      send(...request);
      const { pdu } = parse((await heard)[0]);
      expect([pdu.type, pdu.reqid, pdu.error]).toEqual([2, 42, 0]);
      return pdu.varbinds.map(({ oid, value }) => [oid.join('.'), value] as const);
    },
    async askInVain(...request) {
      let answers = 0;
      const count = (): void => {
        answers += 1;
      };
      socket.on('message', count);
      send(...request);
      await delay(100);
      socket.off('message', count);
      expect(answers).toBe(0);
    },
  };
}

function query(oid: string): { oid: number[]; type: number; value: null } {
  return { oid: oid.split('.').map(Number), type: 5, value: null };
}

test('GETNEXT visits every object once, in the order of the names, and ends with endOfMibView', async () => {
  const { sim, ask, pass } = await startSimulation();
  sim.configure({ vrf: 'default', address: '169.254.0.11', remoteAs: 65_000, description: 'USER-500' });
  for (const address of ['169.254.0.9', '10.0.0.200']) sim.configure({ vrf: 'default', address, remoteAs: 65_000 });
  sim.configure({ vrf: 'vrf1', address: '169.254.0.1', remoteAs: 65_000 });
  sim.establish('default', '169.254.0.9');
  sim.drop('default', '10.0.0.200', 'idle', 'Admin');
  pass(7_900);

  const walked: [string, unknown][] = [];
  for (let at = '1.3'; ; ) {
    const [next] = await ask(GET_NEXT, [at]);
    if (next === undefined || next[1] === 'endOfMibView') break;
    walked.push([...next]);
    at = next[0];
  }
  const column = (number: number, values: readonly unknown[]): [string, unknown][] =>
    ['10.0.0.200', '169.254.0.9', '169.254.0.11'].map((address, row) => [`${PEER_TABLE}.${number}.${address}`, values[row]]);
  const aristaColumn = (number: string, values: readonly unknown[]): [string, unknown][] =>
    ['10.0.0.200', '169.254.0.9', '169.254.0.11'].map((address, row) => [`${ARISTA_BGP}.${number}.1.1.4.${address}`, values[row]]);
  expect(walked).toEqual([
    ['1.3.6.1.2.1.1.1.0', 'Arista Networks EOS version 4.33.1F (simulated)'],
    ['1.3.6.1.2.1.1.3.0', 790],
    ['1.3.6.1.2.1.1.5.0', 'chi-dz1'],
    ['1.3.6.1.2.1.15.1.0', '\u0010'],
    ['1.3.6.1.2.1.15.2.0', 65_342],
    ...column(1, [
      [0, 0, 0, 0],
      [169, 254, 0, 9],
      [0, 0, 0, 0],
    ]),
    ...column(2, [1, 6, 3]),
    ...column(3, [1, 2, 2]),
    ...column(7, [
      [10, 0, 0, 200],
      [169, 254, 0, 9],
      [169, 254, 0, 11],
    ]),
    ...column(9, [65_000, 65_000, 65_000]),
    ...column(14, ['\0\0', '\0\0', '\0\0']),
    ...column(15, [0, 1, 0]),
    ...column(16, [0, 7, 0]),
    ['1.3.6.1.2.1.15.4.0', [10, 0, 0, 1]],
    [`1.3.6.1.4.1.30065.3.18.1.1.1.4.4.${[...Buffer.from('vrf1')].join('.')}`, 1],
    ...aristaColumn('2.1.10', [65_000, 65_000, 65_000]),
    ...aristaColumn('2.1.12', [1, 2, 2]),
    ...aristaColumn('2.1.13', [1, 6, 3]),
    ...aristaColumn('2.1.14', ['', '', 'USER-500']),
    ...['3.1.1', '3.1.2', '3.1.3', '3.1.6', '3.1.7', '3.1.8'].flatMap((number) => aristaColumn(number, [0, 0, 0])),
    ...aristaColumn('4.1.1', [0, 7, 0]),
    ...aristaColumn('7.1.5', [0, 1, 0]),
  ]);
});

test('GETBULK gives row after row of several columns, and runs on behind the last', async () => {
  const { sim, ask } = await startSimulation({ mibs: ['bgp4'] });
  sim.addVrf('vrf1');
  for (const address of ['169.254.0.3', '169.254.0.1']) sim.configure({ vrf: 'vrf1', address, remoteAs: 65_000 });
  expect(await ask(GET_BULK, [`${PEER_TABLE}.15`, `${PEER_TABLE}.16`], { community: 'telemetry@vrf1', repetitions: 9 })).toEqual([
    [`${PEER_TABLE}.15.169.254.0.1`, 0],
    [`${PEER_TABLE}.16.169.254.0.1`, 0],
    [`${PEER_TABLE}.15.169.254.0.3`, 0],
    [`${PEER_TABLE}.16.169.254.0.3`, 0],
    [`${PEER_TABLE}.16.169.254.0.1`, 0],
    ['1.3.6.1.2.1.15.4.0', [10, 0, 0, 1]],
    [`${PEER_TABLE}.16.169.254.0.3`, 0],
    ['1.3.6.1.2.1.15.4.0', 'endOfMibView'],
    ['1.3.6.1.2.1.15.4.0', [10, 0, 0, 1]],
    ['1.3.6.1.2.1.15.4.0', 'endOfMibView'],
    ['1.3.6.1.2.1.15.4.0', 'endOfMibView'],
    ['1.3.6.1.2.1.15.4.0', 'endOfMibView'],
  ]);
});

test('GET distinguishes a missing row from a missing object', async () => {
  const { ask } = await startSimulation();
  expect(await ask(GET, ['1.3.6.1.2.1.15.2.0', `${PEER_TABLE}.2.169.254.0.1`, '1.3.6.1.2.1.2.1.0'])).toEqual([
    ['1.3.6.1.2.1.15.2.0', 65_342],
    [`${PEER_TABLE}.2.169.254.0.1`, 'noSuchInstance'],
    ['1.3.6.1.2.1.2.1.0', 'noSuchObject'],
  ]);
});

test('in BGP4-MIB an IPv6 neighbor has no row, and an AS of four octets shows as AS_TRANS; Arista’s MIB has both', async () => {
  const { sim, ask } = await startSimulation();
  sim.configure({ vrf: 'default', address: '2001:db8::1', remoteAs: 65_000 });
  sim.configure({ vrf: 'default', address: '169.254.0.1', remoteAs: 4_200_000_001 });
  expect(await ask(GET_BULK, [`${PEER_TABLE}.9`], { repetitions: 2 })).toEqual([
    [`${PEER_TABLE}.9.169.254.0.1`, 23_456],
    [`${PEER_TABLE}.14.169.254.0.1`, '\0\0'],
  ]);
  expect(await ask(GET_BULK, [`${ARISTA_BGP}.2.1.10`], { repetitions: 2 })).toEqual([
    [`${ARISTA_BGP}.2.1.10.1.1.4.169.254.0.1`, 4_200_000_001],
    [`${ARISTA_BGP}.2.1.10.1.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1`, 65_000],
  ]);
});

test('a wrong community, an unknown VRF, another SNMP version and noise get no response', async () => {
  const { ask, askInVain } = await startSimulation();
  const local = ['1.3.6.1.2.1.15.2.0'];
  await askInVain(GET, local, { community: 'public' });
  await askInVain(GET, local, { community: 'telemetry@vrf9' });
  await askInVain(GET, local, { version: 0 });
  await askInVain(3, local);
  expect(await ask(GET, local)).toEqual([['1.3.6.1.2.1.15.2.0', 65_342]]);
});

test('it can be stopped twice', async () => {
  const { stop } = await startSimulation();
  await stop();
  await expect(stop()).resolves.toBeUndefined();
});

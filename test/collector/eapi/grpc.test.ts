import { afterEach, expect, test } from 'vitest';
import {
  createSimulatedEapi,
  createSimulatedGrpc,
  createSimulatedSwitch,
  createSwitchFaults,
  type SimulatedGrpc,
} from '../../../localnet/switch/index.ts';
import { createEapiSource, type EapiSource } from '../../../src/collector/eapi/source.ts';
import { systemClock } from '../../../src/lib/index.ts';
import { collected, statesOf } from '../source-contract.ts';

const never = new AbortController().signal;
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function startGrpcFixture({ neighbors = 1, maxAnswerBytes = 1 << 24 } = {}) {
  const sim = createSimulatedSwitch({ clock: systemClock });
  const faults = createSwitchFaults();
  for (let n = 0; n < neighbors; n += 1) {
    const address = `169.254.${n >> 7}.${((2 * n) & 255) + 1}`;
    sim.configure({ vrf: 'vrf1', address, remoteAs: 65_000, rttUs: 4_287 });
    sim.establish('vrf1', address);
  }
  const server: SimulatedGrpc = createSimulatedGrpc({ switch: sim, faults });
  const { host, port } = await server.start();
  const source: EapiSource = createEapiSource({
    endpoint: `grpc://${host}:${port}`,
    clock: systemClock,
    timeoutMs: 10_000,
    maxAnswerBytes,
  });
  ends.push(server.stop, () => source.close());
  return { sim, faults, server, source, port };
}

test('eAPI over gRPC: a poll is two calls: the time of the switch, and then the summary', async () => {
  const { source, server, sim } = await startGrpcFixture();
  sim.setClockSkew(-3_600_000);
  const before = sim.now();
  const { switchTime } = collected(await source.collect(never), 'vrf1');
  expect(server.stats().commands).toBe(2);
  expect(switchTime).toBeGreaterThanOrEqual(before);
  expect(switchTime).toBeLessThanOrEqual(sim.now());
});

test('eAPI over gRPC: a switch that does not report its time is read without ages', async () => {
  const { source, faults } = await startGrpcFixture();
  faults.begin({ kind: 'command-error', command: 'show clock', code: 1_005, errors: ['Command unauthorized'] });
  const reading = collected(await source.collect(never), 'vrf1');
  expect([reading.switchTime, [...reading.neighbors.keys()]]).toEqual([undefined, ['169.254.0.1']]);
});

test('eAPI over gRPC: connections that ended while idle cost the next poll nothing', async () => {
  const { source, server } = await startGrpcFixture();
  await source.collect(never);
  for (let time = 0; time < 3; time += 1) {
    server.hangUp();
    expect(statesOf(await source.collect(never))).toMatchObject({ vrf1: { '169.254.0.1': 'established' } });
  }
});

test('eAPI over gRPC: one connection serves poll after poll', async () => {
  const { source, server } = await startGrpcFixture();
  for (let poll = 0; poll < 5; poll += 1) await source.collect(never);
  expect(server.openConnections()).toBe(1);
});

test('eAPI over gRPC: the round-trip times of hundreds of neighbors come from one command', async () => {
  const { source, server, sim } = await startGrpcFixture({ neighbors: 300 });
  await source.collect(never);
  const before = server.stats().commands;
  const keys = sim.neighbors('vrf1').map(({ vrf, address }) => ({ vrf, address }));
  const rtts = await source.readRtts(keys, never);
  expect([rtts.size, new Set(rtts.values()), server.stats().commands - before]).toEqual([300, new Set([4_287_000n]), 1]);
});

test('eAPI over gRPC: an answer over the bound is refused', async () => {
  const { source } = await startGrpcFixture({ neighbors: 100, maxAnswerBytes: 4_096 });
  await expect(source.collect(never)).rejects.toMatchObject({ code: 'GRPC__EXHAUSTED' });
});

test('eAPI over gRPC: a web server at the address is an error, not an answer', async () => {
  const other = createSimulatedEapi({ switch: createSimulatedSwitch({ clock: systemClock }), faults: createSwitchFaults() });
  const { url } = await other.start();
  ends.push(other.stop);
  const source = createEapiSource({ endpoint: url.replace('http:', 'grpc:'), clock: systemClock, timeoutMs: 10_000 });
  ends.push(() => source.close());
  await expect(source.collect(never)).rejects.toMatchObject({ code: expect.stringMatching(/^GRPC__(UNREACHABLE|FAILED|TIMEOUT)$/) });
});

test.each([
  [404, 'GRPC__NOT_SERVED'],
  [503, 'GRPC__UNREACHABLE'],
  [403, 'GRPC__FAILED'],
] as const)('eAPI over gRPC: HTTP %i in the place of an answer is %s', async (status, code) => {
  const { source, faults } = await startGrpcFixture();
  faults.begin({ kind: 'http-status', status });
  await expect(source.collect(never)).rejects.toMatchObject({ code });
});

test('eAPI over gRPC: a proxy of the environment is not asked', async () => {
  const { source } = await startGrpcFixture();
  process.env.http_proxy = 'http://127.0.0.1:9';
  try {
    expect(statesOf(await source.collect(never))).toMatchObject({ vrf1: { '169.254.0.1': 'established' } });
  } finally {
    delete process.env.http_proxy;
  }
});

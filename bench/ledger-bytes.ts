/*
 * What a tick reads from the ledger, in bytes on the wire (both ways, HTTP and all), for a device with 128 users: while nothing happens, and in
 * a tick that reads all its users.
 */
import { systemClock } from '../src/lib/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import type { Bench } from './support/bench.ts';
import { startHost } from './support/host.ts';
import { tcpRelay } from './support/relay.ts';

const USERS = 128;
/** Twelve ticks at their usual interval, in which the users are read twice. */
const WATCHED_MS = 60_000;

const bench: Bench = async (emit, { quick, users: n = USERS, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  const relay = await tcpRelay(Number(new URL(host.rpcUrl).port));
  const through = { ...host, rpcUrl: `http://127.0.0.1:${relay.port}` };
  await host.flip('up');
  const ours = benchAgent(through);
  ours.agent.start();
  await ours.until('everybody up', () => ours.record.landings.length >= n);
  await systemClock.sleep(10_000);

  ours.clear();
  const before = relay.bytes();
  await systemClock.sleep(quick ? 12_000 : WATCHED_MS);
  emit({ n, metric: 'bytes a tick, nothing to write', value: (relay.bytes() - before) / ours.record.ticks.length, unit: 'bytes' });
  await ours.agent.stop();

  const reading = benchAgent(through, { timing: { viewIdleIntervalMs: 1, authorityIntervalMs: 3_600_000 } });
  reading.agent.start();
  await reading.until('two ticks', () => reading.record.ticks.length >= 2);
  const start = relay.bytes();
  const ticks = reading.record.ticks.length;
  await reading.until('two more ticks', () => reading.record.ticks.length >= ticks + 2);
  emit({ n, metric: 'bytes of a tick that reads the users', value: (relay.bytes() - start) / 2, unit: 'bytes' });
  await reading.agent.stop();
  await host.stop();
};
export default bench;

/*
 * Resident memory of an agent for 4,096 users over 24 hours, with one eAPI source, twenty times as fast as on a network (24 hours take 72 minutes). A process of its own, as
 * `run` would be: the localnet runs in another one. At each hour it is asked to collect its garbage, so that growth is not hidden by habit.
 */
import { systemClock } from '../src/lib/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import { type Bench, median } from './support/bench.ts';
import { startHost } from './support/host.ts';
import { scaledClock } from './support/scaled-clock.ts';

const USERS = 4_096;
const FACTOR = 20;
const HOUR_MS = 3_600_000 / FACTOR;
const SAMPLES_AN_HOUR = 20;
const MB = 1_048_576;

const bench: Bench = async (emit, { quick, users: n = USERS, runs: hours = quick ? 1 : 24, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400 / FACTOR, latencyMs: 50 / FACTOR });
  emit({ n, metric: 'resident before the agent', value: process.memoryUsage.rss() / MB, unit: 'MB' });
  await host.flip('up');
  const ours = benchAgent(host, {
    clock: scaledClock(FACTOR),
    timing: { collectTimeoutMs: 10_000 * FACTOR },
    callTimeoutMs: 20_000 * FACTOR,
  });
  ours.agent.start();
  while ((await host.mismatches()) > 0) await systemClock.sleep(1_000);

  const heaps: number[] = [];
  const resident: number[] = [];
  let ticks = 0;
  for (let hour = 0; hour < hours; hour += 1) {
    for (let sample = 0; sample < SAMPLES_AN_HOUR; sample += 1) {
      await systemClock.sleep(HOUR_MS / SAMPLES_AN_HOUR);
      resident.push(process.memoryUsage.rss() / MB);
    }
    ticks += ours.record.ticks.length;
    // What the bench itself recorded is not the agent's.
    ours.clear();
    globalThis.gc?.();
    heaps.push(process.memoryUsage().heapUsed / MB);
  }
  emit({ n, metric: 'ticks', value: ticks, unit: 'ticks' });
  emit({ n, metric: 'resident, median', value: median(resident), unit: 'MB' });
  emit({ n, metric: 'resident, most', value: Math.max(...resident), unit: 'MB' });
  emit({ n, metric: 'resident in the last hour, median', value: median(resident.slice(-SAMPLES_AN_HOUR)), unit: 'MB' });
  emit({ n, metric: 'live heap after the first hour', value: heaps[0] ?? Number.NaN, unit: 'MB' });
  emit({ n, metric: 'live heap after the last hour', value: heaps.at(-1) ?? Number.NaN, unit: 'MB' });
  emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
  await ours.agent.stop();
  await host.stop();
};
export default bench;

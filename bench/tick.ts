/*
 * What one tick does to the event loop on a device with 4,096 users: the longest time for which nothing else ran.
 *
 *   steady: nothing has changed      with a view: the users are read from the ledger, too      flap: every session has changed
 *
 * The processor time of the longest block is what counts: on a machine that does other work, too, a block lasts longer than it costs.
 */
import { systemClock } from '../src/platform/index.ts';
import { BENCH_SIGNER, type BenchAgent, benchAgent } from './support/agent.ts';
import { type Bench, type Emit, median } from './support/bench.ts';
import { startHost } from './support/host.ts';
import { type LoopBlocks, type LoopWatch, watchLoop } from './support/loop-watch.ts';

const USERS = 4_096;
const PAUSE_MS = 300;
const BETWEEN_FLAPS_MS = 10_500;

interface Tick extends LoopBlocks {
  readonly durationMs: number;
}

const bench: Bench = async (emit, { quick, users: n = USERS, runs = quick ? 5 : 40, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  // Ticks come when they are asked for.
  const ours = benchAgent(host, { policy: { downGraceMs: 0, downConfirmations: 1 }, timing: { intervalMs: 3_600_000 } });
  const loop = watchLoop();
  ours.agent.start();
  await ours.until('a first decision', () => ours.record.ticks.some(({ decided }) => decided));
  await host.flip('up');
  while (ours.record.landings.length < n) await tick(ours, loop);
  await systemClock.sleep(BETWEEN_FLAPS_MS);

  const steady: Tick[] = [];
  for (let run = 0; run < runs; run += 1) steady.push(await tick(ours, loop));
  tell(emit, n, 'steady', steady);

  const flaps: Tick[] = [];
  for (let run = 0; run < Math.max(1, Math.floor(runs / 10)); run += 1) {
    ours.clear();
    await host.flip(run % 2 === 0 ? 'down' : 'up');
    loop.reset();
    ours.agent.wake();
    await ours.until('everybody written', () => ours.record.landings.length >= n, 120_000);
    flaps.push({ ...loop.read(), durationMs: ours.record.ticks[0]?.durationMs ?? Number.NaN });
    await systemClock.sleep(BETWEEN_FLAPS_MS);
  }
  tell(emit, n, 'flap, until all is confirmed', flaps);
  loop.stop();
  await ours.agent.stop();
  await host.stop();

  const reading = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  const second = benchAgent(reading, { timing: { intervalMs: 3_600_000, viewIdleIntervalMs: 1 } });
  const secondLoop = watchLoop();
  second.agent.start();
  await second.until('a first decision', () => second.record.ticks.some(({ decided }) => decided));
  const views: Tick[] = [];
  for (let run = 0; run < runs; run += 1) views.push(await tick(second, secondLoop));
  tell(emit, n, 'with a view', views);
  secondLoop.stop();
  await second.agent.stop();
  await reading.stop();
};
export default bench;

async function tick(ours: BenchAgent, loop: LoopWatch): Promise<Tick> {
  await systemClock.sleep(PAUSE_MS);
  const before = ours.record.ticks.length;
  loop.reset();
  ours.agent.wake();
  await ours.until('a tick', () => ours.record.ticks.length > before);
  await systemClock.sleep(20);
  return { ...loop.read(), durationMs: ours.record.ticks.at(-1)?.durationMs ?? Number.NaN };
}

function tell(emit: Emit, n: number, what: string, ticks: readonly Tick[]): void {
  const say = (metric: string, values: readonly number[]): void => {
    emit({ n, metric: `${what}: ${metric}, median`, value: median(values), unit: 'ms' });
    emit({ n, metric: `${what}: ${metric}, worst`, value: Math.max(...values), unit: 'ms' });
  };
  say(
    'block, processor time',
    ticks.map(({ longestCpuMs }) => longestCpuMs),
  );
  say(
    'block',
    ticks.map(({ longestMs }) => longestMs),
  );
  say(
    'block by monitorEventLoopDelay',
    ticks.map(({ histogramMs }) => histogramMs),
  );
  say(
    'garbage collection',
    ticks.map(({ longestGcMs }) => longestGcMs),
  );
  say(
    'tick',
    ticks.map(({ durationMs }) => durationMs),
  );
}

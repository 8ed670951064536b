/*
 * What one tick does to the event loop on a device with 4,096 users: the longest time for which nothing else ran.
 *
 *   steady: nothing has changed      with a view: the users are read from the ledger, too      flap: every session has changed
 *   first …: code that has not run before is slow      asked for …: an HTTP request of the status server
 *
 * The processor time of the longest block is what counts: on a busy machine a block lasts longer than it costs.
 */
import { get } from 'node:http';
import { systemClock } from '../src/lib/index.ts';
import { createStatusServer, statusPage } from '../src/observability/http/index.ts';
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
  // Only the bench triggers ticks.
  const ours = benchAgent(host, { policy: { downGraceMs: 0, downConfirmations: 1 }, timing: { intervalMs: 3_600_000 } });
  const loop = watchLoop();
  ours.agent.start();
  await ours.until('a first decision', () => ours.record.ticks.some(({ decided }) => decided));
  emitBlocks(emit, n, 'first tick', [loop.read()]);
  await host.flip('up');
  loop.reset();
  while (ours.record.landings.length < n) await tick(ours);
  emitBlocks(emit, n, 'first writes, until all is confirmed', [loop.read()]);
  await systemClock.sleep(BETWEEN_FLAPS_MS);

  const steady: Tick[] = [];
  for (let run = 0; run < runs; run += 1) steady.push(await watchedTick(ours, loop));
  emitTicks(emit, n, 'steady', steady);

  const flaps: Tick[] = [];
  for (let run = 0; run < Math.max(1, Math.floor(runs / 10)); run += 1) {
    ours.clear();
    await host.flip(run % 2 === 0 ? 'down' : 'up');
    loop.reset();
    ours.agent.trigger();
    await ours.until('all users written', () => ours.record.landings.length >= n, 120_000);
    flaps.push({ ...loop.read(), durationMs: ours.record.ticks[0]?.durationMs ?? Number.NaN });
    await systemClock.sleep(BETWEEN_FLAPS_MS);
  }
  emitTicks(emit, n, 'flap, until all is confirmed', flaps);
  loop.stop();
  await ours.agent.stop();
  await host.stop();

  const reading = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  const second = benchAgent(reading, { timing: { intervalMs: 3_600_000, viewIdleIntervalMs: 1 } });
  const secondLoop = watchLoop();
  second.agent.start();
  await second.until('a first decision', () => second.record.ticks.some(({ decided }) => decided));
  const views: Tick[] = [];
  for (let run = 0; run < runs; run += 1) views.push(await watchedTick(second, secondLoop));
  emitTicks(emit, n, 'with a view', views);

  const server = createStatusServer({
    ...second.window,
    host: '127.0.0.1',
    port: 0,
    page: statusPage,
    staleAfterMs: 60_000,
  });
  const port = await server.start();
  for (const path of ['/metrics', '/status', '/status.json']) {
    const asked: LoopBlocks[] = [];
    for (let run = 0; run < runs; run += 1) {
      await systemClock.sleep(PAUSE_MS);
      secondLoop.reset();
      await readPath(port, path);
      asked.push(secondLoop.read());
    }
    emitBlocks(emit, n, `asked for ${path}`, asked);
  }
  await server.stop();
  secondLoop.stop();
  await second.agent.stop();
  await reading.stop();
};
export default bench;

/** Reads and drops the response. */
function readPath(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path} answers ${response.statusCode}`));
      response.resume().on('end', resolve).on('error', reject);
    }).on('error', reject);
  });
}

async function tick(ours: BenchAgent): Promise<void> {
  const before = ours.record.ticks.length;
  ours.agent.trigger();
  await ours.until('a tick', () => ours.record.ticks.length > before);
  await systemClock.sleep(20);
}

async function watchedTick(ours: BenchAgent, loop: LoopWatch): Promise<Tick> {
  await systemClock.sleep(PAUSE_MS);
  loop.reset();
  await tick(ours);
  return { ...loop.read(), durationMs: ours.record.ticks.at(-1)?.durationMs ?? Number.NaN };
}

function emitTicks(emit: Emit, n: number, what: string, ticks: readonly Tick[]): void {
  emitBlocks(emit, n, what, ticks);
  emitValues(emit, n, `${what}: tick`, ticks, ({ durationMs }) => durationMs);
}

function emitBlocks(emit: Emit, n: number, what: string, blocks: readonly LoopBlocks[]): void {
  emitValues(emit, n, `${what}: block, processor time`, blocks, ({ longestCpuMs }) => longestCpuMs);
  emitValues(emit, n, `${what}: block`, blocks, ({ longestMs }) => longestMs);
  emitValues(emit, n, `${what}: block by monitorEventLoopDelay`, blocks, ({ histogramMs }) => histogramMs);
  emitValues(emit, n, `${what}: garbage collection`, blocks, ({ longestGcMs }) => longestGcMs);
}

function emitValues<T>(emit: Emit, n: number, metric: string, all: readonly T[], of: (one: T) => number): void {
  const values = all.map(of);
  emit({ n, metric: `${metric}, median`, value: median(values), unit: 'ms' });
  emit({ n, metric: `${metric}, worst`, value: Math.max(...values), unit: 'ms' });
}

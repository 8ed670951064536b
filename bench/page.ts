/*
 * The page for people on a device with 4,096 users, as a browser gets it from the status server: time to the last byte, and bytes. Processor time
 * is that of server and reader; on a busy machine the other includes what other processes took.
 *
 *   all up: nothing is wrong, the users are folded      all changing, all down: every session went down at once      the last page, a search, a state, one user
 */
import { get } from 'node:http';
import { systemClock } from '../src/lib/index.ts';
import { createStatusServer, statusPage, userPage } from '../src/observability/http/index.ts';
import { BENCH_SIGNER, type BenchAgent, benchAgent } from './support/agent.ts';
import { type Bench, type Emit, machineMs, median } from './support/bench.ts';
import { startHost } from './support/host.ts';

const USERS = 4_096;
const PAUSE_MS = 50;
/** A user is written once in ten seconds at most. */
const BETWEEN_FLAPS_MS = 10_500;

const bench: Bench = async (emit, { quick, users: n = USERS, runs = quick ? 3 : 40, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  const ours = benchAgent(host, {
    policy: { downGraceMs: 0, downConfirmations: 1 },
    timing: { intervalMs: 3_600_000, viewIdleIntervalMs: 1 },
  });
  const server = createStatusServer({ ...ours.window, host: '127.0.0.1', port: 0, page: statusPage, userPage, staleAfterMs: 60_000 });
  const port = await server.start();
  ours.agent.start();
  await ours.until('a first decision', () => ours.record.ticks.some(({ decided }) => decided));
  await flip(ours, host, 'up', n);
  await tick(ours);
  await measure(emit, n, port, runs, 'all up', '/status');
  await systemClock.sleep(BETWEEN_FLAPS_MS);
  await flip(ours, host, 'down', n);
  await measure(emit, n, port, runs, 'all changing', '/status');
  await tick(ours);
  const [user] = ours.window.board.read().users;
  if (user === undefined) throw new Error('the agent knows no user');
  await measure(emit, n, port, runs, 'all down', '/status');
  await measure(emit, n, port, runs, 'the last page', '/status?page=9999');
  await measure(emit, n, port, runs, 'a search', `/status?q=${user.clientIp}`);
  await measure(emit, n, port, runs, 'a state', '/status?state=down');
  await measure(emit, n, port, runs, 'one user', `/status/users/${user.user}`);
  await server.stop();
  await ours.agent.stop();
  await host.stop();
};
export default bench;

/** All sessions change, until every status is confirmed. */
async function flip(ours: BenchAgent, host: Awaited<ReturnType<typeof startHost>>, to: 'up' | 'down', n: number): Promise<void> {
  ours.clear();
  await host.flip(to);
  ours.agent.trigger();
  await ours.until(`all users ${to}`, () => ours.record.landings.length >= n, 120_000);
}

/** The next reading of the ledger, which shows what was written. */
async function tick(ours: BenchAgent): Promise<void> {
  const before = ours.record.ticks.length;
  ours.agent.trigger();
  await ours.until('a tick', () => ours.record.ticks.length > before);
}

async function measure(emit: Emit, n: number, port: number, runs: number, what: string, path: string): Promise<void> {
  const times: number[] = [];
  const processor: number[] = [];
  let bytes = 0;
  for (let run = 0; run < runs; run += 1) {
    await systemClock.sleep(PAUSE_MS);
    const startedAt = machineMs();
    const before = process.cpuUsage();
    bytes = Math.max(bytes, await bytesOf(port, path));
    times.push(machineMs() - startedAt);
    const { user, system } = process.cpuUsage(before);
    processor.push((user + system) / 1_000);
  }
  emit({ n, metric: `${what}: time to the last byte, median`, value: median(times), unit: 'ms' });
  emit({ n, metric: `${what}: time to the last byte, worst`, value: Math.max(...times), unit: 'ms' });
  emit({ n, metric: `${what}: processor time, median`, value: median(processor), unit: 'ms' });
  emit({ n, metric: `${what}: processor time, worst`, value: Math.max(...processor), unit: 'ms' });
  emit({ n, metric: `${what}: size`, value: bytes, unit: 'bytes' });
}

function bytesOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let bytes = 0;
      if (response.statusCode !== 200) reject(new Error(`${path} answers ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => resolve(bytes));
    }).on('error', reject);
  });
}

/*
 * Hours in which nothing happens: what do they cost? The agent and the ledger's slots run sixty times as fast as on a network.
 */
import { systemClock } from '../src/lib/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import type { Bench } from './support/bench.ts';
import { startHost } from './support/host.ts';
import { scaledClock } from './support/scaled-clock.ts';

const USERS = 755;
const FACTOR = 60;
const HOUR_MS = 3_600_000 / FACTOR;
const LAMPORTS_PER_SIGNATURE = 5_000;

const bench: Bench = async (emit, { quick, users: n = quick ? 100 : USERS, runs: hours = quick ? 1 : 3, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400 / FACTOR, latencyMs: 50 / FACTOR });
  await host.flip('up');
  const ours = benchAgent(host, { clock: scaledClock(FACTOR) });
  ours.agent.start();
  await ours.until('everybody up', () => ours.record.landings.length >= n, 120_000);
  // The first refreshes come together, as after a mass flap; the jitter and the ride-alongs spread those that follow.
  await systemClock.sleep(HOUR_MS);
  ours.clear();
  const before = ours.rpc.traffic()[0]?.requests ?? 0;
  await systemClock.sleep(hours * HOUR_MS);

  const { signatures, landings, ticks } = ours.record;
  const requests = (ours.rpc.traffic()[0]?.requests ?? 0) - before;
  emit({ n, metric: 'transactions an hour', value: signatures / hours, unit: 'transactions' });
  emit({ n, metric: 'writes a user and hour', value: landings.length / n / hours, unit: 'writes' });
  emit({ n, metric: 'lamports a day', value: (signatures / hours) * 24 * LAMPORTS_PER_SIGNATURE, unit: 'lamports' });
  emit({ n, metric: 'RPC requests a second', value: requests / hours / 3_600, unit: 'requests' });
  emit({ n, metric: 'ticks an hour', value: ticks.length / hours, unit: 'ticks' });
  emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
  await ours.agent.stop();
  await host.stop();
};
export default bench;

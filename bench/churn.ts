/*
 * Each second one user is created and connects, and one that was created before is deleted: how long until the new one is Up on the ledger? No
 * wake-ups: a new user is seen by the next tick, five seconds apart at most.
 */
import { systemClock } from '../src/lib/index.ts';
import type { Address } from '../src/serviceability/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import { type Bench, machineMs, quantile } from './support/bench.ts';
import { startHost } from './support/host.ts';

const USERS = 755;
const LIFE_SECONDS = 20;
const SECONDS = 60;

const bench: Bench = async (emit, { quick, users: n = quick ? 100 : USERS, runs: seconds = quick ? 10 : SECONDS, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  await host.flip('up');
  const ours = benchAgent(host);
  ours.agent.start();
  await ours.until('everybody up', () => ours.record.landings.length >= n, 120_000);
  ours.clear();

  const bornAt = new Map<Address, number>();
  const alive: Address[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const startedAt = machineMs();
    const user = await host.add();
    bornAt.set(user, machineMs());
    alive.push(user);
    const oldest = alive.length > LIFE_SECONDS ? alive.shift() : undefined;
    if (oldest !== undefined) await host.remove(oldest);
    await systemClock.sleep(Math.max(0, 1_000 - (machineMs() - startedAt)));
  }
  await ours.until('the last one up', () => alive.every((user) => ours.record.landings.some((landing) => landing.user === user)), 60_000);

  const waits = [...bornAt].flatMap(([user, at]) =>
    ours.record.landings.filter((landing) => landing.user === user).map((landing) => landing.at - at),
  );
  emit({ n, metric: 'created to confirmed up, p50', value: quantile(waits, 0.5), unit: 'ms' });
  emit({ n, metric: 'created to confirmed up, p100', value: Math.max(...waits), unit: 'ms' });
  emit({ n, metric: 'writes a created user', value: ours.record.landings.length / bornAt.size, unit: 'writes' });
  emit({ n, metric: 'transactions', value: ours.record.signatures, unit: 'transactions' });
  emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
  await ours.agent.stop();
  await host.stop();
};
export default bench;

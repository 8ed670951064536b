/*
 * A process that ends and begins again with nothing changed: what does it write? The ledger is the memory, so nothing.
 */
import { systemClock } from '../src/lib/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import type { Bench } from './support/bench.ts';
import { startHost } from './support/host.ts';

const USERS = 755;
/** Three ticks at their usual interval. */
const WATCHED_MS = 15_500;

const bench: Bench = async (emit, { quick, users: n = quick ? 100 : USERS, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  await host.flip('up');
  const first = benchAgent(host);
  first.agent.start();
  await first.until('everybody up', () => first.record.landings.length >= n, 120_000);
  await first.agent.stop();
  const before = await host.landed();

  const second = benchAgent(host);
  second.agent.start();
  await systemClock.sleep(WATCHED_MS);
  const decided = second.record.ticks.filter((tick) => tick.decided).length;
  if (decided === 0) throw new Error('the second agent never decided anything');
  emit({ n, metric: 'ticks watched', value: decided, unit: 'ticks' });
  emit({ n, metric: 'writes', value: second.record.landings.length, unit: 'writes' });
  emit({ n, metric: 'transactions', value: (await host.landed()) - before, unit: 'transactions' });
  emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
  await second.agent.stop();
  await host.stop();
};
export default bench;

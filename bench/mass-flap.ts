/*
 * All sessions of a device change at once: how long until the ledger has confirmed every one of them?
 *
 *   flip all sessions ──► (a wake-up, as a BGP trap or watch gives) ──► agent ──► ledger: 400 ms slots, 50 ms latency ──► confirmed
 *
 * Time runs from the flip until the agent has seen the user's write confirmed. `downGrace` is 0, so that it is not what is measured; all other
 * settings are the defaults, but for the spend limits. Three weathers: clean; one send in five lost; a ledger that answers 503 for 60 s, with the
 * flap in the middle, where time runs from its return.
 */
import { systemClock } from '../src/lib/index.ts';
import { BENCH_SIGNER, type BenchAgent, benchAgent } from './support/agent.ts';
import { type Bench, machineMs, median, quantile } from './support/bench.ts';
import { type LocalnetHost, startHost } from './support/host.ts';

const SIZES = [100, 755, 3_595];
/** A user is written at most once in ten seconds: a second flap before that would measure this rule. */
const BETWEEN_FLAPS_MS = 10_500;
const OUTAGE_MS = 60_000;

interface Flap {
  readonly p50: number;
  readonly p100: number;
  readonly signatures: number;
}

const bench: Bench = async (emit, { quick, users, runs = quick ? 1 : 3, hostPath }) => {
  for (const n of users === undefined ? (quick ? [100] : SIZES) : [users]) {
    const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
    const ours = benchAgent(host, { policy: { downGraceMs: 0, downConfirmations: 1 } });
    ours.agent.start();
    await ours.until('a first decision', () => ours.record.ticks.some(({ decided }) => decided));
    let direction: 'up' | 'down' = 'up';
    const next = async (since?: () => Promise<number>): Promise<Flap> => {
      const result = await flap(host, ours, n, direction, since);
      direction = direction === 'up' ? 'down' : 'up';
      await systemClock.sleep(BETWEEN_FLAPS_MS);
      return result;
    };
    const report = (weather: string, flaps: readonly Flap[]): void => {
      const say = (metric: string, values: readonly number[], unit: string): void =>
        emit({ n, metric: `${weather}: ${metric}`, value: median(values), unit });
      say(
        'p50',
        flaps.map(({ p50 }) => p50),
        'ms',
      );
      say(
        'p100',
        flaps.map(({ p100 }) => p100),
        'ms',
      );
      say(
        'signatures a write',
        flaps.map(({ signatures }) => signatures / n),
        'signatures',
      );
    };

    report('first writes', [await next()]);
    const clean: Flap[] = [];
    for (let run = 0; run < 2 * runs; run += 1) clean.push(await next());
    report(
      'clean, down',
      clean.filter((_, run) => run % 2 === 0),
    );
    report(
      'clean, up',
      clean.filter((_, run) => run % 2 === 1),
    );
    await host.faults({ dropProbability: 0.2 });
    const lossy: Flap[] = [];
    for (let run = 0; run < runs; run += 1) lossy.push(await next());
    report('20 % lost', lossy);
    await host.faults({ dropProbability: 0 });
    if (!quick) {
      report('60 s outage', [
        await next(async () => {
          await host.faults({ rpc: [{ kind: 'unavailable' }] });
          await systemClock.sleep(OUTAGE_MS);
          return host.faults({});
        }),
      ]);
    }
    emit({ n, metric: 'wrong in the end', value: await host.mismatches(), unit: 'users' });
    await ours.agent.stop();
    await host.stop();
  }
};
export default bench;

/** One flap. `since` breaks the ledger meanwhile, and returns the moment from which the time counts. */
async function flap(host: LocalnetHost, ours: BenchAgent, n: number, to: 'up' | 'down', since?: () => Promise<number>): Promise<Flap> {
  ours.clear();
  const broken = since?.();
  if (broken !== undefined) await systemClock.sleep(1_000);
  const flippedAt = await host.flip(to);
  ours.agent.trigger();
  const from = (await broken) ?? flippedAt;
  await ours.until(`everybody ${to}`, () => ours.record.landings.length >= n, 120_000);
  const times = ours.record.landings.map(({ at }) => at - from);
  if (new Set(ours.record.landings.map(({ user }) => user)).size !== n) throw new Error('a user was written twice for one flap');
  const wrong = await host.mismatches();
  if (wrong > 0) throw new Error(`${wrong} statuses are wrong after all were confirmed, ${machineMs() - from} ms after the flap`);
  return { p50: quantile(times, 0.5), p100: Math.max(...times), signatures: ours.record.signatures };
}

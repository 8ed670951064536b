/*
 * From the moment at which the switch loses or wins a session until the agent has decided on it.
 *
 *   session changes ──► stream or trap ──► tick ──► decided          without: the next tick, at its interval
 *
 * The agent is a whole one, in a dry run, beside a localnet in this process; `downGrace` is 0, so that it is not what is measured. With wake-ups the
 * interval is a minute, so that no ordinary poll helps. Sessions change at random moments.
 */
import { createAgent } from '../src/agent.ts';
import { SILENT_REPORTER } from '../src/agent-reporter.ts';
import { DEFAULT_POLICY } from '../src/bgp/index.ts';
import { createEapiSource } from '../src/collector/eapi/index.ts';
import { createBgpWatch, type WakeUpSource } from '../src/collector/index.ts';
import { createLedgerRpc } from '../src/ledger/index.ts';
import { createLocalnet } from '../src/localnet/index.ts';
import { seededRandom, systemClock } from '../src/platform/index.ts';
import type { Address } from '../src/serviceability/index.ts';
import { BENCH_SIGNER, DEFAULT_TIMING } from './support/agent.ts';
import { type Bench, machineMs, quantile } from './support/bench.ts';

const USERS = 128;
/** Without a wake-up a change waits for the interval: few samples, spread over it. */
const INTERVAL_MS = 5_000;

const bench: Bench = async (emit, { quick, users = USERS, runs }) => {
  const ways = [
    { name: 'bgp watch', changes: runs ?? (quick ? 5 : 100), intervalMs: 60_000, pauseMs: 300, watch: true },
    { name: 'no wake-up', changes: runs ?? (quick ? 2 : 20), intervalMs: INTERVAL_MS, pauseMs: 0, watch: false },
  ];
  for (const way of ways) {
    const waits = await detect(users, way);
    emit({ n: users, metric: `${way.name}: p50`, value: quantile(waits, 0.5), unit: 'ms' });
    emit({ n: users, metric: `${way.name}: p99`, value: quantile(waits, 0.99), unit: 'ms' });
    emit({ n: users, metric: `${way.name}: worst`, value: Math.max(...waits), unit: 'ms' });
  }
};
export default bench;

interface Way {
  readonly changes: number;
  readonly intervalMs: number;
  readonly pauseMs: number;
  readonly watch: boolean;
}

async function detect(users: number, { changes, intervalMs, pauseMs, watch }: Way): Promise<readonly number[]> {
  const random = seededRandom(5);
  const localnet = createLocalnet({ users, random: seededRandom(1), publisher: BENCH_SIGNER.address });
  const { rpcUrl, eapiSocket, grpc } = await localnet.start();
  const everybody = [...localnet.truth().keys()];
  for (const user of everybody) localnet.connect(user);
  let onDecided: ((user: Address) => void) | undefined;
  let ticks = 0;
  const wakeUps: WakeUpSource[] = watch
    ? [createBgpWatch({ address: `${grpc.host}:${grpc.port}`, clock: systemClock, random: seededRandom(2) })]
    : [];
  const agent = createAgent({
    device: localnet.device,
    programId: localnet.programId,
    publisher: BENCH_SIGNER.address,
    rpc: createLedgerRpc({
      urls: [rpcUrl],
      programId: localnet.programId,
      random: seededRandom(3),
      requestTimeoutMs: 10_000,
      onEndpoint: () => undefined,
    }),
    sources: [createEapiSource({ endpoint: `unix://${eapiSocket}`, clock: systemClock, timeoutMs: 5_000 })],
    wakeUps,
    policy: { ...DEFAULT_POLICY, downGraceMs: 0, downConfirmations: 1 },
    timing: { ...DEFAULT_TIMING, intervalMs, wakeUpsPerMinute: 240 },
    clock: systemClock,
    random: seededRandom(4),
    reporter: {
      ...SILENT_REPORTER,
      observed: ({ user, before, outcome }) => {
        if (before !== undefined && outcome.observation.kind !== 'unobserved') onDecided?.(user);
      },
      tick: () => {
        ticks += 1;
      },
    },
  });
  agent.start();
  while (ticks === 0) await systemClock.sleep(20);
  // The stream has to stand before anything is measured by it.
  await systemClock.sleep(500);

  const waits: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    await systemClock.sleep(pauseMs + random() * (watch ? 300 : intervalMs));
    const user = everybody[change % everybody.length];
    if (user === undefined) break;
    const decided = new Promise<number>((resolve) => {
      onDecided = (who) => {
        if (who === user) resolve(machineMs());
      };
    });
    const began = machineMs();
    if (localnet.truth().get(user) === 'up') localnet.disconnect(user);
    else localnet.connect(user);
    waits.push((await decided) - began);
  }
  await agent.stop();
  await localnet.stop();
  return waits;
}

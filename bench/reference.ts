/*
 * A writer with the policy of the Go agent, and ours, each on its own localnet: one user a transaction, strictly one after the other, each
 * waited for until it is finalized, its status asked for once a second. It is written here, for comparison only.
 *
 * It is measured with a few users, since each takes it as long as finality does; what it needs for more is that time times their number, and
 * is marked as extrapolated. Ours is measured with all of them.
 */
import { systemClock } from '../src/lib/index.ts';
import { buildTransaction } from '../src/publisher/index.ts';
import { SendAttempts } from '../src/rpc/index.ts';
import { type Address, nanoseconds } from '../src/serviceability/index.ts';
import { BENCH_SIGNER, benchAgent } from './support/agent.ts';
import { type Bench, machineMs } from './support/bench.ts';
import { type LocalnetHost, startHost } from './support/host.ts';

const MEASURED = 20;
const EXTRAPOLATED = [100, 755, 3_595];
const STATUS_POLL_MS = 1_000;

const bench: Bench = async (emit, { quick, users = quick ? 3 : MEASURED, hostPath }) => {
  const start = (n: number): Promise<LocalnetHost> =>
    startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  const theirs = await start(users);
  const theirMs = await writeOneByOne(theirs, users);
  await theirs.stop();
  emit({ n: users, metric: 'one by one: all finalized', value: theirMs, unit: 'ms' });

  for (const n of [users, ...(quick ? [] : EXTRAPOLATED)]) {
    const host = await start(n);
    const ourMs = await writeWithOurs(host, n);
    await host.stop();
    const needed = (theirMs / users) * n;
    if (n !== users) emit({ n, metric: 'one by one: all finalized, extrapolated', value: needed, unit: 'ms' });
    emit({ n, metric: 'ours: all confirmed', value: ourMs, unit: 'ms' });
    emit({ n, metric: `ratio${n === users ? '' : ', extrapolated'}`, value: needed / ourMs, unit: 'times' });
  }
};
export default bench;

async function writeOneByOne(host: LocalnetHost, users: number): Promise<number> {
  const { rpc } = benchAgent(host);
  const { signal } = new AbortController();
  // The ledger shows new accounts when they are confirmed.
  let { accounts } = await rpc.usersOfDevice(host.device, {}, signal);
  while (accounts.size < users) {
    await systemClock.sleep(100);
    ({ accounts } = await rpc.usersOfDevice(host.device, {}, signal));
  }
  const from = machineMs();
  for (const user of accounts.keys()) await writeOne(user);
  const took = machineMs() - from;
  await rpc.close();
  return took;

  async function writeOne(user: Address): Promise<void> {
    const { blockhash } = await rpc.latestBlockhash(signal);
    const write = { user, status: 'up', rttNs: nanoseconds(0) } as const;
    const { programId, device } = host;
    const { wire, signature } = buildTransaction({ programId, device, signer: BENCH_SIGNER, blockhash, writes: [write], compute: {} });
    const sent = await rpc.sendTransaction(new SendAttempts(wire), { skipPreflight: false }, signal);
    if (sent.kind !== 'accepted') throw new Error(`the ledger did not take it: ${sent.kind}`);
    for (;;) {
      const [status] = (await rpc.signatureStatuses([signature], signal)).statuses;
      if (status?.confirmationStatus === 'finalized') return;
      await systemClock.sleep(STATUS_POLL_MS);
    }
  }
}

async function writeWithOurs(host: LocalnetHost, n: number): Promise<number> {
  const ours = benchAgent(host);
  ours.agent.start();
  await ours.until('a first decision', () => ours.record.ticks.some(({ decided }) => decided));
  const from = await host.flip('up');
  ours.agent.trigger();
  await ours.until('everybody up', () => ours.record.landings.length >= n, 120_000);
  const took = machineMs() - from;
  await ours.agent.stop();
  return took;
}

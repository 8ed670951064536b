/*
 * Whether raw snapshots change a tick. The same agent ticks in turns of ten, by three ways in turn, so that whatever else the machine does falls on
 * all of them:
 *
 *   without: no snapshots      with: a round a second, sixty times the usual      50 MB: as with, and one command answers with 50 MB each time
 *
 * The localnet is a process of its own. Its switch answers one request after the other, as EOS does: what a poll waits for there is in the figures of
 * the second way. The third asks a switch in another process still, so that what it shows is the agent, and not how long a simulation takes to make
 * up 50 MB.
 */

import type { SwitchFault } from '../localnet/switch/index.ts';
import { createEapiShowRunner } from '../src/collector/eapi/source.ts';
import { systemClock } from '../src/lib/index.ts';
import { createCollectItem, createSnapshotter, createStateIngest, type Snapshotter } from '../src/snapshots/index.ts';
import { BENCH_SIGNER, type BenchAgent, benchAgent } from './support/agent.ts';
import { type Bench, median, quantile } from './support/bench.ts';
import { type LocalnetHost, startHost } from './support/host.ts';
import { watchLoop } from './support/loop-watch.ts';

const USERS = 755;
const TURN = 10;
const LARGE: SwitchFault = { kind: 'large-answer', command: 'show ip mroute', bytes: 50 << 20 };

interface Way {
  readonly name: string;
  /** Whose switch runs the show commands. */
  readonly shows: LocalnetHost | undefined;
  readonly ticks: number[];
  readonly blocks: number[];
  stored: number;
  failed: number;
}

const way = (name: string, shows: LocalnetHost | undefined): Way => ({ name, shows, ticks: [], blocks: [], stored: 0, failed: 0 });

const bench: Bench = async (emit, { quick, users: n = USERS, runs = quick ? 10 : 100, hostPath }) => {
  const host = await startHost(hostPath, { users: n, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50, stateIngest: true });
  await host.flip('up');
  const ours = benchAgent(host, { timing: { intervalMs: 3_600_000 } });
  ours.agent.start();
  await ours.until('everybody up', () => ours.record.landings.length >= n, 120_000);
  const other = await startHost(hostPath, { users: 2, publisher: BENCH_SIGNER.address, slotMs: 400, latencyMs: 50 });
  await other.switchFaults([LARGE]);
  const loop = watchLoop();
  const ways = [way('without snapshots', undefined), way('with snapshots', host), way('with snapshots of 50 MB', other)];
  for (let turn = 0; turn < runs / TURN; turn += 1) {
    for (const each of ways) {
      const snapshotter = each.shows === undefined ? undefined : snapshotterOf(host, each.shows, each);
      snapshotter?.start();
      for (let run = 0; run < TURN; run += 1) {
        loop.reset();
        each.ticks.push(await tick(ours));
        each.blocks.push(loop.read().longestCpuMs);
      }
      await snapshotter?.stop();
    }
  }
  for (const { name, ticks, blocks, stored, failed } of ways) {
    emit({ n, metric: `${name}: tick, median`, value: median(ticks), unit: 'ms' });
    emit({ n, metric: `${name}: tick, p99`, value: quantile(ticks, 0.99), unit: 'ms' });
    emit({ n, metric: `${name}: block between ticks, processor time, p99`, value: quantile(blocks, 0.99), unit: 'ms' });
    emit({ n, metric: `${name}: snapshots stored`, value: stored, unit: 'snapshots' });
    emit({ n, metric: `${name}: snapshots given up`, value: failed, unit: 'snapshots' });
  }
  loop.stop();
  await ours.agent.stop();
  await host.stop();
  await other.stop();
};
export default bench;

async function tick({ agent, record, until }: BenchAgent): Promise<number> {
  await systemClock.sleep(250 + Math.random() * 50);
  const before = record.ticks.length;
  agent.trigger();
  await until('a tick', () => record.ticks.length > before);
  return record.ticks.at(-1)?.durationMs ?? Number.NaN;
}

/** A round a second. */
function snapshotterOf({ device, stateIngestUrl = '' }: LocalnetHost, { eapiSocket }: LocalnetHost, counts: Way): Snapshotter {
  const shows = createEapiShowRunner({ endpoint: `unix://${eapiSocket}`, timeoutMs: 10_000, maxAnswerBytes: 8 << 20 });
  return createSnapshotter({
    device,
    sink: createStateIngest({ url: stateIngestUrl, device, signer: BENCH_SIGNER, timeoutMs: 10_000, clock: systemClock }),
    collect: createCollectItem({ shows, readBgpSockets: async () => Buffer.from('[]') }),
    intervalMs: 1_000,
    clock: systemClock,
    random: Math.random,
    reporter: {
      snapshotStored: () => {
        counts.stored += 1;
      },
      snapshotFailed: () => {
        counts.failed += 1;
      },
      snapshotRefused: () => undefined,
      snapshotPlace: ({ error }) => {
        if (error !== undefined) throw error;
      },
    },
    onInternalError: (error) => {
      throw error;
    },
    close: () => shows.close(),
  });
}

import { onTestFinished } from 'vitest';
import { createStateIngestServer, type StateIngestServer } from '../../localnet/state-ingest.ts';
import { type Clock, type EpochMs, epochMs, seededRandom } from '../../src/lib/index.ts';
import { addressOf } from '../../src/serviceability/index.ts';
import {
  type Collect,
  createSnapshotter,
  createStateIngest,
  type SnapshotReporter,
  type SnapshotSink,
  type Snapshotter,
} from '../../src/snapshots/index.ts';
import { signerNumber } from '../support/agent-fixture.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';

export const DEVICE = addressOf(Buffer.alloc(32, 42));
export const PUBLISHER = signerNumber(7);
export const never = new AbortController().signal;
export const NOON: EpochMs = epochMs(Date.UTC(2026, 2, 1, 12, 34, 56));

/** A server that knows the device, on a clock of its own. */
export async function startServer(
  clock: Pick<Clock, 'wall'> = { wall: () => NOON },
): Promise<StateIngestServer & { readonly url: string }> {
  const server = createStateIngestServer({
    publisherOf: (device) => (device === DEVICE ? PUBLISHER.address : undefined),
    clock,
  });
  const { url } = await server.start();
  onTestFinished(() => server.stop());
  return { ...server, url };
}

export function ingestAt(url: string, clock: Pick<Clock, 'wall'> = { wall: () => NOON }, signer = PUBLISHER): SnapshotSink {
  const sink = createStateIngest({ url, device: DEVICE, signer, timeoutMs: 10_000, clock });
  onTestFinished(() => sink.close());
  return sink;
}

/** Each event as one line of words. */
export function recordSnapshots() {
  const lines: string[] = [];
  const reporter: SnapshotReporter = {
    snapshotStored: ({ kind, failures }) => lines.push(`stored ${kind}${failures > 0 ? ` after ${failures}` : ''}`),
    snapshotFailed: ({ kind, error, failures }) => lines.push(`failed ${kind}: ${error.code} (${failures})`),
    snapshotRefused: ({ errors }) => lines.push(`refused: ${errors.map(({ message }) => message).join(' | ')}`),
    snapshotPlace: ({ state, error }) => lines.push(`place ${state}${error === undefined ? '' : `: ${error.code}`}`),
  };
  return { lines, reporter };
}

export interface RunningSnapshotter {
  readonly clock: VirtualClock;
  readonly snapshotter: Snapshotter;
  /** The reports since the last call. */
  reported(): readonly string[];
}

/** A snapshotter on a virtual clock, started, with an interval of a minute. */
export function runSnapshotter(sink: SnapshotSink, collect: Collect): RunningSnapshotter {
  const clock = createVirtualClock(NOON);
  const { lines, reporter } = recordSnapshots();
  const snapshotter = createSnapshotter({
    device: DEVICE,
    sink,
    collect,
    intervalMs: 60_000,
    clock,
    random: seededRandom(1),
    reporter,
    onInternalError: (error) => lines.push(`defect ${String(error)}`),
  });
  onTestFinished(() => snapshotter.stop());
  snapshotter.start();
  return { clock, snapshotter, reported: () => lines.splice(0) };
}

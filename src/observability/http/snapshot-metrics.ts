import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AgentReporter } from '../../agent-reporter.ts';

export interface SnapshotMetricsOptions {
  readonly registry: Registry;
  readonly prefix: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type SnapshotEvents = Pick<AgentReporter, 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace'>;

const SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What is counted of raw snapshots. Kinds are no label: a server names them, so that nobody knows them from the start or how many they will be;
 * the log has them.
 */
export function createSnapshotMetrics({ registry, prefix, now }: SnapshotMetricsOptions): SnapshotEvents {
  const registers = [registry];
  const snapshots = new Counter({
    name: `${prefix}snapshots_total`,
    help: 'Raw snapshots, by whether they could be taken and stored.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['stored', 'failed']) snapshots.inc({ result }, 0);
  const bytes = new Counter({ name: `${prefix}snapshot_bytes_total`, help: 'Bytes of the snapshots that were stored.', registers });
  const seconds = new Histogram({
    name: `${prefix}snapshot_duration_seconds`,
    help: 'Time from asking the switch for a snapshot to the end of storing it.',
    buckets: SECONDS_BUCKETS,
    registers,
  });
  const refusals = new Counter({
    name: `${prefix}snapshot_refusals_total`,
    help: 'Entries of lists of what to collect that are not collected.',
    registers,
  });
  const losses = new Counter({
    name: `${prefix}snapshot_place_losses_total`,
    help: 'Times that the place of the snapshots was lost, each cause by itself.',
    registers,
  });
  const placeUp = new Gauge({
    name: `${prefix}snapshot_place_up`,
    help: 'Whether the place of the snapshots takes them; 1 until it has not.',
    registers,
  });
  placeUp.set(1);
  const lastStored = new Gauge({
    name: `${prefix}snapshot_last_stored_timestamp_seconds`,
    help: 'When the last snapshot was stored; 0 before the first.',
    registers,
  });

  return {
    snapshotStored({ bytes: size, durationMs }) {
      snapshots.inc({ result: 'stored' });
      bytes.inc(size);
      seconds.observe(durationMs / 1_000);
      lastStored.set(now() / 1_000);
    },
    snapshotFailed: () => snapshots.inc({ result: 'failed' }),
    snapshotRefused: ({ errors }) => refusals.inc(errors.length),
    snapshotPlace({ state }) {
      placeUp.set(state === 'back' ? 1 : 0);
      if (state === 'lost') losses.inc();
    },
  };
}

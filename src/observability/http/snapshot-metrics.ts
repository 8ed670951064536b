import type { AgentReporter } from '../../agent-reporter.ts';
import type { Instruments } from './instruments.ts';

export interface SnapshotMetricsOptions {
  readonly instruments: Instruments;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface SnapshotMetrics {
  readonly reporter: SnapshotEvents;
  /** Another agent runs now: nobody knows yet that its place takes nothing. */
  replaced(): void;
}

type SnapshotEvents = Pick<AgentReporter, 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace'>;

const SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What is counted of raw snapshots. Kinds are no label: a server names them, so that nobody knows them from the start or how many they will be;
 * the log has them.
 */
export function createSnapshotMetrics({ instruments, now }: SnapshotMetricsOptions): SnapshotMetrics {
  const { counter, histogram, gauge } = instruments;
  const snapshots = counter('snapshots_total', 'Raw snapshots, by whether they could be taken and stored.', {
    result: ['stored', 'failed'],
  });
  const bytes = counter('snapshot_bytes_total', 'Bytes of the snapshots that were stored.');
  const seconds = histogram(
    'snapshot_duration_seconds',
    'Time from asking the switch for a snapshot to the end of storing it.',
    SECONDS_BUCKETS,
  );
  const refusals = counter('snapshot_refusals_total', 'Entries of lists of what to collect that are not collected.');
  const losses = counter('snapshot_place_losses_total', 'Times that the place of the snapshots was lost, each cause by itself.');
  const placeUp = gauge('snapshot_place_up', 'Whether the place of the snapshots takes them; 1 until it has not.');
  placeUp.set(1);
  const lastStored = gauge('snapshot_last_stored_timestamp_seconds', 'When the last snapshot was stored; 0 before the first.');

  return {
    reporter: {
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
    },
    replaced: () => placeUp.set(1),
  };
}

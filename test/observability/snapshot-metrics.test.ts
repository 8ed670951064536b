import { expect, test } from 'vitest';
import { AgentError, epochMs } from '../../src/lib/index.ts';
import { createMetrics } from '../../src/observability/http/index.ts';
import { createStatusBoard } from '../../src/observability/index.ts';
import { DEVICE, keyNumber } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function fixture() {
  const clock = createVirtualClock(epochMs(1_790_000_000_000));
  const names = { version: '1.2.3', device: DEVICE, publisher: keyNumber(7), dryRun: false, sources: [], endpoints: [] };
  const board = createStatusBoard({ ...names, clock });
  return createMetrics({ status: board.read, refreshIntervalSeconds: 3_600, intervalSeconds: 5, clock });
}

/** Every line about snapshots but for the histogram's buckets, by its name. */
async function snapshotSamples({ text }: { text(): Promise<string> }): Promise<Readonly<Record<string, number>>> {
  const lines = (await text()).split('\n').filter((line) => /^dzd_telemetry_snapshot/.test(line) && !line.includes('_bucket{'));
  return Object.fromEntries(lines.map((line) => [line.replace(/ \S+$/, '').replace('dzd_telemetry_', ''), Number(line.split(' ').at(-1))]));
}

test('all snapshot metrics exist before the first snapshot', async () => {
  expect(await snapshotSamples(fixture())).toEqual({
    'snapshots_total{result="stored"}': 0,
    'snapshots_total{result="failed"}': 0,
    snapshot_bytes_total: 0,
    snapshot_duration_seconds_sum: 0,
    snapshot_duration_seconds_count: 0,
    snapshot_refusals_total: 0,
    snapshot_place_losses_total: 0,
    snapshot_place_up: 1,
    snapshot_last_stored_timestamp_seconds: 0,
  });
});

test('snapshot metrics count results and bytes, and name no kind', async () => {
  const metrics = fixture();
  const { listener } = metrics;
  const error = new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server: 'ingest.example', problem: 'refused' });
  const refusal = new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry: 'kind x', problem: 'it is in the list twice' });
  listener.snapshotStored({ kind: 'ip-mroute', bytes: 1_000, durationMs: 250, failures: 0 });
  listener.snapshotStored({ kind: 'bgp-sockets', bytes: 234, durationMs: 500, failures: 2 });
  listener.snapshotFailed({ kind: 'ip-mroute', error, failures: 1 });
  listener.snapshotRefused({ errors: [refusal, refusal] });
  listener.snapshotPlace({ place: 'ingest.example', state: 'lost', error });
  expect(await snapshotSamples(metrics)).toEqual({
    'snapshots_total{result="stored"}': 2,
    'snapshots_total{result="failed"}': 1,
    snapshot_bytes_total: 1_234,
    snapshot_duration_seconds_sum: 0.75,
    snapshot_duration_seconds_count: 2,
    snapshot_refusals_total: 2,
    snapshot_place_losses_total: 1,
    snapshot_place_up: 0,
    snapshot_last_stored_timestamp_seconds: 1_790_000_000,
  });
  listener.snapshotPlace({ place: 'ingest.example', state: 'back' });
  expect(await snapshotSamples(metrics)).toMatchObject({ snapshot_place_up: 1, snapshot_place_losses_total: 1 });
});

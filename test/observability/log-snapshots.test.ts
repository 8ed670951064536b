import { expect, test } from 'vitest';
import { AgentError } from '../../src/lib/index.ts';
import { createLogger, createLogListener } from '../../src/observability/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

function snapshotLog() {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } });
  const texts = () => lines.splice(0).map((line) => JSON.parse(line));
  const clock = createVirtualClock();
  return { reporter: createLogListener(logger, clock), texts, clock };
}

const tooSlow = new AgentError('EAPI__TIMEOUT', { endpoint: 'sw', ms: 10 });

test('a failing snapshot kind is logged when it begins, every sixty rounds, and when it recovers', async () => {
  const { reporter, texts, clock } = snapshotLog();
  for (let failures = 1; failures <= 130; failures += 1) {
    reporter.snapshotFailed({ kind: 'ip-mroute', error: tooSlow, failures });
    await clock.advance(60_000);
  }
  const failed = texts();
  expect(failed.map(({ level, kind, failures }) => [level, kind, failures])).toEqual([
    ['warn', 'ip-mroute', 1],
    ['warn', 'ip-mroute', 61],
    ['warn', 'ip-mroute', 121],
  ]);
  expect(failed[0].error.code).toBe('EAPI__TIMEOUT');
  reporter.snapshotStored({ kind: 'ip-mroute', bytes: 10, durationMs: 5, failures: 130 });
  reporter.snapshotStored({ kind: 'ip-mroute', bytes: 10, durationMs: 5, failures: 0 });
  expect(texts().map(({ level, msg }) => [level, msg])).toEqual([['info', 'snapshot recovered']]);
});

test('an error that all kinds of a round share is one line, and a different error of one kind is another', () => {
  const { reporter, texts } = snapshotLog();
  const full = new AgentError('SNAPSHOT__FOLDER', { kind: 'c', directory: '/full', problem: 'no' });
  reporter.snapshotFailed({ kind: 'a', error: tooSlow, failures: 1 });
  reporter.snapshotFailed({ kind: 'b', error: tooSlow, failures: 1 });
  reporter.snapshotFailed({ kind: 'c', error: full, failures: 1 });
  for (const kind of ['a', 'b', 'c']) reporter.snapshotStored({ kind, bytes: 10, durationMs: 5, failures: 1 });
  expect(texts().map(({ level, kind }) => [level, kind])).toEqual([
    ['warn', 'a'],
    ['warn', 'c'],
    ['info', 'a'],
    ['info', 'c'],
  ]);
});

test('a snapshot destination is logged when it fails and when it recovers, and each refused entry once', () => {
  const { reporter, texts } = snapshotLog();
  reporter.snapshotPlace({ place: 'ingest.example', state: 'lost', error: tooSlow });
  reporter.snapshotPlace({ place: 'ingest.example', state: 'back' });
  const refusal = (entry: string) => new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem: 'no' });
  reporter.snapshotRefused({ errors: [refusal('a'), refusal('b')] });
  expect(texts().map(({ level, msg, place, error }) => [level, msg, place ?? error.message])).toEqual([
    ['warn', 'snapshot destination failed; snapshots pause, status writes are not affected', 'ingest.example'],
    ['info', 'snapshot destination recovered', 'ingest.example'],
    ['warn', 'snapshot entry refused', 'a is requested but not collected: no'],
    ['warn', 'snapshot entry refused', 'b is requested but not collected: no'],
  ]);
});

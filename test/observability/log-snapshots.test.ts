import { expect, test } from 'vitest';
import { AgentError, createVirtualClock } from '../../src/lib/index.ts';
import { createLogger, createLogReporter } from '../../src/observability/index.ts';

function snapshotLog() {
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } });
  const texts = () => lines.splice(0).map((line) => JSON.parse(line));
  const clock = createVirtualClock();
  return { reporter: createLogReporter(logger, clock), texts, clock };
}

const tooSlow = new AgentError('EAPI__TIMEOUT', { endpoint: 'sw', ms: 10 });

test('a kind that fails is a line when it begins, one in sixty rounds, and one when it is over', async () => {
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
  expect(texts().map(({ level, msg }) => [level, msg])).toEqual([['info', 'snapshots are stored again']]);
});

test('what all kinds of a round suffer alike is one line, what one of them suffers besides is another', () => {
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

test('a place is a line when it is lost and one when it is back, and each refusal is one', () => {
  const { reporter, texts } = snapshotLog();
  reporter.snapshotPlace({ place: 'ingest.example', state: 'lost', error: tooSlow });
  reporter.snapshotPlace({ place: 'ingest.example', state: 'back' });
  const refusal = (entry: string) => new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem: 'no' });
  reporter.snapshotRefused({ errors: [refusal('a'), refusal('b')] });
  expect(texts().map(({ level, msg, place, error }) => [level, msg, place ?? error.message])).toEqual([
    ['warn', 'snapshots rest; statuses do not depend on them', 'ingest.example'],
    ['info', 'snapshots are taken again', 'ingest.example'],
    ['warn', 'not everything that is asked for is collected', 'a is asked for and not collected: no'],
    ['warn', 'not everything that is asked for is collected', 'b is asked for and not collected: no'],
  ]);
});

import { describe, expect, test } from 'vitest';
import { AgentError } from '../../src/lib/index.ts';
import type { Collect, SnapshotSink, WantedItem } from '../../src/snapshots/index.ts';
import { runSnapshotter } from './fixture.ts';

const show = (kind: string): WantedItem => ({ type: 'show', kind, command: `show ${kind}` });
const busy = (retryAfterMs: number) =>
  new AgentError('SNAPSHOT__SERVER_BUSY', { server: 's', status: 503, seconds: retryAfterMs / 1_000, retryAfterMs });
const unreachable = () => new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server: 's', problem: 'refused' });
const tooSlow = () => new AgentError('EAPI__TIMEOUT', { endpoint: 'e', ms: 10 });

/** A place that wants these kinds; what is in `trouble` is thrown by the kind's name, or by `wanted`. */
function placeOf(kinds: readonly string[], trouble: Record<string, () => Error> = {}) {
  const stored: string[] = [];
  let closed = 0;
  const sink: SnapshotSink = {
    place: 'here',
    async wanted() {
      if (trouble.wanted !== undefined) throw trouble.wanted();
      return { items: kinds.map(show), refused: [] };
    },
    async store({ kind, bytes }) {
      const error = trouble[kind]?.();
      if (error !== undefined) throw error;
      stored.push(`${kind} ${JSON.stringify(JSON.parse(Buffer.from(bytes).toString()).data)}`);
    },
    async close() {
      closed += 1;
    },
  };
  return { sink, stored, trouble, closed: () => closed };
}

const answer: Collect = async ({ kind }) => Buffer.from(`{"of":"${kind}"}`);

describe('a round of snapshots', () => {
  test('a round of snapshots takes each kind, at once and then every minute', async () => {
    const { sink, stored } = placeOf(['a', 'b']);
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    expect(stored).toEqual(['a {"of":"a"}', 'b {"of":"b"}']);
    expect(reported()).toEqual(['stored a', 'stored b']);
    await clock.advance(59_990);
    expect(reported()).toEqual([]);
    await clock.advance(10);
    expect(reported()).toEqual(['stored a', 'stored b']);
  });

  test('a round of snapshots runs one command at a time at the switch, and stores two kinds at once', async () => {
    let asking = 0;
    let most = 0;
    const { sink } = placeOf(['a', 'b', 'c', 'd']);
    const { clock, reported } = runSnapshotter(sink, async ({ kind }, signal) => {
      asking += 1;
      most = Math.max(most, asking);
      await clock.sleep(100, signal);
      asking -= 1;
      return Buffer.from(`{"of":"${kind}"}`);
    });
    await clock.advance(500);
    expect(most).toBe(1);
    expect(reported()).toEqual(['stored a', 'stored b', 'stored c', 'stored d']);
  });

  test('a round of snapshots goes on without a kind that fails, and reports its failures and its recovery', async () => {
    const { sink } = placeOf(['a', 'b']);
    let fails = true;
    const { clock, reported } = runSnapshotter(sink, async (item, signal) => {
      if (item.kind === 'a' && fails) throw tooSlow();
      return answer(item, signal);
    });
    await clock.advance(60_001);
    expect(reported()).toEqual(['failed a: EAPI__TIMEOUT (1)', 'stored b', 'failed a: EAPI__TIMEOUT (2)', 'stored b']);
    fails = false;
    await clock.advance(60_000);
    expect(reported()).toEqual(['stored a after 2', 'stored b']);
  });

  test('a round of snapshots survives an unexpected error', async () => {
    const { sink } = placeOf(['a', 'b'], { a: () => new TypeError('undefined is not a function') });
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    expect(reported()).toEqual(['failed a: SNAPSHOT__DEFECT (1)', 'stored b']);
  });

  test('a round of snapshots reports refused entries once, and again when they change', async () => {
    const refusedAs = (entry: string) => [new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry, problem: 'no' })];
    const { sink } = placeOf([]);
    let refused = refusedAs('x');
    const { clock, reported } = runSnapshotter({ ...sink, wanted: async () => ({ items: [], refused }) }, answer);
    await clock.advance(120_001);
    expect(reported()).toEqual(['refused: x is requested but not collected: no']);
    refused = refusedAs('y');
    await clock.advance(60_000);
    expect(reported()).toEqual(['refused: y is requested but not collected: no']);
  });
});

describe('a failing server', () => {
  test('a failing server ends the round, and is reported once', async () => {
    const { sink, stored, trouble } = placeOf(['a', 'b', 'c', 'd', 'e'], { b: unreachable });
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    expect(reported()).toEqual(['stored a', 'stored c', 'place lost: SNAPSHOT__SERVER_UNREACHABLE']);
    expect(stored).toHaveLength(2);
    delete trouble.b;
    await clock.advance(120_000);
    expect(reported()).toEqual(['stored a', 'stored b', 'stored c', 'stored d', 'stored e', 'place back']);
  });

  test('a folder that cannot be written ends the round, and is reported as the destination', async () => {
    const full = () => new AgentError('SNAPSHOT__FOLDER', { kind: 'a', directory: 'here', problem: 'ENOSPC' });
    const { sink, trouble } = placeOf(['a', 'b'], { a: full, b: full });
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    expect(reported()).toEqual(['place lost: SNAPSHOT__FOLDER']);
    delete trouble.a;
    delete trouble.b;
    await clock.advance(120_000);
    expect(reported()).toEqual(['stored a', 'stored b', 'place back']);
  });

  test('a failing server gets the next request after its Retry-After, and no sooner', async () => {
    const { sink, trouble } = placeOf(['a'], { wanted: () => busy(300_000) });
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    expect(reported()).toEqual(['place lost: SNAPSHOT__SERVER_BUSY']);
    delete trouble.wanted;
    await clock.advance(299_990);
    expect(reported()).toEqual([]);
    await clock.advance(20);
    expect(reported()).toEqual(['stored a', 'place back']);
  });

  test('a failing server gets requests at growing intervals, up to a quarter of an hour', async () => {
    const asked: number[] = [];
    const { sink } = placeOf([]);
    const { clock, reported } = runSnapshotter(
      {
        ...sink,
        async wanted() {
          await Promise.resolve();
          asked.push(clock.monotonic());
          throw unreachable();
        },
      },
      answer,
    );
    await clock.advance(4 * 3_600_000);
    expect(reported()).toEqual(['place lost: SNAPSHOT__SERVER_UNREACHABLE']);
    const pauses = asked.slice(1).map((at, index) => (at - (asked[index] ?? 0)) / 60_000);
    expect(pauses.length).toBeGreaterThan(15);
    expect(pauses.length).toBeLessThan(40);
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(Math.min(2 ** index, 7.5));
      expect(pause).toBeLessThanOrEqual(Math.min(2 * 2 ** index, 15));
    }
  });

  test('a failing server is reported again when its error changes', async () => {
    const { sink, trouble } = placeOf([], { wanted: unreachable });
    const { clock, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    trouble.wanted = () => busy(1_000);
    await clock.advance(300_000);
    expect(reported()).toEqual(['place lost: SNAPSHOT__SERVER_UNREACHABLE', 'place lost: SNAPSHOT__SERVER_BUSY']);
  });
});

describe('a stopped snapshotter', () => {
  test('a stopped snapshotter aborts its round without a report, and closes once', async () => {
    const { sink, closed } = placeOf(['a']);
    const { clock, snapshotter, reported } = runSnapshotter(sink, async (_, signal) => {
      await clock.sleep(1e9, signal);
      return Buffer.from('{}');
    });
    await clock.advance(1);
    await Promise.all([snapshotter.stop(), snapshotter.stop()]);
    expect(reported()).toEqual([]);
    expect(closed()).toBe(1);
    snapshotter.start();
    await clock.advance(120_000);
    expect(reported()).toEqual([]);
  });

  test('a snapshotter that is stopped between two rounds takes no other', async () => {
    const { sink } = placeOf(['a']);
    const { clock, snapshotter, reported } = runSnapshotter(sink, answer);
    await clock.advance(1);
    await snapshotter.stop();
    await clock.advance(120_000);
    expect(reported()).toEqual(['stored a']);
  });
});

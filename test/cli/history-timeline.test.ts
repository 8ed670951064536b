import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { availabilityOf, foldTimeline, type LedgerEvent, type StatusReport, type TimelineOptions } from '../../src/cli/history-timeline.ts';
import { epochMs } from '../../src/lib/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { keyNumber } from '../support/bgp-builders.ts';

const MINUTE = 60_000;
const WINDOW: TimelineOptions = {
  fromMs: 0,
  untilMs: 600 * MINUTE,
  validForMs: 75 * MINUTE,
  knownUntilMs: 600 * MINUTE,
  historyFromMs: -100 * MINUTE,
  existsNow: true,
};

function report(minute: number, status: StatusReport['status'], more: Partial<StatusReport> = {}): StatusReport {
  return {
    kind: 'report',
    status,
    slot: slot(Math.max(0, Math.round(minute * 150) + 100_000)),
    at: epochMs(minute * MINUTE),
    rttNs: status === 'up' ? 4_200_000n : 0n,
    writer: keyNumber(1),
    device: keyNumber(2),
    signature: `at ${minute}`,
    ...more,
  };
}
const account = (minute: number, kind: 'created' | 'deleted'): LedgerEvent => ({
  kind,
  slot: slot(minute * 150 + 100_000),
  at: epochMs(minute * MINUTE),
  signature: `at ${minute}`,
});

/** `[status, from, until, reason, reports]`, times in minutes. */
const folded = (events: readonly LedgerEvent[], options: Partial<TimelineOptions> = {}) =>
  foldTimeline(events, { ...WINDOW, ...options }).map(({ status, fromMs, untilMs, reason, reports }) => [
    status,
    fromMs / MINUTE,
    untilMs / MINUTE,
    reason,
    reports,
  ]);

describe('the timeline', () => {
  test('refreshes are folded into the report that they repeat', () => {
    const events = [report(-30, 'up'), report(30, 'up'), report(90, 'up'), report(120, 'down'), report(180, 'down'), report(200, 'up')];
    expect(folded(events, { untilMs: 250 * MINUTE })).toEqual([
      ['up', 0, 120, null, 3],
      ['down', 120, 200, null, 2],
      ['up', 200, 250, null, 1],
    ]);
  });

  test('a report that is not refreshed stands as long as it is valid, and then nothing is known', () => {
    expect(folded([report(0, 'up'), report(300, 'up'), report(310, 'down')])).toEqual([
      ['up', 0, 75, null, 1],
      ['unknown', 75, 300, 'no-report', 0],
      ['up', 300, 310, null, 1],
      ['down', 310, 385, null, 1],
      ['unknown', 385, 600, 'no-report', 0],
    ]);
  });

  test('a report of another writer begins a period of its own', () => {
    const other = { writer: keyNumber(9) };
    expect(folded([report(0, 'up'), report(10, 'up', other), report(20, 'up', other)], { untilMs: 30 * MINUTE })).toEqual([
      ['up', 0, 10, null, 1],
      ['up', 10, 30, null, 2],
    ]);
  });

  test('a down that lasted less than a second stays in the timeline, and counts as a flap', () => {
    const periods = foldTimeline([report(0, 'up'), report(10, 'down'), report(10, 'up')], { ...WINDOW, untilMs: 20 * MINUTE });
    expect(periods.map(({ status, fromMs, untilMs }) => [status, fromMs / MINUTE, untilMs / MINUTE])).toEqual([
      ['up', 0, 10],
      ['down', 10, 10],
      ['up', 10, 20],
    ]);
    expect(availabilityOf(periods)).toMatchObject({ flaps: 1, longestOutage: { fromMs: 10 * MINUTE, ms: 0 } });
  });

  test('a report for another device begins a period of its own', () => {
    expect(folded([report(0, 'up'), report(10, 'up', { device: keyNumber(9) })], { untilMs: 20 * MINUTE })).toEqual([
      ['up', 0, 10, null, 1],
      ['up', 10, 20, null, 1],
    ]);
  });

  test('the clock of the ledger may step back, and periods do not', () => {
    expect(folded([report(10, 'up'), report(9, 'down'), report(12, 'up')], { untilMs: 20 * MINUTE })).toEqual([
      ['unknown', 0, 10, 'no-report', 0],
      ['up', 10, 10, null, 1],
      ['down', 10, 12, null, 1],
      ['up', 12, 20, null, 1],
    ]);
  });

  test('a status that ended when the window begins is not in it', () => {
    expect(folded([report(-10, 'down'), report(0, 'up')], { untilMs: 20 * MINUTE })).toEqual([['up', 0, 20, null, 1]]);
  });

  test('a transaction from before the oldest block of the endpoint counts all the same', () => {
    expect(folded([report(20, 'up'), report(80, 'up')], { untilMs: 90 * MINUTE, historyFromMs: 50 * MINUTE })).toEqual([
      ['unknown', 0, 20, 'before-history', 0],
      ['up', 20, 90, null, 2],
    ]);
  });

  test('before the oldest transaction nothing is known, except that a user was not created yet', () => {
    expect(folded([report(100, 'up')], { untilMs: 110 * MINUTE, historyFromMs: 40 * MINUTE })).toEqual([
      ['unknown', 0, 40, 'before-history', 0],
      ['unknown', 40, 100, 'no-report', 0],
      ['up', 100, 110, null, 1],
    ]);
    expect(folded([account(100, 'created'), report(101, 'up')], { untilMs: 110 * MINUTE, historyFromMs: 40 * MINUTE })).toEqual([
      ['absent', 0, 100, 'not-created', 0],
      ['unknown', 100, 101, 'no-report', 0],
      ['up', 101, 110, null, 1],
    ]);
    expect(folded([])).toEqual([['unknown', 0, 600, 'no-report', 0]]);
    expect(folded([], { existsNow: false })).toEqual([['absent', 0, 600, 'deleted', 0]]);
  });

  test('a deleted user is absent until it is created again', () => {
    expect(folded([report(0, 'up'), account(10, 'deleted'), account(50, 'created'), report(60, 'down')], { untilMs: 70 * MINUTE })).toEqual(
      [
        ['up', 0, 10, null, 1],
        ['absent', 10, 50, 'deleted', 0],
        ['unknown', 50, 60, 'no-report', 0],
        ['down', 60, 70, null, 1],
      ],
    );
  });

  test('what the newest transaction did is shown when the window or what is known of the ledger ends in its second', () => {
    const deleted = [report(0, 'up'), account(10, 'deleted')];
    expect(folded(deleted, { untilMs: 10 * MINUTE })).toEqual([
      ['up', 0, 10, null, 1],
      ['absent', 10, 10, 'deleted', 0],
    ]);
    expect(folded(deleted, { untilMs: 20 * MINUTE, knownUntilMs: 10 * MINUTE })).toEqual([
      ['up', 0, 10, null, 1],
      ['absent', 10, 10, 'deleted', 0],
      ['unknown', 10, 20, 'ledger-halted', 0],
    ]);
    expect(folded([account(10, 'created'), report(10, 'up')], { untilMs: 20 * MINUTE })).toEqual([
      ['absent', 0, 10, 'not-created', 0],
      ['up', 10, 20, null, 1],
    ]);
  });

  test('nothing is known after the newest block of a ledger that stands still', () => {
    expect(folded([report(0, 'up')], { untilMs: 70 * MINUTE, knownUntilMs: 20 * MINUTE })).toEqual([
      ['up', 0, 20, null, 1],
      ['unknown', 20, 70, 'ledger-halted', 0],
    ]);
  });
});

describe('availability', () => {
  const of = (events: readonly LedgerEvent[], options: Partial<TimelineOptions> = {}) =>
    availabilityOf(foldTimeline(events, { ...WINDOW, ...options }));

  test('gaps are neither up nor down, and absence does not count', () => {
    const events = [
      account(100, 'created'),
      report(100, 'up'),
      report(150, 'down'),
      report(160, 'up'),
      report(400, 'down'),
      account(420, 'deleted'),
    ];
    expect(of(events)).toEqual({
      upMs: (50 + 75) * MINUTE,
      downMs: (10 + 20) * MINUTE,
      unknownMs: 165 * MINUTE,
      flaps: 2,
      longestOutage: { fromMs: 400 * MINUTE, ms: 20 * MINUTE },
    });
  });

  test('an outage that two writers reported is one, and a gap ends it', () => {
    const events = [report(0, 'down'), report(30, 'down', { writer: keyNumber(9) }), report(300, 'down')];
    expect(of(events)).toMatchObject({ flaps: 0, longestOutage: { fromMs: 0, ms: 105 * MINUTE } });
  });
});

/** Any order of reports and of creations and deletions, minutes apart, from before the window to its end. */
const timelines = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 120 }),
      kind: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom('up' as const, 'down' as const, 'unknown' as const) },
        { weight: 1, arbitrary: fc.constantFrom('created' as const, 'deleted' as const) },
      ),
      writer: fc.integer({ min: 1, max: 2 }),
    }),
    { maxLength: 25 },
  )
  .map((steps) => {
    let minute = -90;
    return steps.flatMap(({ gap, kind, writer }): readonly LedgerEvent[] => {
      minute += gap;
      if (minute > 600) return [];
      return [kind === 'created' || kind === 'deleted' ? account(minute, kind) : report(minute, kind, { writer: keyNumber(writer) })];
    });
  });

describe('whatever the events', () => {
  test('periods cover the window without gap or overlap, and no two in a row are alike', () => {
    fc.assert(
      fc.property(timelines, fc.integer({ min: 0, max: 600 }), (events, knownUntil) => {
        const periods = foldTimeline(events, { ...WINDOW, knownUntilMs: knownUntil * MINUTE });
        expect(periods[0]?.fromMs).toBe(WINDOW.fromMs);
        expect(periods.at(-1)?.untilMs).toBe(WINDOW.untilMs);
        for (const [index, { status, reason, first, fromMs, untilMs }] of periods.entries()) {
          const next = periods[index + 1];
          expect(untilMs).toBeGreaterThanOrEqual(fromMs);
          if (next === undefined) continue;
          expect(next.fromMs).toBe(untilMs);
          const isAlike = next.status === status && next.reason === reason && status !== 'up' && status !== 'down' && first === next.first;
          expect(isAlike).toBe(false);
        }
        const { upMs, downMs, unknownMs } = availabilityOf(periods);
        const absentMs = periods.reduce((sum, { status, fromMs, untilMs }) => sum + (status === 'absent' ? untilMs - fromMs : 0), 0);
        expect(upMs + downMs + unknownMs + absentMs).toBe(WINDOW.untilMs - WINDOW.fromMs);
      }),
    );
  });

  test('at each moment the status is that of the last report, if that is still valid', () => {
    fc.assert(
      fc.property(timelines, fc.integer({ min: 0, max: 599 }), (events, minute) => {
        const moment = (minute + 0.5) * MINUTE;
        const last = events.findLast(({ at }) => at <= moment);
        const isValid = last?.kind === 'report' && moment < last.at + WINDOW.validForMs;
        const isAbsent = last === undefined ? events[0]?.kind === 'created' : last.kind === 'deleted';
        const expected = isAbsent ? 'absent' : isValid ? last.status : 'unknown';
        const period = foldTimeline(events, WINDOW).find(({ fromMs, untilMs }) => fromMs <= moment && moment < untilMs);
        expect(period?.status).toBe(expected);
      }),
    );
  });

  test('a refresh never makes less time known, and never turns up into down', () => {
    fc.assert(
      fc.property(timelines, fc.nat(), (events, pick) => {
        const reports = events.filter((event): event is StatusReport => event.kind === 'report' && event.status !== 'unknown');
        const chosen = reports[pick % Math.max(1, reports.length)];
        if (chosen === undefined) return;
        const at = events.indexOf(chosen);
        const next = events[at + 1]?.at ?? WINDOW.untilMs;
        const refresh = { ...chosen, at: epochMs(Math.min(next, chosen.at + 30 * MINUTE)) };
        const before = availabilityOf(foldTimeline(events, WINDOW));
        const after = availabilityOf(foldTimeline([...events.slice(0, at + 1), refresh, ...events.slice(at + 1)], WINDOW));
        expect(after.upMs).toBeGreaterThanOrEqual(before.upMs);
        expect(after.downMs).toBeGreaterThanOrEqual(before.downMs);
        // A refresh of up that reaches into the window makes a down at its beginning a flap.
        expect(after.flaps - before.flaps).toBeGreaterThanOrEqual(0);
        if (chosen.at >= WINDOW.fromMs) expect(after.flaps).toBe(before.flaps);
      }),
    );
  });
});

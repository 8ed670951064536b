import { beforeEach, expect, test } from 'vitest';
import { createVerdict, type Verdict } from '../../localnet/simulation/invariants.ts';
import { createStallJudge, type StallJudge } from '../../localnet/simulation/process-judges.ts';
import type { TickReport } from '../../src/agent/events.ts';
import type { StatusIntent } from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { addressOf, nanoseconds, parseNetworkV4 } from '../../src/serviceability/index.ts';

let now: number;
let frozenSince: number | undefined;
let verdict: Verdict;
let stalls: StallJudge;

beforeEach(() => {
  now = 0;
  frozenSince = undefined;
  verdict = createVerdict(() => undefined);
  stalls = createStallJudge({ verdict, now: () => now, frozenSince: () => frozenSince });
});

const user = addressOf(new Uint8Array(32).fill(1));
const change: StatusIntent = {
  user,
  from: 'down',
  to: 'up',
  reason: 'change',
  rttNs: nanoseconds(0),
  tunnelNet: parseNetworkV4('169.254.0.0/31'),
  ageMs: 0,
  accountState: '',
};

function tick(intents: readonly StatusIntent[]): void {
  const view = { slot: 1n, readAt: monotonicMs(now), users: new Map(), slotTimeMs: 400 } as unknown as NonNullable<TickReport['view']>;
  stalls.ticked({
    startedAt: monotonicMs(now),
    durationMs: 0,
    phases: { switchMs: 0, ledgerMs: 0 },
    view,
    outcomes: new Map(),
    intents,
    switchRead: true,
    ambiguous: [],
  });
}

/** Lets time pass in slots; every 5 s a tick decides on the same. */
function pass(seconds: number, intents: readonly StatusIntent[] = []): void {
  const end = now + seconds * 1_000;
  while (now < end) {
    now += 400;
    if (now % 5_000 < 400) tick(intents);
    stalls.step();
  }
}

test('the judge reports a change that waits for more than a minute without a report', () => {
  pass(60, [change]);
  expect(verdict.violation).toBeUndefined();
  pass(10, [change]);

  expect(verdict.violation?.invariant).toBe('stalls-are-reported');
});

test('the judge reports a transaction that stays unresolved for more than a minute without a report', () => {
  stalls.sent('s', [change]);
  pass(61);

  expect(verdict.violation?.detail).toBe('nothing was confirmed for 60 s although something waits, without a report');
});

test('the judge reports a verdict of ok while something has waited for more than a minute, also where the stall was reported', () => {
  let isWell = false;
  stalls = createStallJudge({ verdict, now: () => now, frozenSince: () => frozenSince, isWell: () => isWell });
  stalls.stalled(true);
  pass(70, [change]);
  expect(verdict.violation).toBeUndefined();
  isWell = true;
  pass(1, [change]);

  expect(verdict.violation?.detail).toContain('under a verdict of ok');
});

test('the judge accepts a wait that the agent has reported, and one in which others are confirmed', () => {
  pass(40, [change]);
  stalls.confirmed('s');
  pass(50, [change]);
  stalls.stalled(true);
  pass(300, [change]);

  expect([verdict.violation, stalls.isStalled]).toEqual([undefined, true]);
});

test('the judge reports a wait that begins anew after a stall was reported as over', () => {
  pass(50, [change]);
  stalls.stalled(true);
  stalls.confirmed('s');
  stalls.stalled(false);
  pass(70, [change]);

  expect(verdict.violation?.invariant).toBe('stalls-are-reported');
});

test('the judge accepts a wait while writes are halted, the ledger cannot be read or the budget is used up, which are reports of their own', () => {
  for (const problem of ['halted', 'ledger', 'budget'] as const) {
    stalls.problem(problem, true);
    pass(120, [change]);
    stalls.problem(problem, false);
  }
  expect(verdict.violation).toBeUndefined();
  pass(70, [change]);

  expect(verdict.violation?.invariant).toBe('stalls-are-reported');
});

test('the judge accepts the wait of a user whose rejection was reported', () => {
  stalls.sent('s', [change]);
  stalls.rejected('s', user);
  pass(300, [change]);

  expect(verdict.violation).toBeUndefined();
});

test('the judge accepts early refreshes that find no transaction with room', () => {
  pass(300, [{ ...change, reason: 'ride-along' }]);

  expect(verdict.violation).toBeUndefined();
});

test('the judge reports a ledger that stands still without a report, also when nothing waits', () => {
  pass(100);
  frozenSince = now;
  pass(94);
  expect(verdict.violation).toBeUndefined();
  pass(3);

  expect(verdict.violation?.detail).toBe('the ledger stood still for 95 s without a report');
});

test('the judge reports a stall that is reported right after a confirmed write', () => {
  pass(10, [change]);
  stalls.confirmed('s');
  pass(10, [change]);
  stalls.stalled(true);

  expect(verdict.violation?.detail).toBe('reported 10 s after a confirmed write');
});

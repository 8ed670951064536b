import { describe, expect, test } from 'vitest';
import type { LedgerCache } from '../../src/agent/ledger-cache.ts';
import { createTicker } from '../../src/agent/tick.ts';
import { DEFAULT_POLICY, type LedgerView, type NeighborSnapshot } from '../../src/bgp/index.ts';
import type { Collector } from '../../src/collector/index.ts';
import { createVirtualClock } from '../../src/lib/index.ts';
import { active, established, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { recordingReporter } from '../support/recording-reporter.ts';

const forever = new AbortController().signal;
const TWELVE = Array.from({ length: 12 }, (_, n) => n);
/** A user that has just connected: that it is to be written up makes the tick read the ledger again. */
const NEWCOMER = 20;

const allDown = snapshotOf({ vrf1: [...TWELVE.map((n) => active(n, { sinceMs: 60_000 })), established(NEWCOMER)] });
const allUp = snapshotOf({ vrf1: [...TWELVE.map((n) => established(n)), established(NEWCOMER)] });

/** One tick over twelve users that the ledger calls up, and what it wants written. */
async function tickWith({ first, secondLook }: { first: NeighborSnapshot; secondLook: NeighborSnapshot | undefined }) {
  const users = [...TWELVE.map((n) => userNumber(n, { status: 'up', reportedAt: 9_900 })), userNumber(NEWCOMER)];
  const old = viewOf(users);
  const renewed = viewOf(users, { at: 10_001 });
  const collector: Collector = {
    collect: async (options) => (options.confirmationPoll === true ? secondLook : first),
    readRtts: async () => new Map(),
    close: async () => undefined,
  };
  const views: LedgerCache = {
    latest: () => old,
    current: async () => old,
    renew: async () => renewed,
    readNow: async () => undefined,
    isFreshEnoughToWrite: (view: LedgerView) => view === renewed,
    isLost: false,
  };
  const { lines, reporter } = recordingReporter();
  const wanted: string[] = [];
  const ticker = createTicker({
    collector,
    views,
    policy: DEFAULT_POLICY,
    clock: createVirtualClock(),
    reporter,
    inFlight: () => new Map(),
    confirmedIn: () => undefined,
    lastConfirmedSlot: () => undefined,
    setDesired: (intents) => wanted.push(...intents.map(({ to, reason }) => `${to} (${reason})`)),
  });
  await ticker.tick(forever);
  return { wanted, told: lines.filter((line) => line.startsWith('mass down')) };
}

describe('when everybody reads down at once, and the ledger is read again before anything is written', () => {
  test('rule 8: users that the second look sees up stay up', async () => {
    expect(await tickWith({ first: allDown, secondLook: allUp })).toEqual({
      wanted: ['up (change)'],
      told: ['mass down: 12 of 12, 0 confirmed'],
    });
  });

  test('rule 8: users of whom the second look can say nothing are held', async () => {
    expect(await tickWith({ first: allDown, secondLook: undefined })).toEqual({
      wanted: ['up (change)'],
      told: ['mass down: 12 of 12, 0 confirmed'],
    });
  });

  test('users that the second look sees down, too, are written down', async () => {
    const { wanted, told } = await tickWith({ first: allDown, secondLook: allDown });
    expect(wanted.sort()).toEqual([...Array(12).fill('down (change)'), 'up (change)']);
    expect(told).toEqual(['mass down: 12 of 12, 12 confirmed']);
  });
});

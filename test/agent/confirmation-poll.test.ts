import { describe, expect, test } from 'vitest';
import type { LedgerCache } from '../../src/agent/ledger-cache.ts';
import { Ticker } from '../../src/agent/tick.ts';
import { DEFAULT_POLICY, type LedgerView, type NeighborSnapshot } from '../../src/bgp/index.ts';
import type { Collector } from '../../src/collector/index.ts';
import { active, established, snapshotOf, type UserSketch, userNumber, viewOf } from '../support/bgp-builders.ts';
import { recordingReporter } from '../support/recording-reporter.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const forever = new AbortController().signal;
const TWELVE = Array.from({ length: 12 }, (_, n) => n);
/** A user that has just connected: its Up makes the tick read the ledger again. */
const NEW_USER = 20;

const allDown = snapshotOf({ vrf1: [...TWELVE.map((n) => active(n, { sinceMs: 60_000 })), established(NEW_USER)] });
const allUp = snapshotOf({ vrf1: [...TWELVE.map((n) => established(n)), established(NEW_USER)] });

/** The desired writes of one tick over twelve users that the ledger holds as up. */
async function tickWith(polls: { first: NeighborSnapshot; confirmation: NeighborSnapshot | undefined; moved?: Pick<UserSketch, 'net'> }) {
  const { first, confirmation, moved = {} } = polls;
  const usersWith = (sketch: UserSketch) => [
    ...TWELVE.map((n) => userNumber(n, { status: 'up', reportedAt: 9_900, ...(n === 0 ? sketch : {}) })),
    userNumber(NEW_USER),
  ];
  const old = viewOf(usersWith({}));
  const renewed = viewOf(usersWith(moved), { at: 10_001 });
  const collector: Collector = {
    collect: async (options) => (options.confirmationPoll === true ? confirmation : first),
    readRtts: async () => new Map(),
    close: async () => undefined,
  };
  const views: LedgerCache = {
    latest: () => old,
    current: async () => old,
    renew: async () => renewed,
    readNow: async () => undefined,
    isFreshEnoughToWrite: (view: LedgerView) => view === renewed,
    problem: undefined,
  };
  const { lines, reporter } = recordingReporter();
  const desired: string[] = [];
  const ticker = new Ticker({
    collector,
    views,
    policy: DEFAULT_POLICY,
    clock: createVirtualClock(),
    reporter,
    inFlight: () => new Map(),
    isOwnWrite: () => false,
    slotProgress: () => undefined,
    lastConfirmedSlot: () => undefined,
    onNoView: () => undefined,
    setDesired: (intents) => desired.push(...intents.map(({ to, reason }) => `${to} (${reason})`)),
  });
  await ticker.tick(forever);
  return { desired, reported: lines.filter((line) => line.startsWith('mass down')) };
}

describe('mass down with a renewed ledger view', () => {
  test('rule 8: users that the confirmation poll sees up stay up', async () => {
    expect(await tickWith({ first: allDown, confirmation: allUp })).toEqual({
      desired: ['up (change)'],
      reported: ['mass down: 12 of 12, 0 confirmed'],
    });
  });

  test('rule 8: users that the confirmation poll does not observe are held', async () => {
    expect(await tickWith({ first: allDown, confirmation: undefined })).toEqual({
      desired: ['up (change)'],
      reported: ['mass down: 12 of 12, 0 confirmed'],
    });
  });

  test('rule 8: the confirmation poll says nothing about a user that has another network in the renewed view', async () => {
    const { desired } = await tickWith({ first: allDown, confirmation: allDown, moved: { net: '169.254.9.0/31' } });
    expect(desired.sort()).toEqual([...Array(11).fill('down (change)'), 'up (change)']);
  });

  test('rule 8: users that the confirmation poll sees down are written down', async () => {
    const { desired, reported } = await tickWith({ first: allDown, confirmation: allDown });
    expect(desired.sort()).toEqual([...Array(12).fill('down (change)'), 'up (change)']);
    expect(reported).toEqual(['mass down: 12 of 12, 12 confirmed']);
  });
});

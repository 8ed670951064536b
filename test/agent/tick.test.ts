import { expect, test } from 'vitest';
import { createAgentEvents, type TickReport } from '../../src/agent/events.ts';
import { Ticker } from '../../src/agent/tick.ts';
import { DEFAULT_POLICY, type LedgerUser, type NeighborSnapshot } from '../../src/bgp/index.ts';
import { UserStatus } from '../../src/serviceability/index.ts';
import { active, established, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const forever = new AbortController().signal;

/** One tick in which the switch takes 300 ms and the ledger 500. */
async function tickOn(snapshot: ReturnType<typeof snapshotOf> | undefined, isLedgerRead = true): Promise<TickReport> {
  const clock = createVirtualClock();
  const view = viewOf([userNumber(0), userNumber(1)]);
  const reports: TickReport[] = [];
  const ticker = new Ticker({
    collector: {
      collect: async () => {
        await clock.sleep(300);
        return snapshot;
      },
      readRtts: async () => new Map(),
      close: async () => undefined,
    },
    views: {
      latest: () => undefined,
      current: async () => {
        await clock.sleep(500);
        return isLedgerRead ? view : undefined;
      },
      renew: async () => view,
      readNow: async () => undefined,
      isFreshEnoughToWrite: () => true,
      problem: undefined,
    },
    policy: DEFAULT_POLICY,
    clock,
    reporter: createAgentEvents({ tick: (report) => reports.push(report) }).reporter,
    inFlight: () => new Map(),
    isOwnWrite: () => false,
    slotProgress: () => undefined,
    lastConfirmedSlot: () => undefined,
    onNoView: () => undefined,
    setDesired: () => undefined,
  });
  const ticking = ticker.tick(forever);
  await clock.advance(1_000);
  await ticking;
  const [report] = reports;
  if (report === undefined) throw new Error('the tick sent no report');
  return report;
}

test('a tick reports how long the switch and the ledger took, which it reads in parallel', async () => {
  const { phases, durationMs } = await tickOn(snapshotOf({ vrf1: [established(0)] }));
  expect([phases, durationMs]).toEqual([{ switchMs: 300, ledgerMs: 500 }, 500]);
});

/** One tick on a view of the users, which a renewal replaces by one that is a slot newer. Returns how it used the ledger, and what it decided. */
async function tickOnCachedView(users: readonly LedgerUser[], snapshot: NeighborSnapshot) {
  const cached = viewOf(users);
  const renewed = viewOf(users, { at: 10_001 });
  let renewals = 0;
  const decided: string[] = [];
  const ticker = new Ticker({
    collector: { collect: async () => snapshot, readRtts: async () => new Map(), close: async () => undefined },
    views: {
      latest: () => cached,
      current: async () => cached,
      renew: async () => {
        renewals += 1;
        return renewed;
      },
      readNow: async () => undefined,
      isFreshEnoughToWrite: (view) => view === renewed,
      problem: undefined,
    },
    policy: { ...DEFAULT_POLICY, refreshJitter: 0 },
    clock: createVirtualClock(),
    reporter: createAgentEvents({ observed: ({ user }) => decided.push(user) }).reporter,
    inFlight: () => new Map(),
    isOwnWrite: () => false,
    slotProgress: () => undefined,
    lastConfirmedSlot: () => undefined,
    onNoView: () => undefined,
    setDesired: () => undefined,
  });
  const { view, intents } = await ticker.tick(forever);
  return { renewals, slot: view?.slot, decided: decided.length, written: intents.map(({ to, reason }) => `${to} (${reason})`) };
}

test('rule 9: a tick that may have to write reads the ledger again and decides each user once, on the new view', async () => {
  const users = [userNumber(0), userNumber(1, { status: 'up', reportedAt: 9_900 })];
  expect(await tickOnCachedView(users, snapshotOf({ vrf1: [established(0), established(1)] }))).toEqual({
    renewals: 1,
    slot: 10_001n,
    decided: 2,
    written: ['up (change)'],
  });
});

test('rule 9: a tick without anything to write decides on the cached view', async () => {
  const users = [
    userNumber(0, { status: 'up', reportedAt: 9_900 }),
    userNumber(1, { status: 'down', reportedAt: 9_900 }),
    userNumber(2, { status: 'down', reportedAt: 9_900, account: { status: UserStatus.banned } }),
    userNumber(3, { status: 'up', reportedAt: 1, expectedVrf: 'vrf2' }),
  ];
  const snapshot = snapshotOf({ vrf1: [established(0), active(1), established(2)], vrf2: 'failed' });
  expect(await tickOnCachedView(users, snapshot)).toEqual({ renewals: 0, slot: 10_000n, decided: 4, written: [] });
});

test('rule 12: a tick with a record that is due reads the ledger again, and one with an early refresh alone does not', async () => {
  // 10,000 slots of 400 ms are 67 min: due after 60, early from 45.
  const record = (reportedAt: number) => [userNumber(0, { status: 'up', reportedAt })];
  const seen = snapshotOf({ vrf1: [established(0)] });
  expect(await tickOnCachedView(record(1_000), seen)).toEqual({ renewals: 1, slot: 10_001n, decided: 1, written: ['up (refresh)'] });
  expect(await tickOnCachedView(record(2_000), seen)).toEqual({ renewals: 0, slot: 10_000n, decided: 1, written: [] });
});

test('rule 2: a tick reports which users have more than one neighbor', async () => {
  const twice = snapshotOf({ vrf1: [established(0), established(1)], vrf2: [established(1)] });
  expect((await tickOn(twice)).ambiguous).toEqual([501]);
  expect((await tickOn(snapshotOf({ vrf1: [established(0), established(1)] }))).ambiguous).toEqual([]);
});

test('a tick that could read neither switch nor ledger reports how long it waited', async () => {
  const { phases, switchRead, ambiguous, outcomes } = await tickOn(undefined, false);
  expect([phases, switchRead, ambiguous, outcomes.size]).toEqual([{ switchMs: 300, ledgerMs: 500 }, false, [], 0]);
});

import { expect, test } from 'vitest';
import { createAgentEvents, type TickReport } from '../../src/agent/events.ts';
import { createTicker } from '../../src/agent/tick.ts';
import { DEFAULT_POLICY } from '../../src/bgp/index.ts';
import { createVirtualClock } from '../../src/lib/index.ts';
import { established, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

const forever = new AbortController().signal;

/** One tick in which the switch takes 300 ms and the ledger 500. */
async function tickOn(snapshot: ReturnType<typeof snapshotOf> | undefined, isLedgerRead = true): Promise<TickReport> {
  const clock = createVirtualClock();
  const view = viewOf([userNumber(0), userNumber(1)]);
  const reports: TickReport[] = [];
  const ticker = createTicker({
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
      isLost: false,
    },
    policy: DEFAULT_POLICY,
    clock,
    reporter: createAgentEvents({ tick: (report) => reports.push(report) }).reporter,
    inFlight: () => new Map(),
    confirmedIn: () => undefined,
    lastConfirmedSlot: () => undefined,
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

test('rule 2: a tick reports how many users have more than one neighbor', async () => {
  const twice = snapshotOf({ vrf1: [established(0), established(1)], vrf2: [established(1)] });
  expect((await tickOn(twice)).ambiguous).toBe(1);
  expect((await tickOn(snapshotOf({ vrf1: [established(0), established(1)] }))).ambiguous).toBe(0);
});

test('a tick that could read neither switch nor ledger reports how long it waited', async () => {
  const { phases, switchRead, ambiguous, outcomes } = await tickOn(undefined, false);
  expect([phases, switchRead, ambiguous, outcomes.size]).toEqual([{ switchMs: 300, ledgerMs: 500 }, false, 0, 0]);
});

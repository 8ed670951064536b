import { describe, expect, test } from 'vitest';
import { createLedgerCache } from '../../src/agent/ledger-cache.ts';
import type { LedgerView } from '../../src/bgp/index.ts';
import { AgentError, createVirtualClock } from '../../src/lib/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { viewOf } from '../support/bgp-builders.ts';
import { recordingReporter } from '../support/recording-reporter.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const forever = new AbortController().signal;

function setUp() {
  const clock = createVirtualClock();
  const { lines, reporter } = recordingReporter();
  const asked: (bigint | undefined)[] = [];
  const ledger = { fails: false, takesMs: 0, setBackBy: 0 };
  const keeper = createLedgerCache({
    async read({ minContextSlot }, signal): Promise<LedgerView> {
      asked.push(minContextSlot);
      const readAt = clock.monotonic();
      if (ledger.takesMs > 0) await clock.sleep(ledger.takesMs, signal);
      if (ledger.fails) throw new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });
      return viewOf([], { at: 10_000 + Math.floor(clock.monotonic() / 400) - ledger.setBackBy, readAt });
    },
    clock,
    reporter,
    maxAgeMs: 5 * SECOND,
    idleIntervalMs: 30 * SECOND,
    maxLedgerAgeMs: 5 * MINUTE,
    patienceMs: 5 * SECOND,
  });
  const current = () => keeper.current({}, forever);
  return { clock, lines, asked, ledger, keeper, current };
}

describe('the view of the ledger', () => {
  test('is read at first need, and with nothing to write every thirty seconds', async () => {
    const { clock, asked, current } = setUp();
    for (let tick = 0; tick < 13; tick += 1) {
      expect(await current()).toBeDefined();
      await clock.advance(5 * SECOND);
    }
    expect(asked.length).toBe(3);
  });

  test('is read again, from the slot in which our last write landed on, when it is from before it', async () => {
    const { asked, keeper } = setUp();
    await keeper.current({ notBefore: slot(9_000) }, forever);
    await keeper.current({ notBefore: slot(10_000) }, forever);
    await keeper.current({ notBefore: slot(10_001) }, forever);
    expect(asked).toEqual([9_000n, 10_001n]);
  });

  test('is renewed before something is written, unless it is fresh', async () => {
    const { clock, asked, keeper, current } = setUp();
    const first = await current();
    await clock.advance(3 * SECOND);
    expect(await keeper.renew(forever)).toBe(first);
    await clock.advance(2 * SECOND);
    expect((await keeper.renew(forever))?.readAt).toBe(clock.monotonic());
    expect(asked.length).toBe(2);
  });

  test('rule 9: is not fresh enough to write on after five seconds', async () => {
    const { clock, keeper, current } = setUp();
    const view = await current();
    await clock.advance(5 * SECOND);
    expect(view !== undefined && keeper.isFreshEnoughToWrite(view)).toBe(true);
    await clock.advance(1);
    expect(view !== undefined && keeper.isFreshEnoughToWrite(view)).toBe(false);
  });

  test('rule 9: that cannot be renewed is not written on, is decided on for five minutes, and not at all after that', async () => {
    const { clock, ledger, keeper, current } = setUp();
    const view = await current();
    ledger.fails = true;
    await clock.advance(MINUTE);
    expect(await current()).toBe(view);
    expect(await keeper.renew(forever)).toBeUndefined();
    await clock.advance(4 * MINUTE);
    expect(await current()).toBe(view);
    await clock.advance(1);
    expect(await current()).toBeUndefined();
    ledger.fails = false;
    expect(await current()).toBeDefined();
  });

  test('rule 9: is told of once when it is lost, once when it is too old and once when it is back, however often it is asked for', async () => {
    const { clock, ledger, lines, current } = setUp();
    await current();
    ledger.fails = true;
    for (let tick = 0; tick < 100; tick += 1) {
      await clock.advance(5 * SECOND);
      await current();
    }
    ledger.fails = false;
    await current();
    await current();
    expect(lines).toEqual(['ledger view lost: LEDGER__NO_ENDPOINT', 'ledger view too-old', 'ledger view back']);
  });

  test('rule 20: that is slow to come keeps a tick waiting for its patience only, and serves the next one', async () => {
    const { clock, ledger, asked, current } = setUp();
    ledger.takesMs = 8 * SECOND;
    const first = current();
    await clock.advance(5 * SECOND);
    expect(await first).toBeUndefined();
    const second = current();
    await clock.advance(3 * SECOND);
    expect((await second)?.readAt).toBe(0);
    expect(asked.length).toBe(1);
  });

  test('of an older slot than the one before tells once that the ledger was set back, and is decided on', async () => {
    const { clock, ledger, lines, current } = setUp();
    const slots: unknown[] = [];
    for (const setBackBy of [0, 5_000, 5_000]) {
      ledger.setBackBy = setBackBy;
      slots.push((await current())?.slot);
      await clock.advance(30 * SECOND);
    }
    expect(slots).toEqual([10_000n, 5_075n, 5_150n]);
    expect(lines).toEqual(['ledger view set-back']);
  });
});

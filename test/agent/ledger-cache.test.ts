import { describe, expect, test } from 'vitest';
import { createLedgerCache } from '../../src/agent/ledger-cache.ts';
import type { LedgerView } from '../../src/bgp/index.ts';
import { AgentError } from '../../src/lib/index.ts';
import { slot } from '../../src/serviceability/index.ts';
import { viewOf } from '../support/bgp-builders.ts';
import { recordingReporter } from '../support/recording-reporter.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const forever = new AbortController().signal;

function setUp() {
  const clock = createVirtualClock();
  const { lines, reporter } = recordingReporter();
  const reads: (bigint | undefined)[] = [];
  const ledger = { fails: false, takesMs: 0, rollbackBy: 0 };
  const cache = createLedgerCache({
    async read({ minContextSlot }, signal): Promise<LedgerView> {
      reads.push(minContextSlot);
      const readAt = clock.monotonic();
      if (ledger.takesMs > 0) await clock.sleep(ledger.takesMs, signal);
      if (ledger.fails) throw new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });
      return viewOf([], { at: 10_000 + Math.floor(clock.monotonic() / 400) - ledger.rollbackBy, readAt });
    },
    clock,
    reporter,
    viewMaxAgeMs: 5 * SECOND,
    viewIdleIntervalMs: 30 * SECOND,
    maxLedgerAgeMs: 5 * MINUTE,
    maxWaitMs: 5 * SECOND,
  });
  const current = () => cache.current({}, forever);
  return { clock, lines, reads, ledger, cache, current };
}

describe('ledger cache', () => {
  test('rule 9: the view is read at first use, and every thirty seconds while there is nothing to write', async () => {
    const { clock, reads, current } = setUp();
    for (let tick = 0; tick < 13; tick += 1) {
      expect(await current()).toBeDefined();
      await clock.advance(5 * SECOND);
    }
    expect(reads.length).toBe(3);
  });

  test('rule 9: a view older than our last confirmed slot is read again, with that slot as minContextSlot', async () => {
    const { reads, cache } = setUp();
    await cache.current({ notBefore: slot(9_000) }, forever);
    await cache.current({ notBefore: slot(10_000) }, forever);
    await cache.current({ notBefore: slot(10_001) }, forever);
    expect(reads).toEqual([9_000n, 10_001n]);
  });

  test('rule 9: the view is renewed before a write, unless it is fresh', async () => {
    const { clock, reads, cache, current } = setUp();
    const first = await current();
    await clock.advance(3 * SECOND);
    expect(await cache.renew(forever)).toBe(first);
    await clock.advance(2 * SECOND);
    expect((await cache.renew(forever))?.readAt).toBe(clock.monotonic());
    expect(reads.length).toBe(2);
  });

  test('rule 9: a view is not fresh enough to write on after five seconds', async () => {
    const { clock, cache, current } = setUp();
    const view = await current();
    await clock.advance(5 * SECOND);
    expect(view !== undefined && cache.isFreshEnoughToWrite(view)).toBe(true);
    await clock.advance(1);
    expect(view !== undefined && cache.isFreshEnoughToWrite(view)).toBe(false);
  });

  test('rule 9: a view that cannot be renewed is not written on, and is decided on for five minutes only', async () => {
    const { clock, ledger, cache, current } = setUp();
    const view = await current();
    ledger.fails = true;
    await clock.advance(MINUTE);
    expect(await current()).toBe(view);
    expect(await cache.renew(forever)).toBeUndefined();
    await clock.advance(4 * MINUTE);
    expect(await current()).toBe(view);
    await clock.advance(1);
    expect(await current()).toBeUndefined();
    ledger.fails = false;
    expect(await current()).toBeDefined();
  });

  test('rule 9: a lost view is reported once when lost, once when too old and once when back', async () => {
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

  test('rule 20: a slow reading delays a tick by its interval at most, and serves the next tick', async () => {
    const { clock, ledger, reads, current } = setUp();
    ledger.takesMs = 8 * SECOND;
    const first = current();
    await clock.advance(5 * SECOND);
    expect(await first).toBeUndefined();
    const second = current();
    await clock.advance(3 * SECOND);
    expect((await second)?.readAt).toBe(0);
    expect(reads.length).toBe(1);
  });

  test('a view of an older slot is reported once as a rollback and is decided on', async () => {
    const { clock, ledger, lines, current } = setUp();
    const slots: unknown[] = [];
    for (const rollbackBy of [0, 5_000, 5_000]) {
      ledger.rollbackBy = rollbackBy;
      slots.push((await current())?.slot);
      await clock.advance(30 * SECOND);
    }
    expect(slots).toEqual([10_000n, 5_075n, 5_150n]);
    expect(lines).toEqual(['ledger view rollback']);
  });
});

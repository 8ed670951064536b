import { describe, expect, test } from 'vitest';
import { AuthorityWatch } from '../../src/agent/preconditions.ts';
import { AgentError } from '../../src/lib/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const forever = new AbortController().signal;
const refusal = () => new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: 'd', expected: 'ours', actual: 'theirs' });
const outage = () => new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });

function setUp() {
  const clock = createVirtualClock();
  const reported: string[] = [];
  const ledger = { reads: 0, answer: undefined as Error | undefined, isHalted: false };
  const watch = new AuthorityWatch({
    async verify() {
      ledger.reads += 1;
      if (ledger.answer !== undefined) throw ledger.answer;
    },
    clock,
    intervalMs: MINUTE,
    isHalted: () => ledger.isHalted,
    onAuthorized: () => reported.push('authorized'),
    onRefused: ({ code }) => reported.push(`refused: ${code}`),
  });
  /** Checks every five seconds for `ms`, as ticks do. */
  const watchFor = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 5_000) {
      await watch.check(forever);
      await clock.advance(5_000);
    }
  };
  return { clock, reported, ledger, watch, watchFor };
}

describe('authority', () => {
  test('a key is not authorized before the device account was read', async () => {
    const { ledger, watch } = setUp();
    expect(watch.isAuthorized).toBe(false);
    ledger.answer = outage();
    await watch.check(forever);
    expect([watch.isAuthorized, watch.problem?.code]).toEqual([false, 'LEDGER__NO_ENDPOINT']);
  });

  test('the device account is read at each tick until it was read once, and each minute after that', async () => {
    const { ledger, watchFor } = setUp();
    ledger.answer = outage();
    await watchFor(20_000);
    expect(ledger.reads).toBe(4);
    ledger.answer = undefined;
    await watchFor(2 * MINUTE);
    expect(ledger.reads).toBe(6);
  });

  test('the device account is read every half minute while writes are halted', async () => {
    const { ledger, watchFor } = setUp();
    ledger.isHalted = true;
    await watchFor(2 * MINUTE);
    expect(ledger.reads).toBe(4);
  });

  test('an unreadable ledger does not revoke the authority', async () => {
    const { ledger, reported, watch, watchFor } = setUp();
    await watchFor(MINUTE);
    ledger.answer = outage();
    await watchFor(MINUTE);
    expect([watch.isAuthorized, reported]).toEqual([true, ['authorized']]);
  });

  test('the authority ends when the device names another key, and returns when it names ours', async () => {
    const { ledger, reported, watch, watchFor } = setUp();
    await watchFor(MINUTE);
    ledger.answer = refusal();
    await watchFor(MINUTE);
    expect([watch.isAuthorized, watch.problem?.code]).toEqual([false, 'LEDGER__PUBLISHER_MISMATCH']);
    ledger.answer = undefined;
    await watchFor(MINUTE);
    expect([watch.isAuthorized, watch.problem]).toEqual([true, undefined]);
    expect(reported).toEqual(['authorized', 'refused: LEDGER__PUBLISHER_MISMATCH', 'authorized']);
  });

  test('concurrent checks share one reading', async () => {
    const { ledger, watch } = setUp();
    await Promise.all([watch.check(forever), watch.check(forever), watch.check(forever)]);
    expect(ledger.reads).toBe(1);
  });

  test('an internal error is thrown and does not change the authority', async () => {
    const { ledger, watch } = setUp();
    ledger.answer = new TypeError('internal');
    await expect(watch.check(forever)).rejects.toThrow('internal');
    expect(watch.isAuthorized).toBe(false);
  });
});

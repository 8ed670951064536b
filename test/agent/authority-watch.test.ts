import { describe, expect, test } from 'vitest';
import { createAuthorityWatch } from '../../src/agent/preconditions.ts';
import { AgentError, createVirtualClock } from '../../src/lib/index.ts';

const MINUTE = 60_000;
const forever = new AbortController().signal;
const refusal = () => new AgentError('LEDGER__PUBLISHER_MISMATCH', { device: 'd', expected: 'ours', actual: 'theirs' });
const outage = () => new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });

function setUp() {
  const clock = createVirtualClock();
  const told: string[] = [];
  const ledger = { reads: 0, answer: undefined as Error | undefined };
  const watch = createAuthorityWatch({
    async verify() {
      ledger.reads += 1;
      if (ledger.answer !== undefined) throw ledger.answer;
    },
    clock,
    intervalMs: MINUTE,
    onAuthorized: () => told.push('authorized'),
    onRefused: ({ code }) => told.push(`refused: ${code}`),
  });
  /** Asks every five seconds for so long, as ticks do. */
  const watchFor = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 5_000) {
      await watch.check(forever);
      await clock.advance(5_000);
    }
  };
  return { clock, told, ledger, watch, watchFor };
}

describe('the right to write', () => {
  test('is not assumed before the account was read', async () => {
    const { ledger, watch } = setUp();
    expect(watch.isAuthorized).toBe(false);
    ledger.answer = outage();
    await watch.check(forever);
    expect([watch.isAuthorized, watch.problem?.code]).toEqual([false, 'LEDGER__NO_ENDPOINT']);
  });

  test('is looked for at each tick while nothing is known, and each minute after that', async () => {
    const { ledger, watchFor } = setUp();
    ledger.answer = outage();
    await watchFor(20_000);
    expect(ledger.reads).toBe(4);
    ledger.answer = undefined;
    await watchFor(2 * MINUTE);
    expect(ledger.reads).toBe(6);
  });

  test('outlives a ledger that cannot be read', async () => {
    const { ledger, told, watch, watchFor } = setUp();
    await watchFor(MINUTE);
    ledger.answer = outage();
    await watchFor(MINUTE);
    expect([watch.isAuthorized, told]).toEqual([true, ['authorized']]);
  });

  test('ends with the ledger naming another key, and comes back with ours', async () => {
    const { ledger, told, watch, watchFor } = setUp();
    await watchFor(MINUTE);
    ledger.answer = refusal();
    await watchFor(MINUTE);
    expect([watch.isAuthorized, watch.problem?.code]).toEqual([false, 'LEDGER__PUBLISHER_MISMATCH']);
    ledger.answer = undefined;
    await watchFor(MINUTE);
    expect([watch.isAuthorized, watch.problem]).toEqual([true, undefined]);
    expect(told).toEqual(['authorized', 'refused: LEDGER__PUBLISHER_MISMATCH', 'authorized']);
  });

  test('is read once for all who ask at the same time', async () => {
    const { ledger, watch } = setUp();
    await Promise.all([watch.check(forever), watch.check(forever), watch.check(forever)]);
    expect(ledger.reads).toBe(1);
  });

  test('is not decided by a defect, which is thrown', async () => {
    const { ledger, watch } = setUp();
    ledger.answer = new TypeError('a defect');
    await expect(watch.check(forever)).rejects.toThrow('a defect');
    expect(watch.isAuthorized).toBe(false);
  });
});

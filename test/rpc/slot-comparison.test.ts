import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AgentError } from '../../src/lib/index.ts';
import { type Endpoint, EndpointError } from '../../src/rpc/endpoint.ts';
import { SlotComparison } from '../../src/rpc/failover.ts';
import { slot } from '../../src/serviceability/index.ts';
import { endpointCalled, manualClock } from './builders.ts';

const SECOND = 1_000;
const DAYS = 1_000_000;

/** Endpoints a, b, c … of a ledger whose slot rises by five in two seconds. */
function clusterOf(count: number) {
  const clock = manualClock();
  const all = ['a', 'b', 'c'].slice(0, count).map((name) => endpointCalled(name, clock));
  const comparison = new SlotComparison({ clock, all });
  const currentSlot = (): number => 1_000_000 + Math.floor(clock.monotonic() / 400);
  const endpoint = (name: string): Endpoint => {
    const found = all.find(({ url }) => url.name === `http://${name}`);
    if (found === undefined) throw new Error(`no endpoint ${name}`);
    return found;
  };

  /** The endpoint answers for the current slot and `offset` more; an error quarantines it, as it does in a call. */
  function answers(name: string, offset = 0): string {
    const which = endpoint(name);
    which.reads.succeeded('getEpochInfo', which.reads.now);
    try {
      comparison.note(which, slot(currentSlot() + offset));
      return 'used';
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      which.quarantine(error);
      return error.error.code;
    }
  }
  /** For so many seconds each named endpoint answers once a second: `{ a: 0, b: 500 }`. Returns the last outcomes. */
  function answerFor(seconds: number, offsets: Readonly<Record<string, number>>): Record<string, string> {
    const last: Record<string, string> = {};
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(SECOND);
      for (const [name, offset] of Object.entries(offsets)) last[name] = answers(name, offset);
    }
    return last;
  }
  return { clock, answers, answerFor, endpoint, comparison };
}

test('an endpoint more than fifty slots behind another healthy one lags, and is quarantined', () => {
  const { answers, endpoint } = clusterOf(2);
  expect([answers('a'), answers('b', -50), answers('b', -51)]).toEqual(['used', 'used', 'LEDGER__LAGGING']);
  expect([endpoint('a').serves, endpoint('b').serves]).toEqual([true, false]);
});

test('the newest slot counts, also against two endpoints that lag by the same', () => {
  const { answerFor } = clusterOf(3);
  answerFor(90, { a: -8_000, b: -8_000 });
  expect(answerFor(10, { c: 0, a: -8_000, b: -8_000 })).toEqual({ c: 'used', a: 'LEDGER__LAGGING', b: 'LEDGER__LAGGING' });
});

test('an endpoint that lagged by days gives way to one that has caught up', () => {
  const { answers } = clusterOf(2);
  expect([answers('a', -DAYS), answers('b'), answers('a', -DAYS), answers('a')]).toEqual(['used', 'used', 'LEDGER__LAGGING', 'used']);
});

test('a lagging endpoint serves when it is the last one left', () => {
  const { clock, answers } = clusterOf(2);
  expect([answers('b'), answers('a', -1_000)]).toEqual(['used', 'LEDGER__LAGGING']);
  clock.advance(61 * SECOND);
  expect(answers('a', -1_000)).toBe('used');
});

test('a quarantined endpoint does not make the others lag', () => {
  const { answers, endpoint } = clusterOf(2);
  answers('b', DAYS);
  const down = new AgentError('LEDGER__UNAVAILABLE', { endpoint: 'b', method: 'getBalance', problem: 'down' });
  const error = new EndpointError(down, 'getBalance');
  endpoint('b').quarantine(error);
  expect(answers('a')).toBe('used');
});

test('an endpoint that failed since its last slot does not make the others lag', () => {
  const { answers, endpoint, comparison } = clusterOf(2);
  expect([answers('b', DAYS), answers('a')]).toEqual(['used', 'LEDGER__LAGGING']);
  comparison.forget(endpoint('b'));
  expect([answers('a'), answers('b', DAYS)]).toEqual(['used', 'used']);
});

test('a single endpoint may stand still, and go on from there', () => {
  const { clock, answers } = clusterOf(1);
  answers('a');
  clock.advance(180 * SECOND);
  expect([answers('a', -450), answers('a')]).toEqual(['used', 'used']);
});

test('after a rollback no endpoint is quarantined for longer than the others take to answer for it', () => {
  const { answers, answerFor } = clusterOf(2);
  answerFor(90, { a: 0, b: 0 });
  expect([answers('a', -5_000), answers('b', -5_000), answers('a', -5_000)]).toEqual(['LEDGER__LAGGING', 'used', 'used']);
  expect(answerFor(200, { a: -5_000, b: -5_000 })).toEqual({ a: 'used', b: 'used' });
});

test('a rollback by days is served by a single endpoint at once', () => {
  const { answers, answerFor } = clusterOf(1);
  answerFor(90, { a: 0 });
  expect(answers('a', -DAYS)).toBe('used');
});

test('an endpoint far ahead makes the others lag only until it answers for the right slot, or not at all', () => {
  const { clock, answers, answerFor } = clusterOf(2);
  answerFor(90, { a: 0, b: 0 });
  expect(answerFor(10, { b: DAYS, a: 0 })).toEqual({ b: 'used', a: 'LEDGER__LAGGING' });
  expect([answers('b'), answers('a')]).toEqual(['used', 'used']);
  answers('b', DAYS);
  clock.advance(61 * SECOND);
  expect(answers('a')).toBe('used');
});

test('whatever endpoints answered before, those that agree for two minutes are all used', () => {
  const past = fc.array(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      waitMs: fc.integer({ min: 0, max: 60_000 }),
      offset: fc.integer({ min: -900_000, max: 1_000_000_000 }),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(past, (rounds) => {
      const { clock, answers, answerFor } = clusterOf(3);
      for (const { name, waitMs, offset } of rounds) {
        clock.advance(waitMs);
        answers(name, offset);
      }
      expect(answerFor(120, { a: 0, b: 3, c: -2 })).toEqual({ a: 'used', b: 'used', c: 'used' });
    }),
  );
});

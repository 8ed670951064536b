import { expect, test } from 'vitest';
import { AgentError } from '../../src/lib/index.ts';
import { EndpointError, EndpointHealth } from '../../src/rpc/endpoint.ts';
import { endpointCalled, manualClock } from './builders.ts';

const trouble = (retryAfterMs?: number): EndpointError =>
  new EndpointError(
    new AgentError('LEDGER__UNREACHABLE', { endpoint: 'a', problem: 'gone' }),
    'getBalance',
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );

function healthAt(randomness: number) {
  const clock = manualClock();
  const events: string[] = [];
  const health = new EndpointHealth({ name: 'a', clock, random: () => randomness, onEndpoint: ({ state }) => events.push(state) });
  /** Milliseconds until it should be probed. */
  const untilDue = (): number => {
    let waited = 0;
    while (!health.due) {
      clock.advance(50);
      waited += 50;
    }
    return waited;
  };
  return { clock, events, health, untilDue };
}

test('the quarantine of an endpoint that keeps failing doubles, up to thirty seconds', () => {
  const { health, untilDue, events } = healthAt(1);
  const waits = Array.from({ length: 9 }, () => {
    health.failed(trouble(), health.now);
    return untilDue();
  });
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(events).toEqual(['lost']);
});

test('quarantines are drawn from the upper half, so that a fleet does not return at once', () => {
  const { health, untilDue } = healthAt(0);
  health.failed(trouble(), health.now);
  expect(untilDue()).toBe(250);
});

test('requests that fail together are one failure', () => {
  const { health, untilDue } = healthAt(1);
  for (let request = 0; request < 8; request++) health.failed(trouble(), health.now);
  expect(untilDue()).toBe(500);
});

test('an endpoint that fails soon after its return continues its backoff; a minute of service resets it', () => {
  const { health, untilDue, clock, events } = healthAt(1);
  health.failed(trouble(), health.now);
  untilDue();
  health.succeeded('getBalance', clock.monotonic());
  health.failed(trouble(), health.now);
  expect(untilDue()).toBe(1_000);
  health.succeeded('getBalance', clock.monotonic());
  clock.advance(60_000);
  health.failed(trouble(), health.now);
  expect(untilDue()).toBe(500);
  expect(events).toEqual(['lost', 'back', 'lost', 'back', 'lost']);
});

test('a pause that the endpoint asks for is honored, up to five minutes, even by a fallback', () => {
  const { health, clock } = healthAt(1);
  health.failed(trouble(3_600_000), health.now);
  clock.advance(299_999);
  expect([health.due, health.isFallback]).toEqual([false, false]);
  clock.advance(1);
  expect([health.due, health.isFallback]).toEqual([true, true]);
});

test('a pause that a later answer asks for counts although the endpoint is already quarantined', () => {
  const { health, clock } = healthAt(1);
  health.failed(trouble(), health.now);
  health.failed(trouble(10_000), health.now);
  clock.advance(9_000);
  expect(health.due).toBe(false);
});

test('an endpoint that answers probes and still fails at its method is reported lost once, and back when the method works', () => {
  const { health, untilDue, events, clock } = healthAt(1);
  const waits: number[] = [];
  health.failed(trouble(), health.now);
  for (let round = 0; round < 4; round++) {
    waits.push(untilDue());
    health.succeeded('getEpochInfo', clock.monotonic());
    expect(health.healthy).toBe(true);
    health.failed(trouble(), health.now);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000]);
  expect(events).toEqual(['lost']);
  untilDue();
  health.succeeded('getEpochInfo', clock.monotonic());
  health.succeeded('getBalance', clock.monotonic());
  expect(events).toEqual(['lost', 'back']);
});

test('an endpoint whose failed method is not needed again is back after a minute of service', () => {
  const { health, untilDue, clock, events } = healthAt(1);
  health.failed(trouble(), health.now);
  untilDue();
  health.succeeded('getEpochInfo', clock.monotonic());
  clock.advance(59_999);
  health.succeeded('getEpochInfo', clock.monotonic());
  expect(events).toEqual(['lost']);
  clock.advance(1);
  health.succeeded('getEpochInfo', clock.monotonic());
  expect(events).toEqual(['lost', 'back']);
});

test('an answer to a request from before the failure does not bring the endpoint back', () => {
  const { health, clock, events } = healthAt(1);
  const askedAt = clock.monotonic();
  clock.advance(100);
  health.failed(trouble(10_000), health.now);
  clock.advance(100);
  health.succeeded('getBalance', askedAt);
  expect([health.healthy, events]).toEqual([false, ['lost']]);
});

test('an error with its own recheck stands until that recheck passes', () => {
  const clock = manualClock();
  const events: string[] = [];
  const endpoint = endpointCalled('a', clock, ({ state }) => events.push(state));
  const error = new AgentError('LEDGER__WITHOUT_DEVICE', { endpoint: 'a', problem: 'none' });
  endpoint.quarantine(new EndpointError(error, 'device', { recheck: async () => undefined }));
  endpoint.reads.succeeded('getEpochInfo', clock.monotonic());
  expect([endpoint.reads.healthy, endpoint.serves]).toEqual([true, false]);
  endpoint.release();
  expect([endpoint.serves, events]).toEqual([true, ['lost', 'back']]);
});

test('a failure of a request from before the recovery does not count, unless it asks for a pause', () => {
  const { health, untilDue, clock, events } = healthAt(1);
  health.failed(trouble(), health.now);
  const hanging = health.now;
  untilDue();
  health.succeeded('getBalance', clock.monotonic());
  health.failed(trouble(), hanging);
  expect([health.healthy, events]).toEqual([true, ['lost', 'back']]);
  health.failed(trouble(10_000), hanging);
  expect([health.healthy, events]).toEqual([false, ['lost', 'back', 'lost']]);
});

/** Endpoint a, and its events: the codes of its errors, `again` and `back`. */
function reported() {
  const events: string[] = [];
  const clock = manualClock();
  const endpoint = endpointCalled('a', clock, (event) =>
    events.push(event.state === 'back' ? 'back' : `${event.error.code}${event.again === true ? ' again' : ''}`),
  );
  const fails = (method: string, code: 'LEDGER__UNREACHABLE' | 'LEDGER__UNAVAILABLE'): void => {
    endpoint.quarantine(new EndpointError(new AgentError(code, { endpoint: 'a', method, problem: 'gone' }), method));
    clock.advance(30_000);
  };
  return { endpoint, events, clock, fails };
}

test('an endpoint whose error changes is reported with the newest one, and not again for the same', () => {
  const { events, fails } = reported();
  for (const code of ['LEDGER__UNREACHABLE', 'LEDGER__UNAVAILABLE', 'LEDGER__UNAVAILABLE'] as const) fails('getBalance', code);
  expect(events).toEqual(['LEDGER__UNREACHABLE', 'LEDGER__UNAVAILABLE again']);
});

test('an endpoint whose reads work again while its sends fail is reported with the error of its sends', () => {
  const { endpoint, events, clock, fails } = reported();
  fails('sendTransaction', 'LEDGER__UNAVAILABLE');
  fails('getBalance', 'LEDGER__UNREACHABLE');
  endpoint.reads.succeeded('getBalance', clock.monotonic());
  expect(events).toEqual(['LEDGER__UNAVAILABLE', 'LEDGER__UNREACHABLE', 'LEDGER__UNAVAILABLE again']);
});

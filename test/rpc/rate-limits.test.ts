import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../src/lib/index.ts';
import { createRateLimiter, paceRpc } from '../../src/rpc/rate-limit.ts';
import { calm, manualClock, OUR_KEY, rpcOver, slotted, wireOf } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

const RATES = { requestsPerSecond: 10, sendsPerSecond: 4 };
const read = { method: 'getBalance', urgent: false };
const send = { method: 'sendTransaction', urgent: true };

/** A limiter whose requests are noted with the millisecond at which they went. */
function limiterOver(rates = RATES) {
  const clock = createVirtualClock();
  const limiter = createRateLimiter(rates, clock);
  const went: string[] = [];
  const ask = (what: { readonly method: string; readonly urgent: boolean }, name: string, signal = calm()): void => {
    const note = (): void => void went.push(`${name}@${Math.round(clock.monotonic())}`);
    if (limiter.admitNow(what.method)) note();
    else limiter.admit(what, signal).then(note, (reason) => void went.push(`${name}: ${reason.message}`));
  };
  return { clock, limiter, went, ask };
}

describe('an endpoint is asked no more often than its rate', () => {
  test("a second's worth goes at once, the rest at the rate", async () => {
    const { clock, went, ask } = limiterOver({ requestsPerSecond: 4, sendsPerSecond: 4 });
    for (const name of 'abcd') ask({ method: `get${name}`, urgent: false }, name);
    for (const name of 'ef') ask({ method: `get${name}`, urgent: false }, name);
    await clock.advance(1_000);
    expect(went).toEqual(['a@0', 'b@0', 'c@0', 'd@0', 'e@250', 'f@500']);
  });

  test('one method of reading takes half of the rate at most, and the others go on', async () => {
    const { clock, went, ask } = limiterOver();
    for (const name of 'abcdefg') ask(read, name);
    ask({ method: 'getEpochInfo', urgent: false }, 'other');
    await clock.advance(1_000);
    expect(went).toEqual(['a@0', 'b@0', 'c@0', 'd@0', 'e@0', 'other@0', 'f@200', 'g@400']);
  });

  test('a send overtakes the reads that wait', async () => {
    const { clock, went, ask } = limiterOver({ requestsPerSecond: 2, sendsPerSecond: 2 });
    ask({ method: 'getEpochInfo', urgent: false }, 'first');
    ask({ method: 'getBlockHeight', urgent: false }, 'second');
    ask(read, 'read');
    ask(send, 'send');
    await clock.advance(1_100);
    expect(went).toEqual(['first@0', 'second@0', 'send@500', 'read@1000']);
  });

  test('sends leave a fifth of the rate to reads, whatever they are allowed', async () => {
    const { clock, went, ask } = limiterOver({ requestsPerSecond: 10, sendsPerSecond: 100 });
    for (let n = 0; n < 40; n += 1) ask(send, 'send');
    for (let n = 0; n < 3; n += 1) ask({ method: `get${n}`, urgent: false }, 'read');
    expect(went).toEqual([...Array<string>(8).fill('send@0'), 'read@0', 'read@0']);
    await clock.advance(2_000);
    expect(went.filter((line) => line.startsWith('send'))).toHaveLength(8 + 16);
    expect(went.filter((line) => line.startsWith('read'))).toHaveLength(3);
  });

  test('who gives up leaves its place to the next, and is counted', async () => {
    const { clock, limiter, went, ask } = limiterOver({ requestsPerSecond: 2, sendsPerSecond: 1 });
    const giving = new AbortController();
    ask(read, 'a');
    ask(read, 'b', giving.signal);
    ask(read, 'c');
    giving.abort(new Error('too late'));
    await clock.advance(1_000);
    expect(went).toEqual(['a@0', 'b: too late', 'c@1000']);
    expect(limiter.counts()).toEqual({ requests: 2, delayed: 1, delayedMs: 1_000, gaveUp: 1, refused: 0, share: 1 });
  });

  test('whatever is asked and whenever, no second holds more than two seconds worth', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ gap: fc.nat(300), urgent: fc.boolean() }), { maxLength: 60 }), async (asks) => {
        const { clock, went, ask } = limiterOver();
        for (const { gap, urgent } of asks) {
          await clock.advance(gap);
          ask(urgent ? send : read, 'x');
        }
        await clock.advance(60_000);
        const times = went.map((line) => Number(line.slice(2)));
        expect(times).toHaveLength(asks.length);
        for (const from of times) expect(times.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(20);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a 429 halves the rate, and it comes back little by little', () => {
  test('the share falls by half a refusal, holds for five seconds and is whole again ten seconds later', async () => {
    const { clock, limiter } = limiterOver();
    const share = (): number => limiter.counts().share;
    limiter.refused();
    limiter.refused();
    expect(share()).toBe(0.5);
    await clock.advance(1_000);
    limiter.refused();
    expect(share()).toBe(0.25);
    await clock.advance(5_000);
    expect(share()).toBe(0.25);
    await clock.advance(5_000);
    expect(share()).toBeCloseTo(0.5);
    await clock.advance(10_000);
    expect(share()).toBe(1);
    expect(limiter.counts().refused).toBe(3);
  });

  test('refusals without end leave a trickle', async () => {
    const { clock, limiter } = limiterOver();
    for (let n = 0; n < 20; n += 1) {
      limiter.refused();
      await clock.advance(1_000);
    }
    expect(limiter.counts().share).toBe(1 / 64);
  });
});

describe('over a real connection', () => {
  let fake: FakeEndpoint;
  beforeEach(async () => {
    fake = await fakeEndpoint();
  });
  afterEach(() => fake.close());

  test('a mass flap of 190 transactions sent 10 ms apart is not slowed by the default rates', async () => {
    fake.on('sendTransaction', { error: { code: -32002, message: 'no', data: { err: 'BlockhashNotFound', logs: [] } } });
    const { rpc, clock } = rpcOver([fake.url]);
    for (let n = 0; n < 190; n += 1) {
      await rpc.sendTransaction(wireOf(n), { skipPreflight: false }, calm());
      clock.advance(10);
    }
    expect(rpc.traffic()).toEqual([{ endpoint: fake.url, requests: 190, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0, share: 1 }]);
    await rpc.close();
  });

  test.each([
    ['of HTTP', { status: 429, headers: { 'retry-after': '1' } }],
    ['of a gateway in JSON-RPC', { error: { code: -32429, message: 'slow down' } }],
  ])('a 429 %s halves what the endpoint is asked', async (_, reply) => {
    fake.on('getBalance', reply);
    const { rpc } = rpcOver([fake.url]);
    expect(await rpc.balance(OUR_KEY, calm()).catch((error) => error.code)).toBe('LEDGER__RATE_LIMITED');
    expect(rpc.traffic()).toEqual([{ endpoint: fake.url, requests: 1, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 1, share: 0.5 }]);
    await rpc.close();
  });

  test('a request that finds no room before its deadline was never made, and the endpoint is not blamed', async () => {
    const clock = createVirtualClock();
    fake.on('getBalance', slotted(5, 7));
    const { rpc, events } = rpcOver([fake.url], { clock, requestsPerSecond: 1, sendsPerSecond: 1, requestTimeoutMs: 900 });
    await rpc.balance(OUR_KEY, calm());
    const refused = await rpc.balance(OUR_KEY, calm()).catch((error) => error);
    expect(refused.code).toBe('LEDGER__BUSY');
    expect(refused.message).toBe(
      `too many requests wait for the ledger endpoint ${fake.url}: no room within its rate for 900 ms: no answer within 900 ms`,
    );
    expect(fake.methods()).toEqual(['getBalance']);
    expect(events).toEqual([]);
    await rpc.close();
  });
});

test('who waits when the connection closes is turned away, and no more wait than may', async () => {
  const answered = { call: async () => ({ kind: 'result' as const, value: 1 }), close: async () => undefined };
  const clock = createVirtualClock();
  const paced = paceRpc(answered, { rates: { requestsPerSecond: 1, sendsPerSecond: 1 }, clock, timeoutMs: 5_000, maxWaiting: 1 });
  const ask = () => paced.call({ method: 'getBalance', params: [] }, calm());
  expect(await ask()).toEqual({ kind: 'result', value: 1 });
  const waits = ask();
  expect(await ask()).toEqual({ kind: 'failed', progress: 'overflow', cause: new Error('1 wait for room within its rate') });
  await paced.close();
  expect(await waits).toMatchObject({ kind: 'failed', progress: 'queued', cause: { message: 'the connection to the ledger is closed' } });
});

test('a clock that wakes a little early does not spin', async () => {
  const clock = manualClock();
  const limiter = createRateLimiter({ requestsPerSecond: 3, sendsPerSecond: 1 }, clock);
  for (let n = 0; n < 9; n += 1) {
    if (!limiter.admitNow('getBalance')) await limiter.admit(read, calm());
  }
  expect(clock.slept.length).toBeLessThanOrEqual(9);
});

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { monotonicMs, systemClock } from '../../src/lib/index.ts';
import { RateLimitedRpc } from '../../src/rpc/endpoint.ts';
import { type JsonRpc, type RpcReply, SendAttempts } from '../../src/rpc/index.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { calm, OUR_KEY, rpcOver, slotted, wireOf } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

const RATES = { requestsPerSecond: 10, sendsPerSecond: 4 };
const READ = 'getBalance';
const SEND = 'sendTransaction';

const answering: JsonRpc = { call: async () => ({ kind: 'result', value: 1 }), close: async () => undefined };

/** Timers and the system's clock stand still but for `vi.advanceTimersByTimeAsync`. */
function holdTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], now: 0 });
  onTestFinished(() => void vi.useRealTimers());
}

/** A limiter that notes the millisecond at which each request went. */
function limited(rates = RATES) {
  const clock = { ...systemClock, monotonic: () => monotonicMs(Date.now()) };
  const went: string[] = [];
  const transport: JsonRpc = {
    async call({ params }) {
      went.push(`${params[0]}@${Date.now()}`);
      return { kind: 'result', value: 1 };
    },
    close: async () => undefined,
  };
  const rpc = new RateLimitedRpc(transport, { rates, clock, timeoutMs: 90_000, maxWaiting: 1_000 });
  const ask = (method: string, name: string, signal = calm()): void => {
    void rpc.call({ method, params: [name] }, signal).then((reply) => {
      if (reply.kind === 'failed') went.push(`${name}: ${reply.cause.message}`);
    });
  };
  return { rpc, went, ask };
}

describe('an endpoint is asked no more often than its rate', () => {
  beforeEach(holdTime);

  test("a second's worth of requests goes at once, and the rest a second later", async () => {
    const { went, ask } = limited({ requestsPerSecond: 4, sendsPerSecond: 4 });
    for (const name of 'abcdef') ask(READ, name);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(went).toEqual(['a@0', 'b@0', 'c@0', 'd@0', 'e@1000', 'f@1000']);
  });

  test('a send overtakes the reads that wait', async () => {
    const { went, ask } = limited({ requestsPerSecond: 2, sendsPerSecond: 2 });
    for (const name of ['first', 'second', 'third', 'fourth']) ask(READ, name);
    ask(SEND, 'send');
    await vi.advanceTimersByTimeAsync(2_100);
    expect(went).toEqual(['first@0', 'second@0', 'send@1000', 'third@1000', 'fourth@2000']);
  });

  test('sends have a rate of their own', async () => {
    const { went, ask } = limited({ requestsPerSecond: 100, sendsPerSecond: 2 });
    for (const name of 'abc') ask(SEND, name);
    ask(READ, 'read');
    await vi.advanceTimersByTimeAsync(1_100);
    expect(went).toEqual(['a@0', 'b@0', 'read@0', 'c@1000']);
  });

  test('sends leave a fifth of the rate to reads, whatever they are allowed', async () => {
    const { went, ask } = limited({ requestsPerSecond: 10, sendsPerSecond: 100 });
    for (let n = 0; n < 40; n += 1) ask(SEND, 'send');
    for (let n = 0; n < 3; n += 1) ask(READ, 'read');
    await vi.advanceTimersByTimeAsync(0);
    expect(went).toEqual([...Array<string>(8).fill('send@0'), 'read@0', 'read@0']);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(went.filter((line) => line.startsWith('send'))).toHaveLength(8 + 8);
    expect(went.filter((line) => line.startsWith('read'))).toHaveLength(3);
  });

  test('a request that gives up leaves its place to the next, and is counted', async () => {
    const { rpc, went, ask } = limited({ requestsPerSecond: 1, sendsPerSecond: 1 });
    const giving = new AbortController();
    ask(READ, 'a');
    ask(READ, 'b', giving.signal);
    ask(READ, 'c');
    giving.abort(new Error('too late'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(went).toEqual(['a@0', 'b: too late', 'c@1000']);
    expect(rpc.counts()).toEqual({ requests: 2, delayed: 1, delayedMs: 1_000, gaveUp: 1, refused: 0 });
  });

  test('whatever is asked and whenever, no second holds more than its rate', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ gap: fc.nat(300), send: fc.boolean() }), { maxLength: 60 }), async (asks) => {
        const { went, ask } = limited();
        for (const { gap, send } of asks) {
          await vi.advanceTimersByTimeAsync(gap);
          ask(send ? SEND : READ, send ? 'send' : 'read');
        }
        await vi.advanceTimersByTimeAsync(60_000);
        const times = (name: string): readonly number[] =>
          went.filter((line) => line.startsWith(name)).map((line) => Number(line.slice(line.indexOf('@') + 1)));
        expect(times('')).toHaveLength(asks.length);
        for (const [name, most] of [['', 10] as const, ['send', 4] as const]) {
          const all = times(name);
          for (const from of all) expect(all.filter((at) => at >= from && at < from + 1_000).length).toBeLessThanOrEqual(most);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('a mass flap of 190 transactions sent 10 ms apart is not slowed by the default rates', async () => {
    const rejected: RpcReply = { kind: 'rpc-error', code: -32002, message: 'no', data: { err: 'BlockhashNotFound', logs: [] } };
    const openTransport = (): JsonRpc => ({ ...answering, call: async () => rejected });
    const { rpc } = rpcOver(['http://a'], { openTransport });
    for (let n = 0; n < 190; n += 1) {
      await rpc.sendTransaction(new SendAttempts(wireOf(n)), { skipPreflight: false }, calm());
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(rpc.traffic()).toEqual([{ endpoint: 'http://a', requests: 190, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0 }]);
    await rpc.close();
  });
});

describe('over a real connection', () => {
  let fake: FakeEndpoint;
  beforeEach(async () => {
    fake = await fakeEndpoint();
  });
  afterEach(() => fake.close());

  test.each([
    ['of HTTP', { status: 429, headers: { 'retry-after': '1' } }],
    ['of a gateway in JSON-RPC', { error: { code: -32429, message: 'slow down' } }],
  ])('a 429 %s is counted', async (_, reply) => {
    fake.on('getBalance', reply);
    const { rpc } = rpcOver([fake.url]);
    expect(await rpc.balance(OUR_KEY, calm()).catch((error) => error.code)).toBe('LEDGER__RATE_LIMITED');
    expect(rpc.traffic()).toEqual([{ endpoint: fake.url, requests: 1, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 1 }]);
    await rpc.close();
  });

  test('a request that finds no room before its deadline was never made, and the endpoint is not blamed', async () => {
    fake.on('getBalance', slotted(5, 7));
    const { rpc, events } = rpcOver([fake.url], { requestsPerSecond: 1, sendsPerSecond: 1, requestTimeoutMs: 200 });
    await rpc.balance(OUR_KEY, calm());
    const refused = await rpc.balance(OUR_KEY, calm()).catch((error) => error);
    expect(refused.code).toBe('LEDGER__BUSY');
    expect(refused.message).toBe(`too many requests wait for the ledger endpoint ${fake.url}: no room within its rate for 200 ms`);
    expect(fake.methods()).toEqual(['getBalance']);
    expect(events).toEqual([]);
    await rpc.close();
  });
});

test('closing turns away the requests that wait, and no more wait than may', async () => {
  const rates = { requestsPerSecond: 1, sendsPerSecond: 1 };
  const rpc = new RateLimitedRpc(answering, { rates, clock: systemClock, timeoutMs: 5_000, maxWaiting: 1 });
  const ask = () => rpc.call({ method: 'getBalance', params: [] }, calm());
  expect(await ask()).toEqual({ kind: 'result', value: 1 });
  const waits = ask();
  expect(await ask()).toEqual({ kind: 'failed', progress: 'overflow', cause: new Error('1 requests wait for room within its rate') });
  await rpc.close();
  expect(await waits).toMatchObject({ kind: 'failed', progress: 'queued', cause: { message: 'the connection to the ledger is closed' } });
  expect(rpc.counts()).toMatchObject({ requests: 1, gaveUp: 2 });
});

test('without a limit nothing waits, so that a simulation runs on its own clock', async () => {
  holdTime();
  vi.setSystemTime(1_000);
  const rates = { requestsPerSecond: Number.POSITIVE_INFINITY, sendsPerSecond: Number.POSITIVE_INFINITY };
  const rpc = new RateLimitedRpc(answering, { rates, clock: createVirtualClock(), timeoutMs: 5_000, maxWaiting: 1 });
  for (let n = 0; n < 2_000; n += 1) await rpc.call({ method: SEND, params: [] }, calm());
  expect([rpc.counts().requests, rpc.counts().delayed, vi.getTimerCount()]).toEqual([2_000, 0, 0]);
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LedgerRpc, SendAttempts } from '../../src/rpc/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { calm, key, OUR_KEY, rpcOver, slotted, type TestRpc, wireOf } from './builders.ts';
import { type FakeEndpoint, type FakeMethod, type FakeReply, fakeEndpoint } from './fake-endpoint.ts';

let first: FakeEndpoint;
let second: FakeEndpoint;
let both: TestRpc;
/** Answers for the slot, with a balance that identifies the endpoint. */
const serving = (fake: FakeEndpoint, slot: number, balance: number): void => {
  fake.always(undefined).on('getBalance', slotted(slot, balance)).on('getEpochInfo', epochAt(slot));
};
const epochAt = (slot: number) => ({ result: { absoluteSlot: slot, blockHeight: slot } });

beforeEach(async () => {
  [first, second] = await Promise.all([fakeEndpoint(), fakeEndpoint()]);
  serving(first, 1000, 1);
  serving(second, 1000, 2);
  both = rpcOver([first.url, second.url]);
});
afterEach(async () => {
  await both.rpc.close();
  await Promise.all([first.close(), second.close()]);
  expect([...first.unexpected, ...second.unexpected]).toEqual([]);
});

const balance = (): Promise<bigint> => both.rpc.balance(OUR_KEY, calm());
const codeOf = async (work: Promise<unknown>): Promise<unknown> => work.then(String, (error) => error.code);
/** Asks until the endpoint of this balance serves, which a probe in the background brings about. */
const servedBy = async (expected: bigint): Promise<void> => {
  await expect.poll(balance).toBe(expected);
};

describe('reads', () => {
  test('reads go to the first endpoint of the list while it is healthy', async () => {
    expect([await balance(), await balance(), await balance()]).toEqual([1n, 1n, 1n]);
    expect(second.methods().filter((method) => method === 'getBalance')).toEqual([]);
  });

  test.each([
    ['refuses', { status: 503 }],
    ['limits', { status: 429 }],
    ['hangs', 'hang' as const],
    ['cuts the connection', 'reset' as const],
    ['sends a page', { raw: '<html>' }],
    ['sends wrong types', { result: { context: { slot: 1000 }, value: 'much' } }],
    ['does not know the method', { error: { code: -32601, message: 'no' } }],
  ])('rule 20: a read goes to the next endpoint in the same call when the first one %s', async (_, trouble) => {
    letTimersStandStill();
    first.always(trouble);
    expect(await asTimePasses(25, balance())).toBe(2n);
  });

  const refusals = [-32000, -32002, -32003, -32005, -32007, -32015, -32429, -32600, -32601, -32602, -32603, -32700].map(
    (code): [string, FakeReply] => [`the code ${code}`, { error: { code, message: 'because' } }],
  );
  const statuses = [301, 307, 308, 400, 401, 402, 403, 404, 405, 410, 413, 415, 429, 500, 502, 503, 504].map(
    (status): [string, FakeReply] => [
      `HTTP status ${status}`,
      { status, headers: status < 400 ? { location: 'https://elsewhere.example' } : {}, body: 'because' },
    ],
  );
  test.each<[string, FakeReply | FakeMethod]>([
    ...refusals,
    ...statuses,
    ['text', { raw: 'max usage reached' }],
    ['an error in text', { raw: '{"error":"because"}' }],
    ['an error without a code', { raw: '{"jsonrpc":"2.0","error":{"message":"No RPC endpoints available"}}' }],
    ['an error without an id', { raw: '{"jsonrpc":"2.0","error":{"code":-32600,"message":"because"}}' }],
    ['an error without an id under HTTP 403', { status: 403, body: '{"error":{"code":403,"message":"Access forbidden"}}' }],
    ['a message of a gateway', { status: 403, body: '{"message":"because"}' }],
  ])('rule 20: a read that the first endpoint answers with %s goes to the next one', async (_, reply) => {
    first.always(reply);
    expect(await balance()).toBe(2n);
  });

  test('rule 20: a read goes to the next endpoint when the first one answers with JSON nested five million deep', async () => {
    first.on('getBalance', { raw: '{"result":'.concat('['.repeat(5_000_000)) });
    const before = process.memoryUsage().rss;
    expect(await balance()).toBe(2n);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__TOO_LARGE`]);
  });

  const answers: Readonly<Record<string, FakeReply>> = {
    getLatestBlockhash: slotted(1000, { blockhash: key(7), lastValidBlockHeight: 1_150 }),
    getEpochInfo: epochAt(1000),
    getMultipleAccounts: slotted(1000, [null]),
    getProgramAccounts: slotted(1000, []),
    getSignatureStatuses: slotted(1000, [null]),
    simulateTransaction: slotted(1000, { err: null, logs: [] }),
    getRecentPerformanceSamples: { result: [{ numSlots: 150, samplePeriodSecs: 60 }] },
    sendTransaction: { result: new SendAttempts(wireOf()).signature },
  };
  const reads: Readonly<Record<string, (rpc: LedgerRpc, signal: AbortSignal) => Promise<unknown>>> = {
    getLatestBlockhash: (rpc, signal) => rpc.latestBlockhash(signal),
    getEpochInfo: (rpc, signal) => rpc.checkExpiry(['a'], signal),
    getMultipleAccounts: (rpc, signal) => rpc.accounts([OUR_KEY], signal),
    getProgramAccounts: (rpc, signal) => rpc.usersOfDevice(OUR_KEY, {}, signal),
    getSignatureStatuses: (rpc, signal) => rpc.signatureStatuses(['a'], signal),
    simulateTransaction: (rpc, signal) => rpc.simulateTransaction(wireOf(), signal),
    getRecentPerformanceSamples: (rpc, signal) => rpc.recentSlotTimeMs(signal),
    sendTransaction: async (rpc, signal) => {
      const outcome = await rpc.sendTransaction(new SendAttempts(wireOf()), { skipPreflight: false }, signal);
      if (outcome.kind !== 'accepted') throw outcome.kind === 'rejected' ? outcome.err : outcome.error;
    },
  };

  test.each(Object.keys(reads).flatMap((method) => [-32600, -32601].map((code) => [method, code] as const)))(
    'rule 20: %s is served by the next endpoint when the first one answers %i, and alone it quotes the answer',
    async (method, code) => {
      for (const [name, reply] of Object.entries(answers)) for (const fake of [first, second]) fake.on(name, reply);
      first.on(method, { error: { code, message: 'words of the provider' } });
      await reads[method]?.(both.rpc, calm());
      const alone = rpcOver([first.url]);
      await expect(reads[method]?.(alone.rpc, calm())).rejects.toMatchObject({
        name: 'AgentError',
        message: expect.stringContaining(`words of the provider (code ${code})`),
      });
      await alone.rpc.close();
    },
  );

  test('rule 20: a read that every endpoint refuses quotes each of them', async () => {
    first.on('getBalance', { error: { code: -32600, message: 'no such request' } });
    second.on('getBalance', { raw: '{"error":{"message":"the other way round"}}' });
    const error = await balance().catch((caught) => caught);
    expect([error.code, error.message]).toEqual([
      'LEDGER__NO_ENDPOINT',
      `no ledger endpoint could answer: the ledger endpoint ${first.url} rejects getBalance: no such request (code -32600); ` +
        `the ledger endpoint ${second.url} failed at getBalance: the other way round (no code)`,
    ]);
    expect(both.events).toEqual([]);
  });

  test('rule 20: an endpoint that deprioritizes a read is paused, and the read goes to the next one', async () => {
    const message = 'Request deprioritized due to number of accounts requested. Slow down requests or add filters to narrow down results';
    first.always({ error: { code: -32600, message } });
    expect([await balance(), await balance(), await balance()]).toEqual([2n, 2n, 2n]);
    expect(first.methods().filter((method) => method === 'getBalance').length).toBe(1);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__RATE_LIMITED`]);
  });

  test('a read that no endpoint can serve fails with every problem in one line', async () => {
    first.always({ status: 503 });
    second.always({ status: 429 });
    const error = await balance().catch((caught) => caught);
    expect([error.code, error.class, error.message]).toEqual([
      'LEDGER__NO_ENDPOINT',
      'retry-later',
      `no ledger endpoint could answer: the ledger endpoint ${first.url} cannot serve getBalance: HTTP status 503; ` +
        `the ledger endpoint ${second.url} rate-limits our requests: HTTP status 429`,
    ]);
  });

  test('a read that no endpoint has the slot for may be retried at once', async () => {
    for (const fake of [first, second])
      fake.on('getBalance', { error: { code: -32016, message: 'Minimum context slot has not been reached' } });
    expect(await balance().catch((error) => [error.code, error.class])).toEqual(['LEDGER__NOT_YET', 'retry-now']);
    expect(both.events).toEqual([]);
  });
});

describe('failing endpoints', () => {
  test('a failing endpoint is quarantined, reported once, probed, and used again', async () => {
    first.always({ status: 503 });
    expect([await balance(), await balance(), await balance()]).toEqual([2n, 2n, 2n]);
    expect(first.calls.length).toBeLessThanOrEqual(2); // the read that failed, and the first probe of a standby
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__UNAVAILABLE`]);

    const before = first.calls.length;
    both.clock.advance(600);
    expect(await balance()).toBe(2n);
    await expect.poll(() => first.calls.length).toBe(before + 1);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__UNAVAILABLE`]);

    serving(first, 1000, 1);
    both.clock.advance(1_100);
    await servedBy(1n);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__UNAVAILABLE`, `back ${first.url}`]);
  });

  test('an endpoint that asks for a pause gets it, even when it is the only one left', async () => {
    const alone = rpcOver([first.url]);
    first.on('getBalance', { status: 429, headers: { 'retry-after': '20' } });
    expect(await codeOf(alone.rpc.balance(OUR_KEY, calm()))).toBe('LEDGER__RATE_LIMITED');
    serving(first, 1000, 1);
    alone.clock.advance(19_000);
    expect(await codeOf(alone.rpc.balance(OUR_KEY, calm()))).toBe('LEDGER__RATE_LIMITED');
    expect(first.calls.length).toBe(1);
    alone.clock.advance(1_000);
    expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(1n);
    expect(alone.events).toEqual([`lost ${first.url}: LEDGER__RATE_LIMITED`, `back ${first.url}`]);
    await alone.rpc.close();
  });

  test('rule 20: a single endpoint that rate-limits without naming a pause is asked ever less, but every five seconds', async () => {
    const alone = rpcOver([first.url]);
    first.on('getBalance', { error: { code: -32007, message: '50/second request limit reached - reduce calls per second' } });
    for (let step = 0; step < 600; step++) {
      alone.clock.advance(100);
      expect(await codeOf(alone.rpc.balance(OUR_KEY, calm()))).toBe('LEDGER__RATE_LIMITED');
    }
    expect(first.calls.length).toBeGreaterThan(12);
    expect(first.calls.length).toBeLessThan(20);
    await alone.rpc.close();
  });

  test('a single endpoint is retried after a quarter of a second, however long it has been failing', async () => {
    const alone = rpcOver([first.url]);
    first.on('getBalance', { status: 503 });
    for (let second = 0; second < 120; second++) {
      alone.clock.advance(1_000);
      expect(await codeOf(alone.rpc.balance(OUR_KEY, calm()))).toBe('LEDGER__UNAVAILABLE');
    }
    expect(first.calls.length).toBe(120);
    serving(first, 1000, 1);
    alone.clock.advance(250);
    expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(1n);
    expect(alone.events).toEqual([`lost ${first.url}: LEDGER__UNAVAILABLE`, `back ${first.url}`]);
    await alone.rpc.close();
  });

  test('a quarantined endpoint is asked again in the call in which the last healthy one fails', async () => {
    first.always({ status: 503 });
    await balance();
    serving(first, 1000, 1);
    second.always({ status: 503 });
    both.clock.advance(300);
    expect(await balance()).toBe(1n);
  });

  test('rule 20: an endpoint that holds a call until its deadline is named in the error', async () => {
    const hurried = rpcOver([first.url, second.url], { requestTimeoutMs: 1_000, callTimeoutMs: 80 });
    first.always('hang');
    const error = await hurried.rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
    expect([error.code, error.message]).toEqual([
      'LEDGER__TIMEOUT',
      `the ledger endpoint ${first.url} did not answer getBalance: no answer within 80 ms`,
    ]);
    await hurried.rpc.close();
  });
});

describe('endpoints that refuse requests', () => {
  test.each([-32600, -32052])(
    'rule 20: an expired key under the code %i is denied access, so that the remedy names the key',
    async (code) => {
      const alone = rpcOver([first.url]);
      first.always({ error: { code, message: 'Unauthorized: your key has expired' } });
      const error = await alone.rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
      expect([error.code, error.remedy]).toEqual(['LEDGER__ACCESS_DENIED', expect.stringContaining('the plan at the provider')]);
      await alone.rpc.close();
    },
  );

  test('rule 20: the remedy for an unsupported method fits every method', async () => {
    const alone = rpcOver([first.url]);
    first.always({ error: { code: -32601, message: 'no' } });
    const error = await alone.rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
    expect(error.remedy).toMatch(/^use an endpoint that serves the method/);
    await alone.rpc.close();
  });

  test.each([-32600, -32601, -32007])(
    'rule 20: an endpoint that answers every method with %i is reported lost, and back once it serves',
    async (code) => {
      const alone = rpcOver([first.url]);
      first.always({ error: { code, message: 'not here' } });
      await codeOf(alone.rpc.balance(OUR_KEY, calm()));
      await expect.poll(() => alone.events).toEqual([expect.stringMatching(`^lost ${first.url}: LEDGER__`)]);
      serving(first, 1000, 1);
      alone.clock.advance(1_000);
      expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(1n);
      expect(alone.events.slice(1)).toEqual([`back ${first.url}`]);
      await alone.rpc.close();
    },
  );

  test('rule 20: an endpoint that refuses one method and serves its slot stays healthy', async () => {
    first.on('getBalance', { error: { code: -32601, message: 'not here' } });
    expect(await balance()).toBe(2n);
    await expect.poll(() => first.methods()).toContain('getEpochInfo');
    expect([await balance(), both.events]).toEqual([2n, []]);
  });
});

describe('endpoints that fail at one method only', () => {
  test('an endpoint that fails at one method is reported lost once, however often probes succeed', async () => {
    first.on('getBalance', { status: 503 });
    for (let minute = 0; minute < 10; minute++) {
      both.clock.advance(60_000);
      expect(await balance()).toBe(2n);
    }
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__UNAVAILABLE`]);
  });
});

describe('endpoints that refuse transactions only', () => {
  const send = (rpc: LedgerRpc, byte: number) => rpc.sendTransaction(new SendAttempts(wireOf(byte)), { skipPreflight: true }, calm());

  test('rule 20: an endpoint that rate-limits sends is still read from, reported lost once, and back once a send works', async () => {
    const alone = rpcOver([first.url]);
    const refusal = { error: { code: -32429, message: 'rate limit exceeded' } };
    first.on('sendTransaction', refusal);
    for (let round = 1; round <= 20; round++) {
      expect(await send(alone.rpc, round)).toMatchObject({ kind: 'not-sent', error: { code: 'LEDGER__RATE_LIMITED' } });
      expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(1n);
      alone.clock.advance(1_000);
    }
    expect(alone.events).toEqual([`lost ${first.url}: LEDGER__RATE_LIMITED`]);
    alone.clock.advance(30_000);
    first.on('sendTransaction', { result: new SendAttempts(wireOf(21)).signature });
    expect(await send(alone.rpc, 21)).toEqual({ kind: 'accepted' });
    expect(alone.events).toEqual([`lost ${first.url}: LEDGER__RATE_LIMITED`, `back ${first.url}`]);
    await alone.rpc.close();
  });

  test('rule 20: reads do not cut short the pause of sends that an endpoint asks for', async () => {
    first.on('sendTransaction', { status: 429, headers: { 'retry-after': '20' } });
    second.on('sendTransaction', { result: new SendAttempts(wireOf(9)).signature });
    for (let round = 0; round < 19; round++) {
      expect(await send(both.rpc, 9)).toEqual({ kind: 'accepted' });
      expect(await balance()).toBe(1n);
      both.clock.advance(1_000);
    }
    expect(first.methods().filter((method) => method === 'sendTransaction').length).toBe(1);
  });

  test('rule 20: a read that no endpoint serves does not quote a refused send', async () => {
    const alone = rpcOver([first.url]);
    first.on('sendTransaction', { status: 429 }).on('getBalance', { status: 503 });
    await send(alone.rpc, 9);
    for (let round = 0; round < 2; round++) {
      await expect(alone.rpc.balance(OUR_KEY, calm())).rejects.toMatchObject({ code: 'LEDGER__UNAVAILABLE' });
    }
    await alone.rpc.close();
  });
});

describe('lagging endpoints', () => {
  test('a lagging endpoint is found by comparison with the standby, quarantined, and used again when it has caught up', async () => {
    serving(second, 1051, 2);
    await balance();
    await expect.poll(() => second.methods()).toContain('getEpochInfo');
    await servedBy(2n);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__LAGGING`]);

    serving(first, 1040, 1);
    both.clock.advance(1_000);
    await servedBy(1n);
    expect(both.events).toEqual([`lost ${first.url}: LEDGER__LAGGING`, `back ${first.url}`]);
  });

  test('an endpoint lags when it is more than fifty slots behind', async () => {
    serving(second, 1050, 2);
    await balance();
    await expect.poll(() => second.methods()).toContain('getEpochInfo');
    expect([await balance(), await balance()]).toEqual([1n, 1n]);
    expect(both.events).toEqual([]);
  });

  test('a lagging endpoint is used when no other is left', async () => {
    serving(second, 2000, 2);
    await balance();
    await servedBy(2n);
    second.always({ status: 503 });
    both.clock.advance(300);
    expect(await balance()).toBe(1n);
  });

  test('rule 20: a lagging endpoint serves the read that the other one refuses', async () => {
    serving(second, 2000, 2);
    await balance();
    await servedBy(2n);
    second.on('getBalance', { status: 413 });
    both.clock.advance(300);
    expect(await balance()).toBe(1n);
  });

  test('a single endpoint does not lag after a rollback', async () => {
    const alone = rpcOver([first.url]);
    expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(1n);
    serving(first, 10, 3);
    expect(await alone.rpc.balance(OUR_KEY, calm())).toBe(3n);
    expect(alone.events).toEqual([]);
    await alone.rpc.close();
  });
});

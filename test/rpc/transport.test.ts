import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeError, type ErrorCode } from '../../src/lib/index.ts';
import { asTimePasses, letTimersStandStill } from '../support/passing-time.ts';
import { calm, OUR_KEY, rpcOver, slotted, type TestRpc } from './builders.ts';
import { closedPort, type FakeEndpoint, type FakeMethod, type FakeReply, fakeEndpoint } from './fake-endpoint.ts';

let fake: FakeEndpoint;
let test1: TestRpc;
beforeEach(async () => {
  fake = await fakeEndpoint();
  test1 = rpcOver([`${fake.url}/secret-token`], { requestTimeoutMs: 2_000 });
});
afterEach(async () => {
  await test1.rpc.close();
  await fake.close();
  expect(fake.unexpected).toEqual([]);
});

const balance = (): Promise<bigint> => test1.rpc.balance(OUR_KEY, calm());
/** A caught error as its code, class and line. */
const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => ({ value }),
    (error) => ({ code: error.code, class: error.class, message: error.message.replaceAll(/:\d+/g, ':PORT') }),
  );
const said = (code: ErrorCode, errorClass: string, message: string) => ({ code, class: errorClass, message });
const raw =
  (text: (id: number) => string): FakeMethod =>
  ({ id }) => ({ raw: text(id) });

describe('each failure is one typed error with one clear line and no secret', () => {
  test.each<[string, FakeReply | FakeMethod, object]>([
    [
      '429',
      { status: 429 },
      said('LEDGER__RATE_LIMITED', 'retry-later', 'the ledger endpoint http://127.0.0.1:PORT/… rate-limits our requests: HTTP status 429'),
    ],
    [
      '503',
      { status: 503, body: 'upstream down' },
      said(
        'LEDGER__UNAVAILABLE',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… cannot serve getBalance: HTTP status 503: upstream down',
      ),
    ],
    [
      '502 with a page',
      { status: 502, body: '<html>' },
      said('LEDGER__UNAVAILABLE', 'retry-later', 'the ledger endpoint http://127.0.0.1:PORT/… cannot serve getBalance: HTTP status 502'),
    ],
    [
      '403',
      { status: 403 },
      said('LEDGER__ACCESS_DENIED', 'retry-later', 'the ledger endpoint http://127.0.0.1:PORT/… denies access: HTTP status 403'),
    ],
    [
      'a redirect',
      { status: 302, headers: { location: 'http://elsewhere/secret-token' } },
      said(
        'LEDGER__ACCESS_DENIED',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… denies access: HTTP status 302, a redirect to http://elsewhere…, which the agent does not follow',
      ),
    ],
    [
      'an HTML page',
      { raw: '<!doctype html><p>login' },
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: an HTML page',
      ),
    ],
    [
      'a page with a title',
      { status: 403, body: '<html><head><title>Blocked by\n policy</title></head><p>login' },
      said(
        'LEDGER__ACCESS_DENIED',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… denies access: HTTP status 403: Blocked by policy',
      ),
    ],
    [
      'plain text',
      { raw: 'no backend for /secret-token' },
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: 28 bytes of invalid or cut JSON: no backend for …',
      ),
    ],
    [
      'JSON-RPC under HTTP status 403',
      { status: 403, body: '{"jsonrpc":"2.0","error":{"code":403,"message":"Access forbidden"},"id":null}' },
      said(
        'LEDGER__ACCESS_DENIED',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… denies access: Access forbidden (code 403, HTTP status 403)',
      ),
    ],
    [
      'cut JSON',
      raw((id) => `{"jsonrpc":"2.0","id":${id},"res`),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: 28 bytes of invalid or cut JSON',
      ),
    ],
    [
      'nothing at all',
      { raw: '' },
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: 0 bytes of invalid or cut JSON',
      ),
    ],
    [
      'the id of another request',
      raw((id) => `{"jsonrpc":"2.0","id":${id + 1},"result":{"context":{"slot":1},"value":5}}`),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: the response to another request',
      ),
    ],
    [
      'the id as text',
      raw((id) => `{"jsonrpc":"2.0","id":"${id}","result":{"context":{"slot":1},"value":5}}`),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: the response to another request',
      ),
    ],
    [
      'a list',
      { raw: '[]' },
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: JSON that is not a JSON-RPC 2.0 response',
      ),
    ],
    [
      'neither result nor error',
      raw((id) => `{"jsonrpc":"2.0","id":${id}}`),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: neither a result nor an error',
      ),
    ],
    [
      'a value of a wrong type',
      slotted(1, '5'),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: the balance is a string, not a whole number',
      ),
    ],
    [
      'a value that JSON cannot carry',
      slotted(1, 2 ** 60),
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: the balance is 1152921504606847000, not a whole number',
      ),
    ],
    [
      'no context',
      { result: 5 },
      said(
        'LEDGER__BAD_ANSWER',
        'retry-later',
        'malformed response to getBalance from the ledger endpoint http://127.0.0.1:PORT/…: the result is 5, not an object',
      ),
    ],
    [
      'a node that is behind',
      { error: { code: -32005, message: 'Node is behind by 42 slots' } },
      said(
        'LEDGER__UNAVAILABLE',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… cannot serve getBalance: Node is behind by 42 slots (code -32005)',
      ),
    ],
    [
      'minContextSlot not reached',
      { error: { code: -32016, message: 'Minimum context slot has not been reached' } },
      said(
        'LEDGER__NOT_YET',
        'retry-now',
        'the ledger endpoint http://127.0.0.1:PORT/… has not reached the slot that getBalance needs: Minimum context slot has not been reached (code -32016)',
      ),
    ],
    [
      'a method that is not there',
      { error: { code: -32601, message: 'Method not found' } },
      said(
        'LEDGER__UNSUPPORTED',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… does not serve getBalance: Method not found (code -32601)',
      ),
    ],
    [
      'a limit in JSON-RPC',
      { error: { code: -32429, message: 'slow down, /secret-token' } },
      said(
        'LEDGER__RATE_LIMITED',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… rate-limits our requests: slow down, … (code -32429)',
      ),
    ],
    [
      'an unknown code',
      { error: { code: -32099, message: 'what\nnow' } },
      said('LEDGER__NODE_ERROR', 'retry-later', 'the ledger endpoint http://127.0.0.1:PORT/… failed at getBalance: what now (code -32099)'),
    ],
    [
      'a hanging answer',
      'hang',
      said(
        'LEDGER__TIMEOUT',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… did not answer getBalance: no answer within 2000 ms',
      ),
    ],
    [
      'a connection cut twice',
      'reset',
      said('LEDGER__UNREACHABLE', 'retry-later', 'the ledger endpoint http://127.0.0.1:PORT/… cannot be reached: read ECONNRESET'),
    ],
  ])('the error for %s', async (_, reply, expected) => {
    letTimersStandStill();
    fake.always(reply);
    expect(await asTimePasses(25, failure(balance()))).toEqual(expected);
  });

  test('the error for a refused connection', async () => {
    const other = rpcOver([`${await closedPort()}/secret-token`]);
    expect(await failure(other.rpc.balance(OUR_KEY, calm()))).toEqual(
      said(
        'LEDGER__UNREACHABLE',
        'retry-later',
        'the ledger endpoint http://127.0.0.1:PORT/… cannot be reached: connect ECONNREFUSED 127.0.0.1:PORT',
      ),
    );
    await other.rpc.close();
  });

  test('the error for a name that does not resolve', async () => {
    const other = rpcOver(['http://ledger.invalid/secret-token']);
    const { code, message } = await other.rpc.balance(OUR_KEY, calm()).catch((error) => error);
    expect(code).toBe('LEDGER__UNREACHABLE');
    expect(message).not.toContain('secret-token');
    await other.rpc.close();
  });

  test('rule 20: a server that accepts and never answers is a timeout', async () => {
    const silent = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const other = rpcOver([`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`], { requestTimeoutMs: 50 });
    expect((await other.rpc.balance(OUR_KEY, calm()).catch((error) => error)).code).toBe('LEDGER__TIMEOUT');
    await other.rpc.close();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('an answer with too many bytes, packed or not, or with too many values is too large', async () => {
    const other = rpcOver([fake.url], { maxResponseBytes: 1_000 });
    fake.on('getBalance', { raw: 'x'.repeat(5_000) });
    const tooLong = said(
      'LEDGER__TOO_LARGE',
      'retry-later',
      'the response to getBalance from the ledger endpoint http://127.0.0.1:PORT exceeds what this program reads: more than 1000 bytes',
    );
    expect(await failure(other.rpc.balance(OUR_KEY, calm()))).toEqual(tooLong);
    fake.on('getBalance', { gzipped: 'x'.repeat(500_000) });
    other.clock.advance(60_000);
    expect(await failure(other.rpc.balance(OUR_KEY, calm()))).toEqual({
      ...tooLong,
      message:
        'the response to getBalance from the ledger endpoint http://127.0.0.1:PORT exceeds what this program reads: a gzip body that cannot be unpacked (Cannot create a Buffer larger than 1000 bytes)',
    });
    fake.on('getBalance', { result: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[5]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] });
    other.clock.advance(60_000);
    expect(await failure(other.rpc.balance(OUR_KEY, calm()))).toMatchObject({
      code: 'LEDGER__TOO_LARGE',
      message: expect.stringMatching(/: JSON nested deeper than 32 levels$/),
    });
    await other.rpc.close();
  });
});

describe('connections', () => {
  test('a keep-alive connection that dies before a byte of the answer costs one more request and no error', async () => {
    let cuts = 1;
    fake.on('getBalance', () => (fake.calls.length > 1 && cuts-- > 0 ? 'reset' : slotted(1, 5)));
    expect([await balance(), await balance()]).toEqual([5n, 5n]);
    expect(fake.methods()).toEqual(['getBalance', 'getBalance', 'getBalance']);
    expect(test1.events).toEqual([]);
  });

  test('200 calls at once share eight sockets', async () => {
    fake.on('getBalance', slotted(1, 5));
    const other = rpcOver([fake.url]);
    const signal = calm();
    const answers = await Promise.all(Array.from({ length: 200 }, () => other.rpc.balance(OUR_KEY, signal)));
    expect(new Set(answers)).toEqual(new Set([5n]));
    expect(fake.sockets.made).toBeLessThanOrEqual(8);
    await other.rpc.close();
  });

  test('200 calls to a hanging endpoint never hold more than eight sockets, and close ends them all', async () => {
    letTimersStandStill();
    fake.always('hang');
    const signal = calm();
    const calls = Promise.allSettled(Array.from({ length: 200 }, () => test1.rpc.balance(OUR_KEY, signal)));
    await expect.poll(() => fake.calls.length).toBe(8);
    const answers = await asTimePasses(100, calls);
    expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    expect(fake.sockets.mostOpen).toBeLessThanOrEqual(8);
    await test1.rpc.close();
    await expect.poll(() => fake.sockets.open).toBe(0);
  });

  test('a gzip answer is unpacked', async () => {
    fake.on('getBalance', { gzipped: { context: { slot: 1 }, value: 5 } });
    expect(await balance()).toBe(5n);
    expect(fake.calls[0]?.request.headers['accept-encoding']).toBe('gzip');
  });

  test('the path and the password of the URL are part of the request', async () => {
    fake.on('getBalance', slotted(1, 5));
    const other = rpcOver([fake.url.replace('http://', 'http://me:pass@').concat('/v2/token?x=1')]);
    await other.rpc.balance(OUR_KEY, calm());
    const { url, headers } = fake.calls[0]?.request ?? {};
    expect([url, headers?.authorization]).toEqual(['/v2/token?x=1', `Basic ${btoa('me:pass')}`]);
    await other.rpc.close();
  });
});

describe('ending', () => {
  test('an aborted signal ends the call at once with its own reason, and is not held against the endpoint', async () => {
    fake.always('hang');
    const abort = new AbortController();
    const other = rpcOver([fake.url]);
    const pending = other.rpc.balance(OUR_KEY, abort.signal);
    await expect.poll(() => fake.calls.length).toBe(1);
    const reason = new Error('SIGTERM');
    abort.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(other.events).toEqual([]);
    await expect(other.rpc.balance(OUR_KEY, abort.signal)).rejects.toBe(reason);
    await other.rpc.close();
  });

  test('close ends running and waiting calls, may be called again, and leaves nothing usable', async () => {
    fake.always('hang');
    const other = rpcOver([fake.url], { requestTimeoutMs: 15_000 });
    const signal = calm();
    const ending = () => other.rpc.balance(OUR_KEY, signal).catch(describeError);
    const pending = Array.from({ length: 20 }, ending);
    await expect.poll(() => fake.calls.length).toBe(8);
    await Promise.all([other.rpc.close(), other.rpc.close()]);
    await other.rpc.close();
    expect(new Set(await Promise.all(pending))).toEqual(new Set(['the connection to the ledger is closed']));
    expect(await ending()).toBe('the connection to the ledger is closed');
    expect(other.events).toEqual([]);
  });
});

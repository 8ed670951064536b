import { describe, expect, test } from 'vitest';
import { DeadlineExceeded } from '../../src/lib/index.ts';
import { toEndpointError } from '../../src/rpc/endpoint.ts';
import { parseEndpointUrl, type RpcReply } from '../../src/rpc/transport.ts';

const URL = parseEndpointUrl('https://rpc.example.com/token-of-ours');

/** code, class, and whether the endpoint is quarantined. */
function verdictOf(reply: Exclude<RpcReply, { kind: 'result' }>): string {
  const { error, options } = toEndpointError(reply, URL, 'aMethod');
  return [error.code.replace('LEDGER__', ''), error.class, options.quarantine ? 'aside' : 'stays'].join(' ');
}

describe('the code and class of a failure, and its consequence for the endpoint', () => {
  test.each([
    [-32002, 'REQUEST_REFUSED retry-later stays'],
    [-32003, 'REQUEST_REFUSED retry-later stays'],
    [-32004, 'NOT_YET retry-now stays'],
    [-32005, 'UNAVAILABLE retry-later aside'],
    [-32007, 'NODE_ERROR retry-later stays'],
    [-32009, 'NODE_ERROR retry-later stays'],
    [-32010, 'UNSUPPORTED retry-later stays'],
    [-32011, 'UNSUPPORTED retry-later stays'],
    [-32014, 'NOT_YET retry-now stays'],
    [-32015, 'REQUEST_REFUSED retry-later stays'],
    [-32016, 'NOT_YET retry-now stays'],
    [-32429, 'RATE_LIMITED retry-later aside'],
    [-32600, 'REQUEST_REFUSED retry-later stays'],
    [-32601, 'UNSUPPORTED retry-later stays'],
    [-32602, 'REQUEST_REFUSED retry-later stays'],
    [-32603, 'NODE_ERROR retry-later stays'],
    [-32700, 'REQUEST_REFUSED retry-later stays'],
    [-32000, 'NODE_ERROR retry-later stays'],
    [7429, 'RATE_LIMITED retry-later aside'],
    [401, 'ACCESS_DENIED retry-later aside'],
    [403, 'ACCESS_DENIED retry-later aside'],
    [410, 'UNSUPPORTED retry-later stays'],
    [429, 'RATE_LIMITED retry-later aside'],
    [503, 'UNAVAILABLE retry-later aside'],
    [undefined, 'NODE_ERROR retry-later stays'],
  ])('JSON-RPC code %s means %s', (code, expected) => {
    expect(verdictOf({ kind: 'rpc-error', code, message: 'because', data: undefined })).toBe(expected);
  });

  test.each([
    [301, 'ACCESS_DENIED retry-later aside'],
    [400, 'ACCESS_DENIED retry-later aside'],
    [401, 'ACCESS_DENIED retry-later aside'],
    [403, 'ACCESS_DENIED retry-later aside'],
    [402, 'ACCESS_DENIED retry-later aside'],
    [404, 'ACCESS_DENIED retry-later aside'],
    [408, 'UNAVAILABLE retry-later aside'],
    [410, 'UNSUPPORTED retry-later stays'],
    [413, 'REQUEST_REFUSED retry-later stays'],
    [429, 'RATE_LIMITED retry-later aside'],
    [499, 'UNAVAILABLE retry-later aside'],
    [500, 'UNAVAILABLE retry-later aside'],
    [503, 'UNAVAILABLE retry-later aside'],
    [504, 'UNAVAILABLE retry-later aside'],
  ])('HTTP status %i means %s', (status, expected) => {
    expect(verdictOf({ kind: 'http-error', status })).toBe(expected);
  });

  test.each<[string, Exclude<RpcReply, { kind: 'result' }>]>([
    ...(
      [
        [-32007, '50/second request limit reached - reduce calls per second or upgrade your account at the provider'],
        [-32005, "You've exceeded the RPS limit available on the current plan"],
        [-32600, 'Request deprioritized due to number of accounts requested. Slow down requests or add filters to narrow down results'],
        [-32000, 'Your app has exceeded its compute units per second capacity'],
        [-32603, 'Too many requests from your IP'],
        [-32002, 'max usage reached'],
        [undefined, 'rate limited'],
      ] as const
    ).map(([code, message]): [string, Exclude<RpcReply, { kind: 'result' }>] => [
      `code ${code}: ${message}`,
      { kind: 'rpc-error', code, message },
    ]),
    ['a code with HTTP status 429', { kind: 'rpc-error', code: -32600, message: 'no', status: 429 }],
    ['a text with HTTP status 200', { kind: 'garbled', problem: '17 bytes', status: 200, text: 'max usage reached' }],
    ['a text with HTTP status 403', { kind: 'http-error', status: 403, text: 'Connection rate limits exceeded' }],
    ['a Retry-After with HTTP status 403', { kind: 'http-error', status: 403, retryAfterMs: 5_000 }],
    ['a Retry-After with a code', { kind: 'rpc-error', code: -32600, message: 'no', status: 200, retryAfterMs: 5_000 }],
  ])('rule 20: a rate limit is known by %s', (_, reply) => {
    expect(verdictOf(reply)).toBe('RATE_LIMITED retry-later aside');
  });

  test.each([
    ['a program', -32002, 'Transaction simulation failed: custom program error', { err: 'x', logs: ['Program log: rate limit reached'] }],
    ['a simulation', -32002, 'Transaction simulation failed: exceeded the limit of compute units', undefined],
    ['invalid parameters', -32602, 'Too many inputs provided; max 100', undefined],
  ])('the words of %s are no rate limit', (_, code, message, data) => {
    expect(verdictOf({ kind: 'rpc-error', code, message, data })).toBe('REQUEST_REFUSED retry-later stays');
  });

  const cause = new Error('gone');
  test.each<[string, Exclude<RpcReply, { kind: 'result' }>, string]>([
    ['an answer that is none', { kind: 'garbled', problem: 'a page' }, 'BAD_ANSWER retry-later aside'],
    ['a connection that was never made', { kind: 'failed', progress: 'waiting', cause }, 'UNREACHABLE retry-later aside'],
    ['a connection lost after the request', { kind: 'failed', progress: 'offered', cause }, 'UNREACHABLE retry-later aside'],
    ['a connection lost in the answer', { kind: 'failed', progress: 'answering', cause }, 'UNREACHABLE retry-later aside'],
    ['no connection in time', { kind: 'failed', progress: 'waiting', cause: new DeadlineExceeded(5) }, 'TIMEOUT retry-later aside'],
    ['no answer in time', { kind: 'failed', progress: 'offered', cause: new DeadlineExceeded(5) }, 'TIMEOUT retry-later aside'],
    ['no free connection in time', { kind: 'failed', progress: 'queued', cause: new DeadlineExceeded(5) }, 'BUSY retry-later stays'],
    ['a full queue', { kind: 'failed', progress: 'overflow', cause }, 'BUSY retry-later stays'],
  ])('the verdict on %s', (_, reply, expected) => {
    expect(verdictOf(reply)).toBe(expected);
  });
});

test('the message is one short line without the secrets of the URL, and names both attempts to connect', () => {
  const cause = new AggregateError([new Error('connect ECONNREFUSED ::1:8899'), new Error('connect ECONNREFUSED 127.0.0.1:8899')]);
  expect(toEndpointError({ kind: 'failed', progress: 'waiting', cause }, URL, 'aMethod').message).toBe(
    'the ledger endpoint https://rpc.example.com/… cannot be reached: connect ECONNREFUSED ::1:8899; connect ECONNREFUSED 127.0.0.1:8899',
  );
  const long = toEndpointError(
    { kind: 'rpc-error', code: -32603, message: `at /token-of-ours\n${'x'.repeat(1_000)}`, data: undefined },
    URL,
    'aMethod',
  ).message;
  expect(long.slice(0, 80)).toBe('the ledger endpoint https://rpc.example.com/… failed at aMethod: at … xxxxxxxxxx');
  expect(long.length).toBeLessThan(400);
});

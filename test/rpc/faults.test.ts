import { describe, expect, test } from 'vitest';
import { DeadlineExceeded } from '../../src/lib/index.ts';
import { toEndpointError } from '../../src/rpc/endpoint.ts';
import { parseEndpointUrl, type RpcReply } from '../../src/rpc/transport.ts';

const URL = parseEndpointUrl('https://rpc.example.com/token-of-ours');

/** code, class, and the three verdicts as a word each. */
function verdictOf(reply: Exclude<RpcReply, { kind: 'result' }>): string {
  const { error, verdict } = toEndpointError(reply, URL, 'aMethod');
  const words = [verdict.quarantine ? 'aside' : 'stays', verdict.tryNext ? 'next' : 'stop', verdict.mayHaveActed ? 'maybe' : 'never'];
  return [error.code.replace('LEDGER__', ''), error.class, ...words].join(' ');
}

describe('the code and class of a failure, and its consequences for the endpoint, the call and a transaction', () => {
  test.each([
    [-32002, 'REQUEST_REFUSED retry-later stays stop never'],
    [-32003, 'REQUEST_REFUSED retry-later stays stop never'],
    [-32004, 'NOT_YET retry-now stays next never'],
    [-32005, 'UNAVAILABLE retry-later aside next never'],
    [-32007, 'NODE_ERROR retry-later stays next never'],
    [-32009, 'NODE_ERROR retry-later stays next never'],
    [-32010, 'UNSUPPORTED retry-later stays next never'],
    [-32011, 'UNSUPPORTED retry-later stays next never'],
    [-32014, 'NOT_YET retry-now stays next never'],
    [-32015, 'REQUEST_REFUSED retry-later stays stop never'],
    [-32016, 'NOT_YET retry-now stays next never'],
    [-32429, 'RATE_LIMITED retry-later aside next never'],
    [-32600, 'REQUEST_REFUSED retry-later stays stop never'],
    [-32601, 'UNSUPPORTED retry-later stays next never'],
    [-32602, 'REQUEST_REFUSED retry-later stays next never'],
    [-32603, 'NODE_ERROR retry-later stays next maybe'],
    [-32700, 'REQUEST_REFUSED retry-later stays next never'],
    [-32000, 'NODE_ERROR retry-later stays next maybe'],
    [429, 'RATE_LIMITED retry-later aside next never'],
    [503, 'UNAVAILABLE retry-later aside next maybe'],
  ])('JSON-RPC code %i means %s', (code, expected) => {
    expect(verdictOf({ kind: 'rpc-error', code, message: 'because', data: undefined })).toBe(expected);
  });

  test.each([
    [301, 'ACCESS_DENIED retry-later aside next never'],
    [400, 'ACCESS_DENIED retry-later aside next never'],
    [401, 'ACCESS_DENIED retry-later aside next never'],
    [403, 'ACCESS_DENIED retry-later aside next never'],
    [404, 'ACCESS_DENIED retry-later aside next never'],
    [408, 'UNAVAILABLE retry-later aside next maybe'],
    [413, 'REQUEST_REFUSED retry-later stays stop never'],
    [429, 'RATE_LIMITED retry-later aside next never'],
    [500, 'UNAVAILABLE retry-later aside next maybe'],
    [503, 'UNAVAILABLE retry-later aside next maybe'],
    [504, 'UNAVAILABLE retry-later aside next maybe'],
  ])('HTTP status %i means %s', (status, expected) => {
    expect(verdictOf({ kind: 'http-error', status })).toBe(expected);
  });

  const cause = new Error('gone');
  test.each<[string, Exclude<RpcReply, { kind: 'result' }>, string]>([
    ['an answer that is none', { kind: 'garbled', problem: 'a page' }, 'BAD_ANSWER retry-later aside next maybe'],
    ['a connection that was never made', { kind: 'failed', progress: 'waiting', cause }, 'UNREACHABLE retry-later aside next never'],
    ['a connection lost after the request', { kind: 'failed', progress: 'offered', cause }, 'UNREACHABLE retry-later aside next maybe'],
    ['a connection lost in the answer', { kind: 'failed', progress: 'answering', cause }, 'UNREACHABLE retry-later aside next maybe'],
    [
      'no connection in time',
      { kind: 'failed', progress: 'waiting', cause: new DeadlineExceeded(5) },
      'TIMEOUT retry-later aside next never',
    ],
    ['no answer in time', { kind: 'failed', progress: 'offered', cause: new DeadlineExceeded(5) }, 'TIMEOUT retry-later aside next maybe'],
    [
      'no free connection in time',
      { kind: 'failed', progress: 'queued', cause: new DeadlineExceeded(5) },
      'BUSY retry-later stays next never',
    ],
    ['a full queue', { kind: 'failed', progress: 'overflow', cause }, 'BUSY retry-later stays next never'],
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

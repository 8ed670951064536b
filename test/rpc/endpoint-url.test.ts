import { describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../src/lib/http.ts';
import { epochMs } from '../../src/lib/index.ts';
import { parseEndpointUrl, parseEndpointUrls } from '../../src/rpc/transport.ts';

describe('RPC URLs', () => {
  test('an RPC URL shows only scheme, host and port', () => {
    const names = [
      'https://rpc.example.com/db336024-e7a8-46b1',
      'https://rpc.example.com:8443/?api-key=topsecret',
      'http://someone:hunter2@localhost:8899',
      'http://localhost:8899/',
    ].map((url) => parseEndpointUrl(url).name);
    expect(names).toEqual([
      'https://rpc.example.com/…',
      'https://rpc.example.com:8443/…',
      'http://localhost:8899/…',
      'http://localhost:8899',
    ]);
  });

  test('an RPC URL keeps its path and query for the request, and its password for the Authorization header', () => {
    const { origin, path, authorization } = parseEndpointUrl('https://someone:p%40ss@rpc.example.com/v2/KEY?x=1');
    expect({ origin, path, authorization }).toEqual({
      origin: 'https://rpc.example.com',
      path: '/v2/KEY?x=1',
      authorization: `Basic ${Buffer.from('someone:p@ss').toString('base64')}`,
    });
  });

  test('an RPC URL may have a percent sign in its password that encodes nothing', () => {
    const { authorization } = parseEndpointUrl('https://someone:100%@rpc.example.com');
    expect(authorization).toBe(`Basic ${Buffer.from('someone:100%').toString('base64')}`);
  });

  test('an RPC URL redacts its secrets in any text', () => {
    const url = parseEndpointUrl('https://someone:p%40ss@rpc.example.com/v2/db336024-e7a8?api-key=topsecret');
    const text = 'no route /v2/db336024-e7a8?api-key=topsecret for someone:p@ss or p%40ss; key db336024-e7a8, topsecret';
    expect(url.redact(text)).toBe('no route …?… for …:… or …; key …, …');
  });

  test('an invalid RPC URL is refused without being repeated', () => {
    expect(() => parseEndpointUrl('ftp://secret.example.com')).toThrow(new TypeError('an RPC URL starts with http:// or https://'));
    expect(() => parseEndpointUrl('secret')).toThrow(new TypeError('an RPC URL starts with http:// or https://'));
    expect(() => parseEndpointUrls([])).toThrow(new TypeError('at least one RPC URL is needed'));
  });

  test('RPC URLs of the same host are distinguished by their place', () => {
    const urls = ['https://a.example.com/one-token', 'https://b.example.com/', 'https://a.example.com/two-token'];
    expect(parseEndpointUrls(urls).map(({ name }) => name)).toEqual([
      'https://a.example.com/… #1',
      'https://b.example.com',
      'https://a.example.com/… #3',
    ]);
  });
});

describe('Retry-After', () => {
  const now = epochMs(Date.parse('2026-01-01T00:00:00Z'));
  test.each([
    ['7', undefined, 7_000],
    ['0', undefined, 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', undefined, 30_000],
    ['Thu, 01 Jan 2026 01:00:30 GMT', 'Thu, 01 Jan 2026 01:00:00 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', undefined, 0],
    ['soon', undefined, undefined],
    ['-1', undefined, undefined],
    [undefined, undefined, undefined],
  ])('Retry-After %s (answered at %s) is a pause of %s ms', (value, date, expected) => {
    expect(retryAfterMs(value, date, now)).toBe(expected);
  });
});

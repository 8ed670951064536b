import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readUploadTarget } from '../../src/snapshots/state-ingest.ts';

const https = new URL('https://ingest.example');
const http = new URL('http://127.0.0.1:8080');
const answer = (url: string, headers: unknown = {}, method = 'PUT') => ({ status: 'ok', s3_key: 'k', upload: { method, url, headers } });

test('an upload URL is https, or of the server’s own scheme', () => {
  expect(readUploadTarget(answer('https://bucket.example/k?X=1'), http)).toEqual({
    url: new URL('https://bucket.example/k?X=1'),
    headers: { 'content-type': 'application/json' },
  });
  expect(readUploadTarget(answer('http://bucket.example/k'), http)).toMatchObject({ url: new URL('http://bucket.example/k') });
  expect(readUploadTarget(answer('http://bucket.example/k'), https)).toBe('its upload URL has the scheme http://');
});

test('upload headers are used, except those of the connection', () => {
  const headers = {
    'Content-Type': ['text/plain'],
    'X-Amz-Meta': ['a', 'b'],
    Host: ['elsewhere'],
    'Content-Length': ['1'],
    Connection: ['close'],
  };
  expect(readUploadTarget(answer('https://bucket.example/k', headers), https)).toMatchObject({
    headers: { 'content-type': 'text/plain', 'x-amz-meta': 'a, b' },
  });
});

test.for([
  ['a line break', { a: ['b\r\nc: d'] }, 'one of its headers is invalid'],
  ['a space in its name', { 'a b': ['c'] }, 'one of its headers is invalid'],
  ['a number', { a: [1] }, 'one of its headers is invalid'],
  ['no list', { a: 'b' }, 'one of its headers is invalid'],
  ['a list for all', [], 'its headers are not an object'],
  ['a hundred names', Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`a${n}`, ['b']])), 'it has too many headers'],
  ['ten kilobytes', { a: ['b'.repeat(10_000)] }, 'it has too many headers'],
] as const)('upload headers with %s are refused', ([, headers, problem]) => {
  expect(readUploadTarget(answer('https://bucket.example/k', headers), https)).toBe(problem);
});

test('any other answer is an upload target or a problem', () => {
  const url = fc.oneof(fc.webUrl(), fc.string(), fc.jsonValue());
  const upload = fc.record({ method: fc.constantFrom('PUT', 'POST', 1), url, headers: fc.jsonValue() }, { requiredKeys: [] });
  const answers = fc.oneof(fc.jsonValue(), fc.record({ status: fc.constantFrom('ok', 'no'), upload: fc.oneof(upload, fc.jsonValue()) }));
  fc.assert(
    fc.property(answers, (given) => {
      const target = readUploadTarget(given, https);
      expect(typeof target === 'string' || target.url.protocol === 'https:').toBe(true);
    }),
  );
});

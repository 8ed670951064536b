import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { fetchRpc } from '../../src/serviceability/index.ts';
import { decodeBase64 } from '../../src/serviceability/units.ts';

const never = new AbortController().signal;

async function serverOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a request is JSON-RPC over POST, and its result is given back', async () => {
  const url = await serverOf((request, response) => {
    request.toArray().then((parts) => {
      const body: unknown = JSON.parse(Buffer.concat(parts).toString());
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: [request.method, request.headers['content-type'], body] }));
    });
  });
  expect(await fetchRpc(url)('getSlot', ['confirmed'], never)).toEqual([
    'POST',
    'application/json',
    { jsonrpc: '2.0', id: 1, method: 'getSlot', params: ['confirmed'] },
  ]);
});

test.each([
  ['an HTTP error', 429, '', 'RPC__HTTP', 'getSlot returned HTTP status 429'],
  ['an error of JSON-RPC', 200, '{"error":{"code":-32005,"message":"behind"}}', 'RPC__ERROR', 'getSlot returned error -32005: behind'],
  ['a page', 200, '<html>', 'RPC__BAD_ANSWER', 'malformed response to getSlot: not JSON'],
  ['another object', 200, '{"id":1}', 'RPC__BAD_ANSWER', 'malformed response to getSlot: no result'],
  ['too much', 200, ' '.repeat(2_000), 'RPC__BAD_ANSWER', 'malformed response to getSlot: longer than 1000 bytes'],
  ['a nest of lists', 200, `{"result":${'['.repeat(40)}`, 'RPC__BAD_ANSWER', 'malformed response to getSlot: nested deeper than 32 levels'],
])('%s is an error with a code', async (_, status, body, code, message) => {
  const url = await serverOf((_request, response) => response.writeHead(status).end(body));
  await expect(fetchRpc(url, { maxBytes: 1_000 })('getSlot', [], never)).rejects.toMatchObject({ code, message });
});

test('a response of more values than all users have is refused before it is parsed', async () => {
  const url = await serverOf((_, response) => response.end(`{"result":[${'0,'.repeat(1_000_001)}0]}`));
  await expect(fetchRpc(url)('getSlot', [], never)).rejects.toThrow('malformed response to getSlot: more than 1000000 values');
});

test('texts may hold any number of brackets, commas and escapes', async () => {
  const result = { text: '[{"\\",'.repeat(40), last: '\\' };
  const url = await serverOf((_, response) => response.end(JSON.stringify({ result })));
  expect(await fetchRpc(url)('getSlot', [], never)).toEqual(result);
});

test('characters are whole, wherever the chunks of a response end', async () => {
  const url = await serverOf(async (_, response) => {
    for (const byte of Buffer.from(`{"result":"${'é中🙂'.repeat(20)}"}`)) {
      response.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    response.end();
  });
  expect(await fetchRpc(url)('getSlot', [], never)).toBe('é中🙂'.repeat(20));
});

test('a node that never answers is given up at the deadline', async () => {
  const url = await serverOf(() => undefined);
  await expect(fetchRpc(url, { timeoutMs: 30 })('getSlot', [], never)).rejects.toMatchObject({ code: 'RPC__TIMEOUT' });
});

test('an aborted request ends with the reason of its signal', async () => {
  const url = await serverOf(() => undefined);
  const stop = new AbortController();
  const pending = fetchRpc(url)('getSlot', [], stop.signal);
  stop.abort(new Error('enough'));
  await expect(pending).rejects.toThrow('enough');
  await expect(fetchRpc(url)('getSlot', [], stop.signal)).rejects.toThrow('enough');
});

test('base64 is read as it was written, and nothing else is read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(bytes);
    }),
  );
  for (const text of ['A', 'AA', 'AAA', 'A===', '====', 'AB==', 'AAB=', 'AA=A', 'A A=', 'AA_-', 'ÄÄÄÄ', '\u{1F600}AA']) {
    expect([text, decodeBase64(text)]).toEqual([text, undefined]);
  }
});

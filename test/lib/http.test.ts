import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { HttpClient, type HttpClientOptions, HttpError } from '../../src/lib/http.ts';
import { withDeadline } from '../../src/lib/index.ts';

/** A server that answers by `listener`, and a client with its origin. */
async function served(listener: RequestListener, options: Partial<HttpClientOptions> = {}) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = new HttpClient({ connections: 2, keepAliveMs: 1_000, maxBodyBytes: 1_000, ...options });
  onTestFinished(async () => {
    await http.close();
    server.closeAllConnections();
    server.close();
  });
  return { http, origin, ask: { method: 'POST', origin, path: '/a?b=c', body: 'hello' } as const };
}

const never = new AbortController().signal;
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error) => (error instanceof HttpError ? [error.problem, error.progress, error.message] : error));

test('a reply comes with its status, its headers and its unpacked body, and the bytes on the wire are counted', async () => {
  const bytes: string[] = [];
  const packed = gzipSync('x'.repeat(500));
  const { http, ask } = await served(
    (request, response) => {
      response.writeHead(201, { 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'], 'x-path': request.url }).end(packed);
    },
    { onBytes: (direction, count) => bytes.push(`${direction} ${count}`) },
  );
  const reply = await http.send(ask, never);
  expect([reply.status, reply.header('x-path'), reply.header('none'), reply.headers('set-cookie')]).toEqual([
    201,
    '/a?b=c',
    undefined,
    ['a=1', 'b=2'],
  ]);
  expect(reply.body.toString()).toBe('x'.repeat(500));
  expect(bytes).toEqual(['sent 5', `received ${packed.length}`]);
});

test.each(['gzip', 'GZIP', 'GZip ', 'x-gzip'])('a body of content-encoding %s is unpacked', async (encoding) => {
  const { http, ask } = await served(
    (_, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(gzipSync('hello')),
  );
  expect((await http.send(ask, never)).body.toString()).toBe('hello');
});

test('an error names the encoding of a body that the agent did not request; plain text with a wrong encoding header is read', async () => {
  const packed = deflateSync('hello');
  const bodies: [string, Buffer][] = [
    ['deflate', packed],
    ['gzip, gzip', gzipSync(gzipSync('hello'))],
    ['UTF-8', Buffer.from('1 € = 1')],
    ['identity', Buffer.from('hello')],
  ];
  const { http, ask } = await served((_, response) => {
    const [encoding, body] = bodies.shift() ?? [];
    response.writeHead(200, { 'content-encoding': encoding }).end(body);
  });
  const problem = (encoding: string) => [
    'malformed',
    'answering',
    `a body with content encoding “${encoding}”, which the agent did not request`,
  ];
  expect(await errorOf(http.send(ask, never))).toEqual(problem('deflate'));
  expect(await errorOf(http.send(ask, never))).toEqual(problem('gzip, gzip'));
  expect((await http.send(ask, never)).body.toString()).toBe('1 € = 1');
  expect((await http.send(ask, never)).body.toString()).toBe('hello');
});

test('an error status keeps its meaning when its body cannot be unpacked', async () => {
  const bodies: [string, Buffer][] = [
    ['gzip', Buffer.from('no backend')],
    ['gzip', gzipSync('no backend').subarray(0, 15)],
    ['br', deflateSync('no backend')],
  ];
  const { http, ask } = await served((_, response) => {
    const [encoding, body] = bodies.shift() ?? [];
    response.writeHead(502, { 'content-encoding': encoding }).end(body);
  });
  const replies = [await http.send(ask, never), await http.send(ask, never), await http.send(ask, never)];
  expect(replies.map(({ status, body }) => [status, body.toString()])).toEqual([
    [502, 'no backend'],
    [502, ''],
    [502, ''],
  ]);
});

test('a body beyond its bound is an error, packed or unpacked, and so is one that does not unpack', async () => {
  const bodies: [Record<string, string>, Buffer][] = [
    [{}, Buffer.alloc(1_001)],
    [{ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(1_001))],
    [{ 'content-encoding': 'gzip' }, Buffer.from('no gzip')],
  ];
  const { http, ask } = await served((_, response) => {
    const [headers, body] = bodies.shift() ?? [];
    response.writeHead(200, headers).end(body);
  });
  expect(await errorOf(http.send(ask, never))).toEqual(['too-large', 'answering', 'more than 1000 bytes']);
  expect(await errorOf(http.send(ask, never))).toMatchObject(['too-large', 'answering', {}]);
  expect(await errorOf(http.send(ask, never))).toMatchObject(['malformed', 'answering', {}]);
});

test.each([
  ['interim responses', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ['an extension of a chunk', 'x', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;'],
])('%s without an end are an error before the deadline', async (_, more, start) => {
  function* endless() {
    yield start;
    while (true) yield more.repeat(10_000);
  }
  const server = createSocketServer((socket) => Readable.from(endless()).pipe(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = new HttpClient({ connections: 2, keepAliveMs: 1_000, maxBodyBytes: 1_000 });
  onTestFinished(async () => {
    await http.close();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const failed = await errorOf(http.send({ method: 'GET', origin, path: '/' }, never));
  expect(failed).toMatchObject(['connection', expect.any(String), 'an answer of more than 1054576 bytes']);
});

test('each answer on a connection has its own bound', async () => {
  const { http, ask } = await served((_, response) => void response.end(Buffer.alloc(1_000)), { connections: 1 });
  for (let time = 0; time < 1_200; time += 1) expect((await http.send(ask, never)).body.length).toBe(1_000);
});

test('a connection that dies before a byte of the reply costs one more request; the second death is an error', async () => {
  let cuts = 1;
  let requests = 0;
  const { http, ask } = await served((request, response) => {
    requests += 1;
    if (cuts-- > 0) request.socket.resetAndDestroy();
    else response.end('ok');
  });
  expect((await http.send(ask, never)).body.toString()).toBe('ok');
  cuts = 2;
  expect(await errorOf(http.send(ask, never))).toMatchObject(['connection', 'offered', {}]);
  expect(requests).toBe(4);
});

test('a refused connection never offered the request', async () => {
  const { http, ask } = await served(() => undefined);
  expect(await errorOf(http.send({ ...ask, origin: 'http://127.0.0.1:1' }, never))).toEqual([
    'connection',
    'waiting',
    'connect ECONNREFUSED 127.0.0.1:1',
  ]);
});

test('rule 20: a deadline ends a request that hangs, with the reason of the signal', async () => {
  const { http, ask } = await served(() => undefined);
  let error: unknown;
  const hanging = withDeadline(50, never, (inner) =>
    http.send(ask, inner).catch((caught) => {
      error = caught;
      throw caught;
    }),
  );
  expect(await hanging.catch((caught) => caught.message)).toBe('no answer within 50 ms');
  expect(error).toMatchObject({ problem: 'aborted', progress: 'offered', cause: { ms: 50 } });
});

test('closing ends what is under way; retiring lets it end', async () => {
  let answer: (() => void) | undefined;
  const listener: RequestListener = (_, response) => {
    answer = () => void response.end('late');
  };
  const retired = await served(listener);
  const late = retired.http.send(retired.ask, never);
  await expect.poll(() => answer).toBeDefined();
  const retiring = retired.http.retire();
  answer?.();
  expect((await late).body.toString()).toBe('late');
  await retiring;
  expect(await errorOf(retired.http.send(retired.ask, never))).toMatchObject(['connection', 'waiting', {}]);

  let arrived = false;
  const closed = await served(() => {
    arrived = true;
  });
  const ended = errorOf(closed.http.send(closed.ask, never));
  await expect.poll(() => arrived).toBe(true);
  await closed.http.close(new Error('stopping'));
  expect(await ended).toEqual(['connection', 'offered', 'stopping']);
});

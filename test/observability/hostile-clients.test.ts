import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';
import { createStatusServer, type StatusServerOptions } from '../../src/observability/http/index.ts';
import { createStatusBoard } from '../../src/observability/index.ts';
import { DEVICE } from '../support/bgp-builders.ts';

type Headers = Readonly<Record<string, string>>;

async function serve(atEnd: (stop: () => Promise<void>) => void, options: Partial<StatusServerOptions> = {}) {
  const board = createStatusBoard({
    version: '1.2.3',
    device: DEVICE,
    publisher: undefined,
    dryRun: false,
    sources: [],
    endpoints: [],
    clock: systemClock,
  });
  let reloads = 0;
  const server = createStatusServer({
    host: '127.0.0.1',
    port: 0,
    board,
    metrics: { text: async () => 'metrics', contentType: 'text/plain' },
    page: () => '<p>page</p>',
    staleAfterMs: 30_000,
    reload: async () => {
      reloads += 1;
      return { successful: true, message: 'reloaded' };
    },
    ...options,
  });
  const port = await server.start();
  atEnd(() => server.stop());
  /** Status code and body; the headers are sent as they are, Host too. */
  const ask = (method: string, path: string, headers: Headers = {}) =>
    new Promise<{ readonly code: number | undefined; readonly headers: Readonly<Record<string, unknown>> }>((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
        response.resume().on('end', () => resolve({ code: response.statusCode, headers: response.headers }));
      });
      request.on('error', reject).end();
    });
  /** Sends raw bytes, and resolves to the complete response when the server closes the connection. */
  const sendRaw = (bytes: string) =>
    new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => undefined).on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
    });
  return { port, ask, sendRaw, reloads: () => reloads };
}

describe('admission of reads', () => {
  test('a server on loopback refuses a Host that is not a loopback name (DNS rebinding)', async ({ onTestFinished }) => {
    const { ask } = await serve(onTestFinished);
    const codes = async (host: string) => [(await ask('GET', '/status', { host })).code, (await ask('POST', '/-/reload', { host })).code];
    expect(await codes('evil.example:50100')).toEqual([421, 421]);
    expect(await codes('127.0.0.1.evil.example')).toEqual([421, 421]);
    for (const host of ['localhost:50100', '127.0.0.1', '127.9.9.9:1', '[::1]:50100', 'LOCALHOST'])
      expect(await codes(host)).toEqual([200, 200]);
    expect((await ask('GET', '/-/healthy', { host: 'evil.example' })).code).toBe(200);
  });

  test('a server on every address accepts any Host', async ({ onTestFinished }) => {
    const { ask } = await serve(onTestFinished, { host: '0.0.0.0' });
    expect((await ask('GET', '/status', { host: 'switch.example:50100' })).code).toBe(200);
  });

  test('the token is accepted as bearer token or as Basic password, and in no other form', async ({ onTestFinished }) => {
    const { ask } = await serve(onTestFinished, { token: 'open sesame' });
    const code = async (authorization: string) => (await ask('GET', '/status', { authorization })).code;
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(
      await Promise.all(['Bearer open sesame', 'bearer open sesame', basic('any:open sesame'), basic(':open sesame')].map(code)),
    ).toEqual([200, 200, 200, 200]);
    const wrong = [
      '',
      'Bearer',
      'Bearer open',
      'Bearer open sesame!',
      'Digest open sesame',
      basic('open sesame'),
      basic('open sesame:'),
      'open sesame',
    ];
    expect(await Promise.all(wrong.map(code))).toEqual(wrong.map(() => 401));
    expect((await ask('GET', '/status')).headers['www-authenticate']).toBe('Bearer, Basic realm="dzd-telemetry"');
  });
});

describe('admission of reloads', () => {
  test('a local program and the page itself may reload, a web page of another origin may not', async ({ onTestFinished }) => {
    const { ask, port, reloads } = await serve(onTestFinished);
    const code = async (headers: Headers) => (await ask('POST', '/-/reload', headers)).code;
    expect([
      await code({}),
      await code({ origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }),
      await code({ origin: 'https://evil.example' }),
      await code({ origin: 'null' }),
      await code({ 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' }),
      await code({ 'sec-fetch-site': 'same-site' }),
    ]).toEqual([200, 200, 403, 403, 403, 403]);
    expect(reloads()).toBe(2);
  });

  test('a token that the browser remembers does not admit a request of another origin', async ({ onTestFinished }) => {
    const { ask, reloads } = await serve(onTestFinished, { token: 'sesame' });
    const authorization = `Basic ${Buffer.from('me:sesame').toString('base64')}`;
    expect((await ask('POST', '/-/reload', { authorization, origin: 'https://evil.example' })).code).toBe(403);
    expect((await ask('POST', '/-/reload', { authorization })).code).toBe(200);
    expect(reloads()).toBe(1);
  });

  test('a server on every address refuses reloads of a rebound web page', async ({ onTestFinished }) => {
    const { ask, port, reloads } = await serve(onTestFinished, { host: '0.0.0.0' });
    const code = async (headers: Headers) => (await ask('POST', '/-/reload', headers)).code;
    expect([
      await code({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` }),
      await code({ host: `evil.example:${port}` }),
      await code({ host: `localhost:${port}`, origin: `http://localhost:${port}` }),
    ]).toEqual([403, 403, 200]);
    expect(reloads()).toBe(1);
  });

  test('only POST reloads', async ({ onTestFinished }) => {
    const { ask, reloads } = await serve(onTestFinished);
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) expect((await ask(method, '/-/reload')).code).toBe(405);
    expect(reloads()).toBe(0);
  });
});

describe('malformed requests', () => {
  test.for<[string, string]>([
    ['an endless request line', `GET /${'a'.repeat(200_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['endless headers', `GET / HTTP/1.1\r\nHost: localhost\r\n${'X: y\r\n'.repeat(50_000)}\r\n`],
    ['bytes that are not HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n'],
    ['two lengths', 'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello'],
    [
      'a length and chunks',
      'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a header in two lines', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b: c\r\nno colon\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s: the connection is closed and nothing is reloaded', async ([, bytes], { onTestFinished }) => {
    const { sendRaw, ask, reloads } = await serve(onTestFinished, { requestTimeoutMs: 500 });
    expect(await sendRaw(bytes)).not.toContain('200 OK');
    expect([reloads(), (await ask('GET', '/-/healthy')).code]).toEqual([0, 200]);
  });

  test('a request body is refused unread', async ({ onTestFinished }) => {
    const { sendRaw, reloads } = await serve(onTestFinished);
    const lengthy = 'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n';
    const chunked = 'POST /-/reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
    for (const bytes of [lengthy, chunked]) expect(await sendRaw(bytes)).toMatch(/^HTTP\/1\.1 413 /);
    expect(reloads()).toBe(0);
  });

  test('pipelined requests on one connection are each answered', async ({ onTestFinished }) => {
    const { sendRaw } = await serve(onTestFinished);
    const get = 'GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const last = get.replace(/\r\n$/, 'Connection: close\r\n\r\n');
    const received = await sendRaw(`${get.repeat(19)}${last}`);
    expect(received.match(/HTTP\/1\.1 200 OK/g)?.length).toBe(20);
  });

  test.each([
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/debug/users/..%2f..%2fetc',
    '/status/users/..%2f..%2fetc',
    '/runbooks/..%2f..%2fetc',
    '/status?state=%2e%2e%2fetc',
    '/status?q=1&page=99999999999999999999',
    '/%zz',
    '//etc',
    '/\\evil.example/status',
    'http://evil.example/status',
    '*',
  ])('the path %s is not found or malformed', async (path) => {
    const stops: (() => Promise<void>)[] = [];
    const { sendRaw } = await serve((stop) => stops.push(stop));
    const received = await sendRaw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 40[04] /);
    for (const stop of stops) await stop();
  });
});

describe('idle and slow clients', () => {
  test('a thousand idle connections are bounded and lock no client out', { timeout: 30_000 }, async ({ onTestFinished }) => {
    const { port, ask } = await serve(onTestFinished);
    let open = 0;
    const idle: Socket[] = [];
    for (let number = 0; number < 1_000; number += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      idle.push(socket.resume());
      await new Promise((resolve) => socket.once('connect', resolve));
      open += 1;
      socket.once('close', () => (open -= 1));
    }
    const codes = await Promise.all(['/-/healthy', '/status', '/metrics'].map(async (path) => (await ask('GET', path)).code));
    expect(codes).toEqual([200, 200, 200]);
    expect(open).toBeLessThanOrEqual(64);
    for (const socket of idle) socket.destroy();
  });

  test('a connection in use is not the one that is closed', async ({ onTestFinished }) => {
    const { port } = await serve(onTestFinished);
    const kept = connect(port, '127.0.0.1').on('error', () => undefined);
    let received = '';
    kept.on('data', (chunk) => (received += chunk.toString()));
    const ask = async (): Promise<void> => {
      const before = received.length;
      kept.write('GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n');
      while (received.length === before) await new Promise((resolve) => setImmediate(resolve));
    };
    const idle: Socket[] = [];
    for (let round = 0; round < 4; round += 1) {
      await ask();
      for (let number = 0; number < 40; number += 1) {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        await new Promise((resolve) => socket.once('connect', resolve));
        idle.push(socket.resume());
      }
    }
    await ask();
    expect(received.match(/200 OK/g)?.length).toBe(5);
    for (const socket of [kept, ...idle]) socket.destroy();
  });

  test('a client that does not read its response is disconnected', async ({ onTestFinished }) => {
    let asked = false;
    const page = () => {
      asked = true;
      return 'x'.repeat(50_000_000);
    };
    const { port } = await serve(onTestFinished, { answerTimeoutMs: 200, page });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.pause();
    socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await expect.poll(() => asked).toBe(true);
    await systemClock.sleep(1_000);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length)).resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toBeLessThan(50_000_000);
  });

  test('a client that reads its response byte by byte is disconnected', async ({ onTestFinished }) => {
    const { port } = await serve(onTestFinished, { answerTimeoutMs: 500, page: () => 'x'.repeat(50_000_000) });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.pause();
    socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let received = 0;
    const drip = setInterval(() => (received += (socket.read() ?? '').length), 50);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(received).toBeLessThan(50_000_000);
  });

  test('a second request on a connection waits until the answer to the first has left', async ({ onTestFinished }) => {
    let release = (): void => undefined;
    let asked = 0;
    const reload = () =>
      new Promise<{ successful: boolean; message: string }>((resolve) => {
        asked += 1;
        release = () => resolve({ successful: true, message: 'reloaded' });
      });
    const { port, ask } = await serve(onTestFinished, { reload });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.write('POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3));
    await expect.poll(() => asked).toBe(1);
    expect((await ask('GET', '/-/healthy')).code).toBe(200);
    expect([asked, received]).toEqual([1, '']);
    for (let time = 2; time <= 3; time += 1) {
      release();
      await expect.poll(() => asked).toBe(time);
    }
    release();
    await expect.poll(() => received.match(/200 OK/g)?.length).toBe(3);
    socket.destroy();
  });

  test('answers that are not read are bounded in all, and the next client gets 503', async ({ onTestFinished }) => {
    const { port, ask } = await serve(onTestFinished, { page: () => 'x'.repeat(9_000_000) });
    const sockets = Array.from({ length: 3 }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => undefined)
        .pause(),
    );
    const answers: Promise<unknown>[] = [];
    for (const [at, socket] of sockets.entries()) {
      // Each asks for another page, so that none is shared.
      socket.write(`GET /status?q=${at} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      answers.push(systemClock.sleep(300));
    }
    await Promise.all(answers);
    expect([(await ask('GET', '/status')).code, (await ask('GET', '/-/healthy')).code]).toEqual([503, 200]);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await ask('GET', '/status')).code).toBe(200);
  });

  test('concurrent requests for the log share one rendering', async ({ onTestFinished }) => {
    let built = 0;
    const log = () => {
      built += 1;
      return 'x'.repeat(1_000_000);
    };
    const { sendRaw } = await serve(onTestFinished, { log });
    const get = (number: number) => `GET /debug/log?${number} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const answers = await Promise.all(Array.from({ length: 30 }, (_, number) => sendRaw(get(number))));
    expect([answers.every((answer) => answer.startsWith('HTTP/1.1 200')), built < 30]).toEqual([true, true]);
  });

  test('a reload may take longer than the request timeout', async ({ onTestFinished }) => {
    const reload = () => systemClock.sleep(1_200).then(() => ({ successful: true, message: 'reloaded' }));
    const { ask } = await serve(onTestFinished, { requestTimeoutMs: 500, reload });
    expect((await ask('POST', '/-/reload')).code).toBe(200);
  });

  test('a client that sends its request byte by byte is disconnected', async ({ onTestFinished }) => {
    const { port } = await serve(onTestFinished, { requestTimeoutMs: 200 });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    const drip = setInterval(() => socket.write('X'), 20);
    socket.write('GET / HTTP/1.1\r\nHost: ');
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
  });
});

import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { HttpClient } from '../../src/lib/http.ts';
import { systemClock } from '../../src/lib/index.ts';
import { SendAttempts } from '../../src/rpc/index.ts';
import { calm, OUR_KEY, rpcOver, slotted, wireOf } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

let fake: FakeEndpoint;
beforeEach(async () => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']) vi.stubEnv(name, '');
  fake = await fakeEndpoint();
  fake.on('getBalance', slotted(1, 5));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fake.close();
});

/** A proxy that answers CONNECT with this status, and connects everything to the fake endpoint. */
async function proxy(status = 200): Promise<{ readonly address: string; readonly targets: (string | undefined)[] }> {
  const targets: (string | undefined)[] = [];
  const server = createServer((_, response) => response.writeHead(500).end());
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    targets.push(request.url);
    client.on('error', () => undefined);
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const upstream = connect(Number(new URL(fake.url).port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => undefined);
    onTestFinished(() => void upstream.destroy());
    onTestFinished(() => void client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, targets };
}

function balanceAt(url: string): Promise<bigint> {
  const { rpc } = rpcOver([url], { requestTimeoutMs: 2_000 });
  onTestFinished(() => rpc.close());
  return rpc.balance(OUR_KEY, calm());
}

test.each(['HTTP_PROXY', 'http_proxy'])('the ledger is reached through the proxy that %s names', async (name) => {
  const { address, targets } = await proxy();
  vi.stubEnv(name, `http://${address}`);
  expect(await balanceAt('http://ledger.example:8899')).toBe(5n);
  expect(targets).toEqual(['ledger.example:8899']);
});

test('a proxy may be named without a scheme', async () => {
  const { address } = await proxy();
  vi.stubEnv('HTTP_PROXY', address);
  expect(await balanceAt('http://ledger.example')).toBe(5n);
});

test('an https endpoint asks HTTPS_PROXY for a tunnel, and an http endpoint does not', async () => {
  const { address, targets } = await proxy(403);
  vi.stubEnv('HTTPS_PROXY', `http://${address}`);
  await expect(balanceAt('https://ledger.example')).rejects.toMatchObject({
    code: 'LEDGER__UNREACHABLE',
    message: expect.stringContaining('Proxy response (403)'),
  });
  expect(await balanceAt(fake.url)).toBe(5n);
  expect(targets).toEqual(['ledger.example:443']);
});

test('a proxy that cannot be reached is named with its variable, without its password', async () => {
  vi.stubEnv('HTTP_PROXY', 'http://user:hunter22@127.0.0.1:9');
  const error = await balanceAt('http://ledger.example').catch((caught) => caught);
  expect([error.code, error.message]).toEqual([
    'LEDGER__UNREACHABLE',
    expect.stringContaining('through the proxy 127.0.0.1:9 of HTTP_PROXY: connect ECONNREFUSED'),
  ]);
  expect(error.message).not.toContain('hunter22');
  expect(error.remedy).toContain('proxy');
});

test.each([
  ['takes the connection and answers nothing', (_: Socket) => undefined],
  ['answers CONNECT and nothing more', (socket: Socket) => void socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n'))],
])('a proxy that %s is named', async (_, behave) => {
  const server = createTcpServer((socket) => {
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${port}`);
  const { rpc } = rpcOver(['http://ledger.example'], { requestTimeoutMs: 200, clock: systemClock });
  onTestFinished(() => rpc.close());
  const error = await rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
  expect([error.code, error.message]).toEqual([
    'LEDGER__TIMEOUT',
    expect.stringContaining(`did not answer getBalance: through the proxy 127.0.0.1:${port} of HTTP_PROXY: `),
  ]);
  expect(error.remedy).toContain('proxy');
});

test('an endless answer through a proxy is an error before the deadline', async () => {
  function* endless() {
    yield 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;';
    while (true) yield 'x'.repeat(10_000);
  }
  const server = createTcpServer((socket) => {
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.once('data', () => Readable.from(endless()).pipe(socket));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const http = new HttpClient({ connections: 2, keepAliveMs: 1_000, maxBodyBytes: 1_000, useProxy: true });
  onTestFinished(async () => {
    await http.close();
    server.close();
  });
  const asked = http.send({ method: 'GET', origin: 'http://ledger.example', path: '/' }, AbortSignal.timeout(20_000));
  await expect(asked).rejects.toMatchObject({ problem: 'connection', message: 'an answer of more than 1054576 bytes' });
});

test('a proxy is not named for an endpoint of NO_PROXY', async () => {
  vi.stubEnv('HTTP_PROXY', 'socks5://127.0.0.1:9');
  vi.stubEnv('NO_PROXY', 'ledger.example');
  const { rpc } = rpcOver(['http://ledger.example:9'], { resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
  onTestFinished(() => rpc.close());
  const error = await rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
  expect(error.message).toMatch(/cannot be reached: connect ECONNREFUSED/);
});

test('a SOCKS proxy is refused by name', async () => {
  vi.stubEnv('HTTPS_PROXY', 'socks5://user:hunter22@127.0.0.1:9');
  const error = await balanceAt('https://ledger.example').catch((caught) => caught);
  expect(error.message).toContain('HTTPS_PROXY names a proxy of another kind (socks5) than http or https');
  expect(error.message).not.toContain('hunter22');
});

test.each(['http://user:hunter22@:1', 'http://127.0.0.1:99999', 'http://a b', 'hunter22:::'])(
  'a proxy that cannot be read is refused by the name of its variable: %s',
  async (written) => {
    vi.stubEnv('HTTPS_PROXY', written);
    const error = await balanceAt('https://ledger.example').catch((caught) => caught);
    expect(error.message).toContain('cannot be reached: HTTPS_PROXY cannot be read as the URL of a proxy');
    expect(error.message).not.toContain('hunter22');
  },
);

test.each(['ledger.example', '.example', '*'])('NO_PROXY=%s keeps the ledger off the proxy', async (names) => {
  const { address, targets } = await proxy();
  vi.stubEnv('HTTP_PROXY', `http://${address}`);
  vi.stubEnv('NO_PROXY', names);
  const { rpc } = rpcOver([`http://ledger.example:${new URL(fake.url).port}`], {
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  expect(await rpc.balance(OUR_KEY, calm())).toBe(5n);
  expect(targets).toEqual([]);
  await rpc.close();
});

test.each(['::ffff:7f00:1', '[::ffff:7f00:1]', 'other.example, ::ffff:7f00:1'])(
  'NO_PROXY=%s keeps an IPv6 address off the proxy',
  async (names) => {
    const { address, targets } = await proxy();
    vi.stubEnv('HTTP_PROXY', `http://${address}`);
    vi.stubEnv('NO_PROXY', names);
    expect(await balanceAt(`http://[::ffff:127.0.0.1]:${new URL(fake.url).port}`)).toBe(5n);
    expect(targets).toEqual([]);
  },
);

test('a ledger on this host is never reached through a proxy', async () => {
  const { address, targets } = await proxy();
  vi.stubEnv('HTTP_PROXY', `http://${address}`);
  expect(await balanceAt(fake.url)).toBe(5n);
  expect(targets).toEqual([]);
});

test('rule 18: a send that the proxy does not let through is not-sent', async () => {
  const { address } = await proxy(502);
  vi.stubEnv('HTTP_PROXY', `http://${address}`);
  const { rpc } = rpcOver(['http://ledger.example:8899']);
  const outcome = await rpc.sendTransaction(new SendAttempts(wireOf()), { skipPreflight: false }, calm());
  expect(outcome).toMatchObject({ kind: 'not-sent', error: { code: 'LEDGER__UNREACHABLE' } });
  await rpc.close();
});

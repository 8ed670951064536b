import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLocalLedger, type LocalLedger } from '../../../localnet/ledger/index.ts';

let ledger: LocalLedger;
let port: number;

beforeAll(async () => {
  ledger = createLocalLedger();
  port = Number(new URL((await ledger.start()).rpcUrl).port);
});
afterAll(() => ledger.stop());

/** POSTs the requests with these headers and answers the body. */
function post(headers: Readonly<Record<string, string>>, ...methods: readonly string[]): Promise<unknown> {
  const all = methods.map((method, id) => ({ jsonrpc: '2.0', id, method }));
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
    const sent = request(options, async (response) => {
      const chunks = await response.toArray();
      resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    });
    sent.once('error', reject);
    sent.end(JSON.stringify(all.length === 1 ? all[0] : all));
  });
}

const refusal = (id: number) => ({
  jsonrpc: '2.0',
  id,
  error: { code: -32600, message: 'localnet_ methods accept only requests of programs on this host, not of web pages' },
});

test.each([
  [{ host: 'evil.example' }],
  [{ host: 'evil.example:8899' }],
  [{ host: '127.0.0.1.evil.example' }],
  [{ host: 'localhost.evil.example' }],
  [{ host: '@' }],
  [{ origin: 'https://evil.example' }],
  [{ origin: 'null' }],
])('with %j a localnet_ method is refused, alone and in a batch', async (headers) => {
  expect(await post(headers, 'localnet_clearFaults')).toEqual(refusal(0));
  expect(await post(headers, 'getSlot', 'localnet_counters')).toEqual([refusal(0), refusal(1)]);
});

test.each([[{}], [{ host: 'localhost' }], [{ host: 'localhost:8899' }], [{ host: '[::1]:8899' }], [{ origin: 'http://localhost:3000' }]])(
  'with %j a localnet_ method is answered',
  async (headers) => {
    expect(await post(headers, 'localnet_counters')).toMatchObject({ result: { received: 0 } });
  },
);

test("the ledger's own methods are answered under any name, as by a node", async () => {
  expect(await post({ host: 'evil.example' }, 'getVersion')).toMatchObject({ result: { 'solana-core': expect.any(String) } });
});

test('no other interface has its port', async () => {
  const others = Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ internal, family }) => !internal && family === 'IPv4'),
  );
  for (const host of ['127.0.0.2', ...others.map(({ address }) => address)]) {
    const refused = await new Promise((resolve) => {
      const socket = connect({ host, port });
      socket.once('error', () => resolve(true));
      socket.once('connect', () => {
        socket.destroy();
        resolve(false);
      });
    });
    expect([host, refused]).toEqual([host, true]);
  }
});

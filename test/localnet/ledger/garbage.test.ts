import fc from 'fast-check';
import { decompress } from 'fzstd';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTransaction } from '../../../localnet/ledger/index.ts';
import { zstdFrame } from '../../../localnet/ledger/rpc-encoding.ts';
import { MalformedTransaction } from '../../../localnet/ledger/transaction.ts';
import { build, createBed, type Fixture } from './ledger-fixture.ts';

let fixture: Fixture;
let rpcUrl: string;
let good: Uint8Array;

beforeAll(async () => {
  fixture = createBed();
  ({ rpcUrl } = await fixture.ledger.start());
  const { blockhash } = fixture.ledger.bank.replica().view('finalized').latestBlockhash();
  good = build([fixture.setStatus(fixture.user(), 'up')], {
    signers: [fixture.publisher],
    payer: fixture.publisher,
    version: 'legacy',
    blockhash,
  });
});

afterAll(async () => {
  await fixture.ledger.stop();
});

const raw = async (body: string | Uint8Array, init: RequestInit = {}) =>
  fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body, ...init });

/** The answer to one call, in process. */
function call(method: string, params?: unknown) {
  return JSON.parse(fixture.ledger.call(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })));
}

const send = (wire: Uint8Array) => call('sendTransaction', [Buffer.from(wire).toString('base64'), { encoding: 'base64' }]);

test('any bytes are a transaction or a MalformedTransaction', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        parseTransaction(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedTransaction);
      }
    }),
  );
});

test('a transaction with any byte changed, or cut anywhere, is answered with a result or a JSON-RPC error of a known code', () => {
  const known = [-32002, -32003, -32602];
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      const bytes = Uint8Array.from(good.subarray(0, length === at ? good.length : Math.max(length, 1)));
      bytes[at % bytes.length] = value;
      const answer = send(bytes);
      expect(answer.result !== undefined || known.includes(answer.error.code)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['not base64', ['%%%', { encoding: 'base64' }], 'invalid base64 encoding'],
  ['not base58', ['0OIl'], 'invalid base58 encoding'],
  [
    'too long a text',
    ['A'.repeat(1648), { encoding: 'base64' }],
    'base64 encoded solana_transaction::versioned::VersionedTransaction too large: 1648 bytes (max: encoded/raw 1644/1232)',
  ],
  [
    'too many bytes',
    [Buffer.alloc(1233).toString('base64'), { encoding: 'base64' }],
    'decoded solana_transaction::versioned::VersionedTransaction too large: 1233 bytes (max: 1232 bytes)',
  ],
  [
    'no transaction',
    [Buffer.from([1, 2, 3]).toString('base64'), { encoding: 'base64' }],
    'failed to deserialize solana_transaction::versioned::VersionedTransaction: io error: unexpected end of file',
  ],
])('a transaction that is %s', (_, params, message) => {
  expect(call('sendTransaction', params)).toEqual({ jsonrpc: '2.0', id: 1, error: { code: -32602, message } });
});

test('a transaction that does not sanitize, one with lookup tables, one with a wrong signature', () => {
  const fewer = Uint8Array.from(good);
  fewer[65] = 2; // two signatures required, one there
  expect(send(fewer).error).toEqual({ code: -32602, message: 'invalid transaction: index out of bounds' });

  const v0 = Buffer.concat([
    good.subarray(0, 65),
    Uint8Array.of(0x80),
    good.subarray(65),
    Uint8Array.of(1),
    Buffer.alloc(32, 9),
    Uint8Array.of(1, 0, 0),
  ]);
  expect(send(v0).error).toEqual({
    code: -32602,
    message: "invalid transaction: Transaction loads an address table account that doesn't exist",
  });

  const forged = Uint8Array.from(good);
  forged[1] = (forged[1] ?? 0) ^ 1;
  expect(send(forged).error).toEqual({ code: -32003, message: 'Transaction signature verification failure' });
});

const ANY = '11111111111111111111111111111111';
test.each([
  ['no address', 'getAccountInfo', []],
  ['an address that is none', 'getAccountInfo', ['not an address']],
  ['44 ones as an address', 'getAccountInfo', ['1'.repeat(44)]],
  ['a number for an address', 'getAccountInfo', [1]],
  ['an unknown encoding', 'getAccountInfo', [ANY, { encoding: 'utf8' }]],
  ['an unknown commitment', 'getAccountInfo', [ANY, { commitment: 'max' }]],
  ['a parameter too many', 'getAccountInfo', [ANY, {}, 3]],
  ['101 addresses', 'getMultipleAccounts', [Array(101).fill(ANY)]],
  ['a negative data size', 'getProgramAccounts', [ANY, { filters: [{ dataSize: -1 }] }]],
  ['memcmp bytes that are not base58', 'getProgramAccounts', [ANY, { filters: [{ memcmp: { offset: 0, bytes: '0' } }] }]],
  ['five filters', 'getProgramAccounts', [ANY, { filters: Array(5).fill({ dataSize: 1 }) }]],
  ['a signature that is none', 'getSignatureStatuses', [['x']]],
  ['257 signatures', 'getSignatureStatuses', [Array(257).fill('1'.repeat(64))]],
  ['a negative slot', 'getSlot', [{ minContextSlot: -1 }]],
  ['parameters by name', 'getSlot', { commitment: 'max' }],
  ['half a lamport', 'requestAirdrop', [ANY, 1.5]],
  ['a commitment below confirmed', 'getTransaction', ['1'.repeat(64), { commitment: 'processed' }]],
  ['an encoding that transactions do not have', 'getTransaction', ['1'.repeat(64), 'utf8']],
  ['721 samples', 'getRecentPerformanceSamples', [721]],
  ['contradicting options', 'simulateTransaction', ['AA==', { encoding: 'base64', sigVerify: true, replaceRecentBlockhash: true }]],
  ['a device that does not exist', 'localnet_createUser', [{ device: ANY }]],
  ['no device', 'localnet_createUser', [{}]],
  ['a code of 33 characters', 'localnet_createTenant', [{ code: 'x'.repeat(33) }]],
  ['a user that does not exist', 'localnet_banUser', [{ user: ANY }]],
])('%s: %s answers -32602 and says why', (_, method, params) => {
  const { error } = call(method, params);
  expect(error.code).toBe(-32602);
  expect(error.message).not.toBe('');
});

test('an invalid request gets the error of JSON-RPC', async () => {
  const answer = async (body: string) => (await raw(body)).json();
  const invalid = { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Invalid request' } };
  expect(await answer('{"jsonrpc":')).toEqual({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'Parse error' } });
  expect(await answer('')).toMatchObject({ error: { code: -32700 } });
  for (const body of ['[]', '7', 'null', '{"method":"getSlot","id":1}', '{"jsonrpc":"2.0","id":{},"method":"getSlot"}']) {
    expect(await answer(body)).toEqual(invalid);
  }
  expect(await answer('{"jsonrpc":"2.0","id":"x","method":"getSecrets"}')).toEqual({
    jsonrpc: '2.0',
    id: 'x',
    error: { code: -32601, message: 'Method not found' },
  });
});

test('a batch is answered in its order, its bad parts too, and a notification not at all', async () => {
  const body =
    '[{"jsonrpc":"2.0","id":1,"method":"getHealth"},5,{"jsonrpc":"2.0","method":"getHealth"},{"jsonrpc":"2.0","id":2,"method":"x"}]';
  expect(await (await raw(body)).json()).toEqual([
    { jsonrpc: '2.0', id: 1, result: 'ok' },
    { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Invalid request' } },
    { jsonrpc: '2.0', id: 2, error: { code: -32601, message: 'Method not found' } },
  ]);
  expect(await (await raw('{"jsonrpc":"2.0","method":"getHealth"}')).text()).toBe('');
});

test('only JSON by POST, and no more than 50 KiB of it', async () => {
  expect((await fetch(rpcUrl)).status).toBe(405);
  expect((await raw('x', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  expect((await raw(new Uint8Array(60_000))).status).toBe(413);
  expect((await raw('{"jsonrpc":"2.0","id":1,"method":"getHealth"}')).status).toBe(200);
});

test('any text is answered, in process and without a crash', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(() => JSON.parse(fixture.ledger.call(text) || 'null')).not.toThrow();
    }),
  );
});

test('u64 values keep all their digits', () => {
  expect(fixture.ledger.call('{"jsonrpc":"2.0","id":1,"method":"getAccountInfo","params":["11111111111111111111111111111111"]}')).toContain(
    '"rentEpoch":18446744073709551615',
  );
});

test('base58 and plain encodings are refused beyond 128 bytes, as nodes do', () => {
  expect(call('getAccountInfo', [fixture.device, { encoding: 'base58' }]).error).toEqual({
    code: -32600,
    message: 'Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.',
  });
  expect(call('getAccountInfo', [fixture.device, { encoding: 'base58', dataSlice: { offset: 0, length: 1 } }]).result.value).toMatchObject({
    data: ['6', 'base58'],
    space: expect.any(Number),
  });
});

test('a Zstandard frame gives back what went in', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect([...decompress(zstdFrame(bytes))]).toEqual([...bytes]);
    }),
  );
  const large = new Uint8Array(300_000).map((_, index) => index * 31);
  expect(Buffer.compare(decompress(zstdFrame(large)), large)).toBe(0);
  const [data, encoding] = call('getAccountInfo', [fixture.device, { commitment: 'processed', encoding: 'base64+zstd' }]).result.value.data;
  expect([encoding, decompress(Buffer.from(data, 'base64'))[0]]).toEqual(['base64+zstd', 5]);
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '../../src/lib/index.ts';
import type { LedgerRpcClient } from '../../src/rpc/index.ts';
import { base64, calm, key, rpcOver, wireOf } from './builders.ts';
import { type FakeEndpoint, fakeEndpoint } from './fake-endpoint.ts';

let fake: FakeEndpoint;
let rpc: LedgerRpcClient;
beforeEach(async () => {
  fake = await fakeEndpoint();
  rpc = rpcOver([fake.url]).rpc;
});
afterEach(async () => {
  await rpc.close();
  await fake.close();
  expect(fake.unexpected).toEqual([]);
});

const USER = key(9);
const SECOND = 1_000;
/** The transaction of a slot, made a second a slot. */
const listed = (at: number, more: object = {}) => ({ signature: `s${at}`, slot: at, err: null, memo: null, blockTime: at, ...more });
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(JSON.stringify, (error) => `${error.code}: ${error.message.split(': ').at(-1)}`);

describe('transactionsOf', () => {
  test('transactionsOf reads pages of 1,000 until one ends before the time that is wanted', async () => {
    const all = Array.from({ length: 5_000 }, (_, n) => listed(5_000 - n));
    fake.on('getSignaturesForAddress', ({ params: [, config] }) => {
      const { before, limit } = config as { before?: string; limit: number };
      const from = before === undefined ? 0 : all.findIndex(({ signature }) => signature === before) + 1;
      return { result: all.slice(from, from + limit) };
    });
    const some = await rpc.transactionsOf(USER, epochMs(3_500 * SECOND), calm());
    expect([some.listed.length, some.isWhole, some.listed[0], some.listed.at(-1)?.slot]).toEqual([
      2_000,
      false,
      { signature: 's5000', slot: 5_000n, failed: false, at: 5_000 * SECOND },
      3_001n,
    ]);
    expect(fake.calls.map(({ params }) => params)).toEqual([
      [USER, { limit: 1_000, commitment: 'confirmed' }],
      [USER, { limit: 1_000, before: 's4001', commitment: 'confirmed' }],
    ]);
    expect(await rpc.transactionsOf(USER, epochMs(0), calm())).toMatchObject({ isWhole: true, listed: { length: 5_000 } });
  });

  test('transactionsOf keeps failed transactions apart, and times that the node does not know', async () => {
    fake.on('getSignaturesForAddress', {
      result: [listed(7, { err: { InstructionError: [0, { Custom: 8 }] } }), listed(6, { blockTime: null })],
    });
    expect((await rpc.transactionsOf(USER, epochMs(0), calm())).listed).toEqual([
      { signature: 's7', slot: 7n, failed: true, at: 7 * SECOND },
      { signature: 's6', slot: 6n, failed: false, at: undefined },
    ]);
  });

  test('transactionsOf takes all pages from one endpoint, and begins anew at the next one', async () => {
    const other = await fakeEndpoint();
    const both = rpcOver([fake.url, other.url]).rpc;
    const full = Array.from({ length: 1_000 }, (_, n) => listed(9_000 - n));
    fake.on('getSignaturesForAddress', ({ params: [, config] }) =>
      (config as { before?: string }).before === undefined
        ? { result: full }
        : { error: { code: -32020, message: 'Transaction s8001 not found' } },
    );
    other.on('getSignaturesForAddress', { result: [listed(5)] });
    expect((await both.transactionsOf(USER, epochMs(0), calm())).listed.map(({ signature }) => signature)).toEqual(['s5']);
    await both.close();
    await other.close();
  });

  test.each([
    [[listed(6), listed(7)], 'slot 7 is listed after slot 6, though the newest comes first'],
    [[listed(6, { signature: 7 })], 'signature is 7, not text'],
    [[listed(6, { blockTime: 9_007_199_254_740_991 })], 'blockTime is 9007199254740991, beyond all dates'],
    [[listed(6, { blockTime: -1 })], 'blockTime is -1, not a whole number'],
    [{}, 'the list of signatures is an object, not a list'],
  ])('transactionsOf refuses %j', async (result, problem) => {
    fake.on('getSignaturesForAddress', { result });
    expect(await failure(rpc.transactionsOf(USER, epochMs(0), calm()))).toBe(`LEDGER__BAD_ANSWER: ${problem}`);
  });

  test('transactionsOf ends at an endpoint that never ends', async () => {
    fake.on('getSignaturesForAddress', { result: Array.from({ length: 1_000 }, () => listed(6)) });
    expect(await failure(rpc.transactionsOf(USER, epochMs(0), calm()))).toBe(
      `LEDGER__HISTORY_TOO_LONG: the ledger holds more than 200000 transactions of ${USER} in this time`,
    );
  });
});

describe('storedTransaction', () => {
  const stored = {
    slot: 12,
    blockTime: 1_790_000_000,
    transaction: [base64(wireOf()), 'base64'],
    meta: {
      err: null,
      loadedAddresses: { writable: [key(4)], readonly: [key(5)] },
      innerInstructions: [{ index: 1, instructions: [{ programIdIndex: 2, accounts: [0, 1], data: '3Bxs', stackHeight: 2 }] }],
    },
  };

  const calling = (data: string) => ({
    err: null,
    innerInstructions: [{ index: 0, instructions: [{ programIdIndex: 0, accounts: [], data }] }],
  });

  test('storedTransaction has the wire, what its lookup tables loaded, and what its instructions called', async () => {
    fake.on('getTransaction', { result: stored });
    expect(await rpc.storedTransaction('sig', calm())).toEqual({
      slot: 12n,
      at: 1_790_000_000_000,
      failed: false,
      wire: Buffer.from(wireOf()),
      loaded: [key(4), key(5)],
      inner: [{ of: 1, programIdIndex: 2, accountIndexes: [0, 1], data: '3Bxs' }],
    });
    expect(fake.calls[0]?.params).toEqual(['sig', { encoding: 'base64', commitment: 'confirmed', maxSupportedTransactionVersion: 0 }]);
  });

  test.each([
    [null, 'LEDGER__NOT_YET: it lists transaction sig, and does not return it'],
    [{ ...stored, meta: null }, 'LEDGER__BAD_ANSWER: meta is null, not an object'],
    [{ ...stored, transaction: 'AAAA' }, 'LEDGER__BAD_ANSWER: the transaction is not [text, "base64"]'],
    [{ ...stored, meta: { err: null, loadedAddresses: { writable: ['x'] } } }, 'LEDGER__BAD_ANSWER: a loaded address is not an address'],
    [{ ...stored, meta: calling('0OIl') }, 'LEDGER__BAD_ANSWER: the data of an inner instruction is not base58'],
    [{ ...stored, blockTime: 8_640_000_000_001 }, 'LEDGER__BAD_ANSWER: blockTime is 8640000000001, beyond all dates'],
    [{ ...stored, slot: 1.5 }, 'LEDGER__BAD_ANSWER: slot is 1.5, not a whole number'],
  ])('storedTransaction refuses %j', async (result, problem) => {
    fake.on('getTransaction', { result });
    expect(await failure(rpc.storedTransaction('sig', calm()))).toBe(problem);
  });
});

test('storedTransaction refuses base58 that would take minutes to decode', async () => {
  const meta = {
    err: null,
    innerInstructions: [{ index: 0, instructions: [{ programIdIndex: 0, accounts: [], data: '2'.repeat(14_001) }] }],
  };
  fake.on('getTransaction', { result: { slot: 1, transaction: [base64(wireOf()), 'base64'], meta } });
  expect(await failure(rpc.storedTransaction('sig', calm()))).toBe('LEDGER__BAD_ANSWER: the data of an inner instruction is not base58');
});

test('firstAvailableSlot is the slot of the oldest block of the endpoint', async () => {
  fake.on('getFirstAvailableBlock', { result: 42 });
  expect(await rpc.firstAvailableSlot(calm())).toBe(42n);
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LedgerRpc } from '../../src/rpc/index.ts';
import { base64, calm, key, OUR_KEY, PROGRAM, rpcOver, slotted, wireOf } from './builders.ts';
import { type FakeEndpoint, type FakeMethod, fakeEndpoint } from './fake-endpoint.ts';

let fake: FakeEndpoint;
let rpc: LedgerRpc;
beforeEach(async () => {
  fake = await fakeEndpoint();
  rpc = rpcOver([fake.url]).rpc;
});
afterEach(async () => {
  await rpc.close();
  await fake.close();
  expect(fake.unexpected).toEqual([]);
});

const epochInfo = (absoluteSlot: number, blockHeight: number) => ({
  result: { absoluteSlot, blockHeight, epoch: 1, slotIndex: 2, slotsInEpoch: 3 },
});
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(JSON.stringify, (error) => `${error.code}: ${error.message.split(': ').at(-1)}`);
const BLOCKHASH = key(77);

describe('latestBlockhash', () => {
  const blockhash = (slot: number, lastValidBlockHeight: number) => slotted(slot, { blockhash: BLOCKHASH, lastValidBlockHeight });

  test('latestBlockhash takes the height from the same endpoint, afterwards, and not from before the blockhash', async () => {
    fake.on('getLatestBlockhash', blockhash(500, 1_140)).on('getEpochInfo', epochInfo(501, 991));
    expect(await rpc.latestBlockhash(calm())).toEqual({
      slot: 501n,
      blockhash: BLOCKHASH,
      lastValidBlockHeight: 1_140n,
      blockHeight: 991n,
    });
    expect(fake.calls.map(({ method, params }) => [method, params])).toEqual([
      ['getLatestBlockhash', [{ commitment: 'confirmed' }]],
      ['getEpochInfo', [{ commitment: 'confirmed', minContextSlot: 500 }]],
    ]);
  });

  test('rule 17: latestBlockhash bounds the lifetime of the blockhash to 150 blocks, where old nodes answer 300', async () => {
    fake.on('getLatestBlockhash', blockhash(500, 1_290)).on('getEpochInfo', epochInfo(500, 990));
    expect((await rpc.latestBlockhash(calm())).lastValidBlockHeight).toBe(1_140n);
  });

  test('latestBlockhash refuses a height from before the blockhash, which would expire it too early', async () => {
    fake.on('getLatestBlockhash', blockhash(500, 1_140)).on('getEpochInfo', epochInfo(499, 989));
    expect(await failure(rpc.latestBlockhash(calm()))).toBe('LEDGER__NOT_YET: its answer is of slot 499, not of 500 or later');
  });

  test('rule 17: latestBlockhash refuses a blockhash that has already expired at the block height of its endpoint', async () => {
    fake.on('getLatestBlockhash', blockhash(500, 1_140)).on('getEpochInfo', epochInfo(500, 1_141));
    expect(await failure(rpc.latestBlockhash(calm()))).toBe(
      'LEDGER__BAD_ANSWER: the newest blockhash expired at height 1140, but the height is 1141',
    );
  });

  test('rule 20: an endpoint whose newest blockhash has expired is reported once, not at each request', async () => {
    fake.on('getLatestBlockhash', blockhash(500, 1_140)).on('getEpochInfo', epochInfo(500, 1_141));
    const { rpc: own, clock, events } = rpcOver([fake.url]);
    for (let request = 0; request < 5; request += 1) {
      await failure(own.latestBlockhash(calm()));
      clock.advance(5_000);
    }
    expect(events).toEqual([`lost ${fake.url}: LEDGER__BAD_ANSWER`]);
    await own.close();
  });

  test('latestBlockhash refuses an invalid blockhash', async () => {
    fake.on('getLatestBlockhash', slotted(500, { blockhash: 'abc', lastValidBlockHeight: 1 }));
    expect(await failure(rpc.latestBlockhash(calm()))).toBe('LEDGER__BAD_ANSWER: the blockhash is not 32 bytes of base58');
  });
});

describe('signatureStatuses', () => {
  const status = (slot: number, confirmationStatus: unknown, err: unknown = null) => ({
    slot,
    confirmations: 3,
    err,
    status: { Ok: null },
    confirmationStatus,
  });

  test('statuses come in the order asked, with null for the unknown', async () => {
    fake.on(
      'getSignatureStatuses',
      slotted(900, [status(890, 'confirmed'), null, status(891, 'processed', { InstructionError: [0, { Custom: 8 }] })]),
    );
    expect(await rpc.signatureStatuses(['a', 'b', 'c'], calm())).toEqual({
      slot: 900n,
      statuses: [
        { slot: 890n, confirmationStatus: 'confirmed', err: null },
        null,
        { slot: 891n, confirmationStatus: 'processed', err: { InstructionError: [0, { Custom: 8 }] } },
      ],
    });
    expect(fake.calls[0]?.params).toEqual([['a', 'b', 'c'], { searchTransactionHistory: false }]);
  });

  test('more than 256 statuses are read in parts, and their slot is that of the oldest part', async () => {
    let slot = 900;
    fake.on('getSignatureStatuses', ({ params }) =>
      slotted(
        slot--,
        (params[0] as string[]).map(() => null),
      ),
    );
    const { slot: at, statuses } = await rpc.signatureStatuses(Array.from({ length: 600 }, String), calm());
    expect([at, statuses.length, fake.calls.map(({ params }) => (params[0] as string[]).length)]).toEqual([898n, 600, [256, 256, 88]]);
  });

  test('a status without a confirmationStatus is finalized when it has no confirmations to count', async () => {
    fake.on(
      'getSignatureStatuses',
      slotted(9, [
        { slot: 1, confirmations: null, err: null },
        { slot: 1, confirmations: 4, err: null, confirmationStatus: null },
      ]),
    );
    const { statuses } = await rpc.signatureStatuses(['a', 'b'], calm());
    expect(statuses.map((one) => one?.confirmationStatus)).toEqual(['finalized', 'processed']);
  });

  test.each([
    ['too few', [null], '1 statuses for 2 signatures'],
    ['an unknown commitment', [null, status(1, 'maybe')], 'an unknown confirmationStatus'],
    ['no slot', [null, { confirmationStatus: 'confirmed', err: null }], 'the slot of a status is missing, not a whole number'],
    ['a slot in the future', [null, status(901, 'confirmed')], 'a status of slot 901 in an answer of slot 900'],
    ['no err', [null, { slot: 1, confirmationStatus: 'confirmed' }], 'the error of a transaction is missing, not an object'],
    ['an err of a wrong type', [null, status(1, 'confirmed', 8)], 'the error of a transaction is 8, not an object'],
  ])('with %s are refused', async (_, value, problem) => {
    fake.on('getSignatureStatuses', slotted(900, value));
    expect(await failure(rpc.signatureStatuses(['a', 'b'], calm()))).toBe(`LEDGER__BAD_ANSWER: ${problem}`);
  });
});

describe('checkExpiry', () => {
  test('checkExpiry reads the height, and after it the whole history', async () => {
    fake.on('getEpochInfo', epochInfo(900, 800)).on('getSignatureStatuses', slotted(900, [null]));
    expect(await rpc.checkExpiry(['a'], calm())).toEqual({ blockHeight: 800n, statuses: [null] });
    expect(fake.calls.map(({ method, params }) => [method, params])).toEqual([
      ['getEpochInfo', [{ commitment: 'confirmed' }]],
      ['getSignatureStatuses', [['a'], { searchTransactionHistory: true }]],
    ]);
  });

  test('checkExpiry fails when the statuses are from before the height', async () => {
    fake.on('getEpochInfo', epochInfo(900, 800)).on('getSignatureStatuses', slotted(899, [null]));
    expect(await failure(rpc.checkExpiry(['a'], calm()))).toBe('LEDGER__NOT_YET: its answer is of slot 899, not of 900 or later');
  });

  test('checkExpiry never mixes two endpoints', async () => {
    const other = await fakeEndpoint();
    fake.on('getEpochInfo', epochInfo(900, 800)).on('getSignatureStatuses', { status: 503 });
    other
      .on('getEpochInfo', epochInfo(901, 799))
      .on('getSignatureStatuses', slotted(901, [{ slot: 700, confirmationStatus: 'finalized', err: null }]));
    const two = rpcOver([fake.url, other.url]).rpc;
    expect(await two.checkExpiry(['a'], calm())).toEqual({
      blockHeight: 799n,
      statuses: [{ slot: 700n, confirmationStatus: 'finalized', err: null }],
    });
    await two.close();
    await other.close();
  });

  test('rule 17: checkExpiry prefers an endpoint with history to one without', async () => {
    const other = await fakeEndpoint();
    fake.on('getEpochInfo', epochInfo(901, 800)).on('getSignatureStatuses', noHistory);
    other
      .on('getEpochInfo', epochInfo(901, 800))
      .on('getSignatureStatuses', slotted(901, [{ slot: 700, confirmationStatus: 'finalized', err: null }]));
    const two = rpcOver([fake.url, other.url]).rpc;
    expect((await two.checkExpiry(['a'], calm())).statuses).toEqual([{ slot: 700n, confirmationStatus: 'finalized', err: null }]);
    await two.close();
    await other.close();
  });

  test.each([
    ['an error', { error: { code: -32603, message: 'BigTable failed' } }],
    ['HTTP status 503', { status: 503 }],
    ['a cut connection', 'reset' as const],
  ])('rule 17: checkExpiry takes %s for unknown, not for absent', async (_, reply) => {
    fake.on('getEpochInfo', epochInfo(900, 800)).on('getSignatureStatuses', reply);
    await expect(rpc.checkExpiry(['a'], calm())).rejects.toMatchObject({ name: 'AgentError' });
  });

  const noHistory: FakeMethod = ({ params }) =>
    JSON.stringify(params[1]).includes('true')
      ? { error: { code: -32011, message: 'Transaction history is not available from this node' } }
      : slotted(901, [null]);

  test('checkExpiry uses the status cache of an endpoint without history', async () => {
    fake.on('getEpochInfo', epochInfo(900, 800)).on('getSignatureStatuses', noHistory);
    expect(await rpc.checkExpiry(['a'], calm())).toEqual({ blockHeight: 800n, statuses: [null] });
    expect(fake.calls.map(({ method, params }) => [method, params])).toEqual([
      ['getEpochInfo', [{ commitment: 'confirmed' }]],
      ['getSignatureStatuses', [['a'], { searchTransactionHistory: true }]],
      ['getEpochInfo', [{ commitment: 'confirmed' }]],
      ['getSignatureStatuses', [['a'], { searchTransactionHistory: false }]],
    ]);
  });

  test.each([
    [-32019, 'Failed to query long-term storage; please try again'],
    [-32603, 'Internal error'],
    [-32602, 'searchTransactionHistory is not supported'],
  ])('rule 17: checkExpiry uses the status cache of an endpoint whose history search fails with %i', async (code, message) => {
    fake
      .on('getEpochInfo', epochInfo(900, 800))
      .on('getSignatureStatuses', ({ params }) =>
        JSON.stringify(params[1]).includes('true') ? { error: { code, message } } : slotted(901, [null]),
      );
    expect(await rpc.checkExpiry(['a'], calm())).toEqual({ blockHeight: 800n, statuses: [null] });
  });

  test('checkExpiry fails when that status cache is from before the height', async () => {
    fake.on('getEpochInfo', epochInfo(902, 800)).on('getSignatureStatuses', noHistory);
    expect(await failure(rpc.checkExpiry(['a'], calm()))).toBe('LEDGER__NOT_YET: its answer is of slot 901, not of 902 or later');
  });
});

describe('getMultipleAccounts', () => {
  const account = (data: unknown) => ({ owner: PROGRAM, lamports: 7, data, executable: false, rentEpoch: 2 ** 64, space: 3 });

  test('accounts come in the order asked, a hundred a request', async () => {
    fake.on('getMultipleAccounts', ({ params }) =>
      slotted(
        50,
        (params[0] as string[]).map((address) => (address === OUR_KEY ? account(['AQID', 'base64']) : null)),
      ),
    );
    const { slot, accounts } = await rpc.accounts([...new Array(149).fill(key(9)), OUR_KEY], calm());
    expect(slot).toBe(50n);
    expect(accounts.slice(0, 149)).toEqual(new Array(149).fill(null));
    expect(accounts[149]).toEqual({ owner: PROGRAM, lamports: 7n, data: Buffer.from([1, 2, 3]) });
    expect(fake.calls.map(({ params }) => (params[0] as string[]).length)).toEqual([100, 50]);
    expect(fake.calls[0]?.params[1]).toEqual({ encoding: 'base64', commitment: 'confirmed' });
  });

  test.each([
    ['too many', [null, null], '2 accounts for 1 addresses'],
    ['data in base58', [account(['AQID', 'base58'])], 'the data of account 1 is not [text, "base64"]'],
    ['data that is not base64', [account(['AQ!D', 'base64'])], 'the data of account 1 is not whole base64'],
    ['cut data', [account(['AQI', 'base64'])], 'the data of account 1 is not whole base64'],
    ['an owner that is none', [{ ...account(['AQID', 'base64']), owner: 'me' }], 'the owner of account 1 is not an address'],
    ['a negative balance', [{ ...account(['AQID', 'base64']), lamports: -1 }], 'the lamports of account 1 is -1, not a whole number'],
  ])('with %s are refused', async (_, value, problem) => {
    fake.on('getMultipleAccounts', slotted(50, value));
    expect(await failure(rpc.accounts([OUR_KEY], calm()))).toBe(`LEDGER__BAD_ANSWER: ${problem}`);
  });
});

describe('simulateTransaction', () => {
  test('a simulation needs no signature and no blockhash, and returns error, logs and units', async () => {
    fake.on(
      'simulateTransaction',
      slotted(60, { err: { InstructionError: [1, 'InvalidAccountData'] }, logs: ['a', 'b'], unitsConsumed: 9_000, accounts: null }),
    );
    expect(await rpc.simulateTransaction(wireOf(), calm())).toEqual({
      slot: 60n,
      err: { InstructionError: [1, 'InvalidAccountData'] },
      logs: ['a', 'b'],
      unitsConsumed: 9_000,
    });
    expect(fake.calls[0]?.params).toEqual([
      base64(wireOf()),
      { encoding: 'base64', sigVerify: false, replaceRecentBlockhash: true, commitment: 'confirmed' },
    ]);
  });

  test('a simulation without logs and units is accepted', async () => {
    fake.on('simulateTransaction', slotted(60, { err: null, logs: null }));
    expect(await rpc.simulateTransaction(wireOf(), calm())).toEqual({ slot: 60n, err: null, logs: [] });
  });
});

describe('recentSlotTimeMs', () => {
  const sample = (numSlots: number, samplePeriodSecs = 60) => ({ numSlots, samplePeriodSecs, slot: 1, numTransactions: 1 });

  test.each([
    ['the median of the samples', [sample(150), sample(171), sample(150)], 400],
    ['unmoved by a minute in which the cluster stood still', [sample(160), sample(2), sample(160), sample(0)], 375],
    ['unknown without samples', [], undefined],
    ['unknown when all are empty', [sample(0)], undefined],
    ['unknown when it is implausible', [sample(1)], undefined],
    ['unknown when it is too short', [sample(6_000)], undefined],
  ])('is %s', async (_, samples, expected) => {
    fake.on('getRecentPerformanceSamples', { result: samples });
    expect(await rpc.recentSlotTimeMs(calm())).toBe(expected);
  });
});

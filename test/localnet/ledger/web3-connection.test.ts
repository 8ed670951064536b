import { Connection, PublicKey, SystemProgram, Transaction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import bs58 from 'bs58';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalLedger } from '../../../localnet/ledger/index.ts';
import { decodeUser, lamports } from '../../../src/serviceability/index.ts';
import { DEVICE } from '../../support/bgp-builders.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { addressOfKey, build, createBed, existing, type Fixture, keypair, NO_KEEP_ALIVE } from './ledger-fixture.ts';

let fixture: Fixture;
let connection: Connection;

beforeEach(async () => {
  fixture = createBed();
  const { rpcUrl } = await fixture.ledger.start();
  connection = new Connection(rpcUrl, { commitment: 'confirmed', disableRetryOnRateLimit: true, ...NO_KEEP_ALIVE });
});

afterEach(async () => {
  await fixture.ledger.stop();
});

async function signedStatus(status: 'up' | 'down' = 'up', version: 'legacy' | 0 = 'legacy') {
  const user = fixture.user();
  fixture.ledger.bank.advance();
  const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
  const instruction = fixture.setStatus(user, status, status === 'up' ? 7_500_000 : 0);
  const wire = build([instruction], { signers: [fixture.publisher], payer: fixture.publisher, version, blockhash });
  return { user, wire, blockhash, lastValidBlockHeight };
}

test('the node returns its version, genesis, slot, height, epoch and health', async () => {
  fixture.ledger.bank.advance(36);
  expect(await connection.getVersion()).toEqual({ 'solana-core': '2.3.0', 'feature-set': 3_640_012_085 });
  expect(new PublicKey(await connection.getGenesisHash()).toBytes()).toHaveLength(32);
  expect([await connection.getSlot('processed'), await connection.getSlot(), await connection.getSlot('finalized')]).toEqual([100, 99, 68]);
  expect(await connection.getBlockHeight()).toBe(99);
  expect(await connection.getEpochInfo()).toEqual({
    absoluteSlot: 99,
    blockHeight: 99,
    epoch: 0,
    slotIndex: 99,
    slotsInEpoch: 432_000,
    transactionCount: 0,
  });
  expect(await (await fetch(`${connection.rpcEndpoint}/health`)).text()).toBe('ok');
});

test('the first available block is the oldest one, until transactions are forgotten', async () => {
  expect(await connection.getFirstAvailableBlock()).toBe(0);
  const { bank } = createLocalLedger({ rememberedTransactions: 2, clock: createVirtualClock() });
  const before = bank.replica().view('processed').slot;
  for (let count = 0; count < 4; count += 1) {
    bank.airdrop(DEVICE, lamports(1_000_000_000));
    bank.advance();
  }
  expect(bank.firstAvailableSlot()).toBe(Number(before) + 3);
});

test('a slot has a time, one to come has none', async () => {
  fixture.ledger.bank.advance(10);
  const [first, last] = [existing(await connection.getBlockTime(64)), existing(await connection.getBlockTime(74))];
  expect(last - first).toBe(4);
  await expect(connection.getBlockTime(1_000)).rejects.toMatchObject({ code: -32004 });
});

test('a blockhash is promised for 150 blocks and valid for as long', async () => {
  const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
  expect(lastValidBlockHeight).toBe((await connection.getBlockHeight()) + 150);
  fixture.ledger.bank.advance(150);
  expect((await connection.isBlockhashValid(blockhash)).value).toBe(true);
  fixture.ledger.bank.advance();
  expect((await connection.isBlockhashValid(blockhash)).value).toBe(false);
});

test('accounts are read one by one, many at once, and by base64+zstd', async () => {
  const user = new PublicKey(fixture.user());
  const unfunded = keypair('unfunded').publicKey;
  fixture.ledger.bank.advance();
  const info = existing(await connection.getAccountInfo(user));
  expect(info.owner.toBase58()).toBe(fixture.ledger.programId);
  expect(info.lamports).toBe(await connection.getMinimumBalanceForRentExemption(206));
  expect(decodeUser(info.data).devicePk).toBe(fixture.device);
  expect(await connection.getAccountInfo(unfunded)).toBeNull();
  const many = await connection.getMultipleAccountsInfo([user, unfunded]);
  expect(many.map((account) => account?.data.length)).toEqual([206, undefined]);
  expect(await connection.getBalance(fixture.publisher.publicKey)).toBe(10_000_000_000);
});

test('the users of one device are found by two memcmp filters', async () => {
  const mine = [fixture.user(), fixture.user()];
  const other = fixture.ledger.admin.createDevice({ metricsPublisher: addressOfKey(fixture.publisher) });
  fixture.ledger.admin.createUser({ device: other });
  fixture.ledger.bank.advance();
  const found = await connection.getProgramAccounts(new PublicKey(fixture.ledger.programId), {
    filters: [{ memcmp: { offset: 0, bytes: bs58.encode([7]) } }, { memcmp: { offset: 83, bytes: fixture.device } }],
    withContext: true,
  });
  expect(found.context.slot).toBe(await connection.getSlot());
  expect(found.value.map(({ pubkey }) => pubkey.toBase58())).toEqual(mine);
  const sliced = await connection.getProgramAccounts(new PublicKey(fixture.ledger.programId), {
    filters: [{ dataSize: 206 }, { memcmp: { offset: 0, bytes: Buffer.from([7]).toString('base64'), encoding: 'base64' } }],
    dataSlice: { offset: 126, length: 5 },
  });
  expect(sliced.map(({ account }) => [...account.data])).toEqual([
    [169, 254, 0, 0, 31],
    [169, 254, 0, 2, 31],
    [169, 254, 0, 4, 31],
  ]);
});

test.each([
  ['legacy', 'legacy'],
  ['version 0', 0],
] as const)('a %s transaction is simulated, sent, confirmed, and read back', async (_, version) => {
  const { user, wire } = await signedStatus('up', version);
  const simulated = await connection.simulateTransaction(VersionedTransaction.deserialize(wire), { sigVerify: true });
  expect(simulated.value).toMatchObject({ err: null, accounts: null, returnData: null });
  expect(simulated.value.logs?.at(-1)).toBe(`Program ${fixture.ledger.programId} success`);

  const signature = await connection.sendRawTransaction(wire);
  expect((await connection.getSignatureStatus(signature)).value).toBeNull();
  fixture.ledger.bank.advance();
  const slot = await connection.getSlot('processed');
  expect((await connection.getSignatureStatus(signature)).value).toEqual({
    slot,
    confirmations: 0,
    err: null,
    status: { Ok: null },
    confirmationStatus: 'processed',
  });
  expect(await connection.getTransaction(signature, { commitment: 'confirmed', maxSupportedTransactionVersion: 0 })).toBeNull();
  fixture.ledger.bank.advance();
  expect((await connection.getSignatureStatus(signature)).value?.confirmationStatus).toBe('confirmed');

  const landed = existing(await connection.getTransaction(signature, { commitment: 'confirmed', maxSupportedTransactionVersion: 0 }));
  expect(landed).toMatchObject({ slot, version, meta: { err: null, fee: 5000, computeUnitsConsumed: simulated.value.unitsConsumed } });
  expect(landed.meta?.logMessages).toEqual(simulated.value.logs);
  const listed = await connection.getSignaturesForAddress(new PublicKey(user), {}, 'confirmed');
  expect(listed).toEqual([{ signature, slot, err: null, memo: null, blockTime: landed.blockTime, confirmationStatus: 'confirmed' }]);
  fixture.ledger.bank.advance(31);
  expect((await connection.getSignatureStatus(signature)).value).toMatchObject({ confirmations: null, confirmationStatus: 'finalized' });
  expect(fixture.record(fixture.ledger.admin.users(fixture.device).keys().next().value ?? fixture.device)).toEqual({
    bgpStatus: 1,
    lastBgpUpAt: BigInt(slot),
    lastBgpReportedAt: BigInt(slot),
    bgpRttNs: 7_500_000n,
  });
});

test('a status is in the cache for 300 blocks, and in the history after that', async () => {
  const { wire } = await signedStatus();
  const signature = await connection.sendRawTransaction(wire, { skipPreflight: true });
  fixture.ledger.bank.advance(301);
  expect((await connection.getSignatureStatuses([signature])).value).not.toEqual([null]);
  fixture.ledger.bank.advance(1);
  expect((await connection.getSignatureStatuses([signature])).value).toEqual([null]);
  const searched = await connection.getSignatureStatuses([signature], { searchTransactionHistory: true });
  expect(searched.value).toEqual([expect.objectContaining({ err: null, confirmationStatus: 'finalized' })]);
});

test('an airdrop is a transaction that lands', async () => {
  const receiver = keypair('receiver').publicKey;
  const signatures = [await connection.requestAirdrop(receiver, 2_000_000_000), await connection.requestAirdrop(receiver, 2_000_000_000)];
  fixture.ledger.bank.advance(2);
  expect(await connection.getBalance(receiver)).toBe(4_000_000_000);
  expect((await connection.getSignatureStatuses(signatures)).value.map((status) => status?.err)).toEqual([null, null]);
});

test('the fee of a message is asked for before it is signed', async () => {
  const { blockhash } = await connection.getLatestBlockhash();
  const transfer = SystemProgram.transfer({ fromPubkey: fixture.publisher.publicKey, toPubkey: keypair('a').publicKey, lamports: 1 });
  const message = (recentBlockhash: string) =>
    new TransactionMessage({ payerKey: fixture.publisher.publicKey, recentBlockhash, instructions: [transfer] }).compileToV0Message();
  expect((await connection.getFeeForMessage(message(blockhash))).value).toBe(5000);
  expect((await connection.getFeeForMessage(message(keypair('no blockhash').publicKey.toBase58()))).value).toBeNull();
});

test('performance samples give the slot time from the start', async () => {
  const [sample] = await connection.getRecentPerformanceSamples(1);
  expect(sample).toEqual({ slot: 64, numSlots: 63, numTransactions: 0, samplePeriodSecs: 25, numNonVoteTransactions: 0 });
  fixture.ledger.bank.advance(400);
  const samples = await connection.getRecentPerformanceSamples(3);
  expect(samples.map(({ numSlots, samplePeriodSecs }) => [numSlots, samplePeriodSecs])).toEqual([
    [150, 60],
    [150, 60],
    [150, 60],
  ]);
});

test('a simulation replaces an old blockhash, needs no signature, and returns units and accounts', async () => {
  const { user, wire } = await signedStatus();
  fixture.ledger.bank.advance(200);
  const transaction = VersionedTransaction.deserialize(wire);
  transaction.signatures = [new Uint8Array(64)];
  expect((await connection.simulateTransaction(transaction)).value.err).toBe('BlockhashNotFound');
  const { value } = await connection.simulateTransaction(transaction, {
    replaceRecentBlockhash: true,
    accounts: { encoding: 'base64', addresses: [user] },
  });
  expect(value).toMatchObject({ err: null, unitsConsumed: expect.any(Number) });
  const [after] = existing(value.accounts);
  expect(decodeUser(Buffer.from(existing(after?.data[0]), 'base64')).bgpStatus).toBe(1);
  expect(fixture.record(user).bgpStatus).toBe(0);
  await expect(connection.simulateTransaction(transaction, { sigVerify: true })).rejects.toThrow('signature verification failure');
});

test('a status that the program refuses fails in preflight, with the instruction, the logs and the units', async () => {
  const { user, wire } = await signedStatus();
  fixture.ledger.admin.deleteUser(user);
  fixture.ledger.bank.advance();
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'sendTransaction',
    params: [Buffer.from(wire).toString('base64'), { encoding: 'base64', preflightCommitment: 'confirmed' }],
  };
  const answer = await fetch(connection.rpcEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const program = fixture.ledger.programId;
  expect(await answer.json()).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: {
      code: -32002,
      message: 'Transaction simulation failed: Error processing Instruction 0: Program failed to complete',
      data: {
        err: { InstructionError: [0, 'ProgramFailedToComplete'] },
        logs: [
          `Program ${program} invoke [1]`,
          'Program log: Instruction: SetUserBGPStatus(bgp_status: up, bgp_rtt_ns: 7500000)',
          'Program log: panicked: Invalid User Account Owner',
          `Program ${program} consumed 6300 of 200000 compute units`,
          `Program ${program} failed: Program failed to complete`,
        ],
        accounts: null,
        unitsConsumed: 6300,
        returnData: null,
        innerInstructions: null,
      },
    },
  });
  expect(fixture.ledger.bank.counters.received).toBe(0);
});

test('sent without preflight it lands, fails, and costs its fee', async () => {
  const { user, wire } = await signedStatus();
  fixture.ledger.admin.deleteUser(user);
  const signature = await connection.sendRawTransaction(wire, { skipPreflight: true });
  fixture.ledger.bank.advance(2);
  const err = { InstructionError: [0, 'ProgramFailedToComplete'] };
  expect((await connection.getSignatureStatus(signature)).value).toMatchObject({ err, status: { Err: err } });
  expect(await connection.getBalance(fixture.publisher.publicKey)).toBe(9_999_995_000);
});

test('a transaction without enough money for its fee fails in preflight with logs and units', async () => {
  const poor = keypair('poor');
  const { blockhash } = await connection.getLatestBlockhash();
  const transaction = new Transaction({ feePayer: poor.publicKey, recentBlockhash: blockhash }).add(
    SystemProgram.transfer({ fromPubkey: poor.publicKey, toPubkey: poor.publicKey, lamports: 1 }),
  );
  transaction.sign(poor);
  await expect(connection.sendRawTransaction(transaction.serialize())).rejects.toMatchObject({
    transactionMessage: 'Transaction simulation failed: Attempt to debit an account but found no record of a prior credit.',
    transactionLogs: [],
  });
});

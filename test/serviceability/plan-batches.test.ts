import { ComputeBudgetProgram, Message, PublicKey, Transaction, TransactionInstruction, TransactionMessage } from '@solana/web3.js';
import bs58 from 'bs58';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BatchPlanInput,
  type BgpStatusBatch,
  type BgpStatusWrite,
  encodeLegacyMessage,
  encodeTransaction,
  type Instruction,
  MAX_TRANSACTION_BYTES,
  nanoseconds,
  planBgpStatusBatches,
} from '../../src/serviceability/index.ts';
import { keyOf } from './builders.ts';

const BLOCKHASH = keyOf(200);
const common = { programId: keyOf(250), device: keyOf(251), metricsPublisher: keyOf(252) };
const writesOf = (count: number): readonly BgpStatusWrite[] =>
  Array.from({ length: count }, (_, index) => ({ user: keyOf(index + 1), status: 'down' as const }));
const plan = (count: number, rest: Partial<BatchPlanInput> = {}): readonly BgpStatusBatch[] =>
  planBgpStatusBatches({ ...common, writes: writesOf(count), ...rest });

const wireOf = ({ instructions }: BgpStatusBatch): Uint8Array =>
  encodeTransaction(encodeLegacyMessage({ feePayer: common.metricsPublisher, blockhash: BLOCKHASH, instructions }), [new Uint8Array(64)]);

const toWeb3 = ({ programId, accounts, data }: Instruction): TransactionInstruction =>
  new TransactionInstruction({
    programId: new PublicKey(programId),
    keys: accounts.map(({ address, signer, writable }) => ({ pubkey: new PublicKey(address), isSigner: signer, isWritable: writable })),
    data: Buffer.from(data),
  });

test.each([
  [0, {}, []],
  [1, {}, [1]],
  [20, {}, [20]],
  [21, {}, [20, 1]],
  [45, {}, [20, 20, 5]],
  [20, { unitsPerWrite: 12_000 }, [19, 1]],
  [20, { heapBytes: 65_536 }, [19, 1]],
  [38, { unitsPerWrite: 12_000, heapBytes: 262_144 }, [19, 19]],
])('%i users with %o go into transactions of %j', (count, compute, sizes) => {
  const batches = plan(count, { compute });
  expect(batches.map(({ users }) => users.length)).toEqual(sizes);
  expect(batches.flatMap(({ users }) => users)).toEqual(writesOf(count).map(({ user }) => user));
});

test('a transaction has the length that the plan says, and none is too long', () => {
  for (const compute of [{}, { unitsPerWrite: 12_000 }, { unitsPerWrite: 12_000, heapBytes: 65_536 }]) {
    for (let count = 1; count <= 40; count++) {
      for (const batch of plan(count, { compute })) {
        expect(wireOf(batch).length).toBe(batch.bytes);
        expect(batch.bytes).toBeLessThanOrEqual(MAX_TRANSACTION_BYTES);
      }
    }
  }
});

test('a transaction asks for the units of its own users, and never for more than Solana gives', () => {
  const limits = plan(21, { compute: { unitsPerWrite: 80_000 } }).map(({ instructions }) =>
    new DataView(instructions[0]?.data.buffer ?? new ArrayBuffer(5)).getUint32(1, true),
  );
  expect(limits).toEqual([1_400_000, 160_000]);
});

test('compute-budget instructions are those of Solana’s own library', () => {
  const [batch] = plan(1, { compute: { unitsPerWrite: 12_345, heapBytes: 65_536 } });
  const ours = batch?.instructions.slice(0, batch.prefixInstructions).map(toWeb3);
  expect(ours).toEqual([
    ComputeBudgetProgram.setComputeUnitLimit({ units: 12_345 }),
    ComputeBudgetProgram.requestHeapFrame({ bytes: 65_536 }),
  ]);
});

test('a message is byte by byte that of Solana’s own library', () => {
  const someWrites = fc.uniqueArray(fc.integer({ min: 1, max: 199 }), { minLength: 1, maxLength: 19 });
  fc.assert(
    fc.property(someWrites, fc.boolean(), (numbers, withCompute) => {
      const writes = numbers.map((number) => ({ user: keyOf(number), status: 'up' as const, rttNs: nanoseconds(number) }));
      const [batch] = planBgpStatusBatches({ ...common, writes, ...(withCompute ? { compute: { unitsPerWrite: 9 } } : {}) });
      const instructions = batch?.instructions ?? [];
      const theirs = new TransactionMessage({
        payerKey: new PublicKey(common.metricsPublisher),
        recentBlockhash: BLOCKHASH,
        instructions: instructions.map(toWeb3),
      }).compileToLegacyMessage();
      const ours = encodeLegacyMessage({ feePayer: common.metricsPublisher, blockhash: BLOCKHASH, instructions });
      expect(Buffer.from(ours).toString('hex')).toBe(theirs.serialize().toString('hex'));
    }),
    { numRuns: 40 },
  );
});

test('a message of many accounts and much data is read back by Solana’s own library', () => {
  const accounts = Array.from({ length: 140 }, (_, index) => ({
    address: keyOf(index + 1),
    signer: index % 3 === 0,
    writable: index % 2 === 0,
  }));
  const message = encodeLegacyMessage({
    feePayer: keyOf(200),
    blockhash: BLOCKHASH,
    instructions: [{ programId: keyOf(201), accounts, data: new Uint8Array(300).fill(7) }],
  });
  const read = Message.from(message);
  expect(read.header).toEqual({ numRequiredSignatures: 48, numReadonlySignedAccounts: 23, numReadonlyUnsignedAccounts: 48 });
  expect(read.accountKeys[0]?.toBase58()).toBe(keyOf(200));
  expect(bs58.decode(read.instructions[0]?.data ?? '').length).toBe(300);
});

test('a transaction is read back by Solana’s own library', () => {
  const [batch] = plan(3);
  const read = Transaction.from(batch === undefined ? [] : wireOf(batch));
  expect(read.instructions.map(({ data }) => data.toString('hex'))).toEqual(Array(3).fill('6a020000000000000000'));
});

test.each([
  [{ writes: [...writesOf(2), { user: keyOf(1), status: 'up' as const }] }, 'PLAN__DUPLICATE_USER'],
  [{ compute: { unitsPerWrite: 0 } }, 'PLAN__BAD_COMPUTE'],
  [{ compute: { unitsPerWrite: 1.5 } }, 'PLAN__BAD_COMPUTE'],
  [{ compute: { heapBytes: 32_769 } }, 'PLAN__BAD_COMPUTE'],
  [{ compute: { heapBytes: 1_024 } }, 'PLAN__BAD_COMPUTE'],
  [{ writes: [{ user: keyOf(1), status: 'down' as const, rttNs: nanoseconds(1) }] }, 'INSTRUCTION__RTT_WITHOUT_UP'],
])('the plan of %o is refused with %s', (input, code) => {
  expect(() => plan(1, input)).toThrow(expect.objectContaining({ name: 'ServiceabilityError', code }));
});

test('what no node would take is refused', () => {
  expect(() => encodeTransaction(new Uint8Array(1_168), [new Uint8Array(64)])).toThrow(
    'the transaction has 1233 bytes; the maximum is 1232',
  );
  expect(() => encodeTransaction(new Uint8Array(), [new Uint8Array(63)])).toThrow('a signature has 64 bytes, not 63');
  expect(() => encodeLegacyMessage({ feePayer: keyOf(1), blockhash: 'soon', instructions: [] })).toThrow('is not an address');
});

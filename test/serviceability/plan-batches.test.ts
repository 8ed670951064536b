import {
  AccountRole,
  appendTransactionMessageInstructions,
  blockhash,
  compileTransaction,
  createTransactionMessage,
  decompileTransactionMessage,
  getCompiledTransactionMessageDecoder,
  getTransactionSize,
  type Instruction as KitInstruction,
  address as kitAddress,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
} from '@solana/kit';
import { ComputeBudgetProgram, PublicKey, TransactionInstruction, TransactionMessage } from '@solana/web3.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BatchPlanInput,
  type BgpStatusBatch,
  type BgpStatusWrite,
  type Instruction,
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

const ROLES = [AccountRole.READONLY, AccountRole.WRITABLE, AccountRole.READONLY_SIGNER, AccountRole.WRITABLE_SIGNER] as const;

const toKit = ({ programId, accounts, data }: Instruction): KitInstruction => ({
  programAddress: kitAddress(programId),
  accounts: accounts.map(({ address, signer, writable }) => ({
    address: kitAddress(address),
    role: ROLES[(signer ? 2 : 0) + (writable ? 1 : 0)] ?? AccountRole.READONLY,
  })),
  data,
});

const toWeb3 = ({ programId, accounts, data }: Instruction): TransactionInstruction =>
  new TransactionInstruction({
    programId: new PublicKey(programId),
    keys: accounts.map(({ address, signer, writable }) => ({ pubkey: new PublicKey(address), isSigner: signer, isWritable: writable })),
    data: Buffer.from(data),
  });

/** The compute-budget instructions that a plan leaves room for. */
const prefixOf = (count: number): readonly TransactionInstruction[] =>
  [ComputeBudgetProgram.setComputeUnitLimit({ units: 12_345 }), ComputeBudgetProgram.requestHeapFrame({ bytes: 65_536 })].slice(0, count);

const kitTransaction = (instructions: readonly KitInstruction[]) =>
  pipe(
    createTransactionMessage({ version: 'legacy' }),
    (message) => setTransactionMessageFeePayer(kitAddress(common.metricsPublisher), message),
    (message) => setTransactionMessageLifetimeUsingBlockhash({ blockhash: blockhash(BLOCKHASH), lastValidBlockHeight: 1n }, message),
    (message) => appendTransactionMessageInstructions(instructions, message),
    compileTransaction,
  );

const instructionsIn = (message: Uint8Array) =>
  decompileTransactionMessage(getCompiledTransactionMessageDecoder().decode(message)).instructions;

test.each([
  [0, {}, []],
  [1, {}, [1]],
  [20, {}, [20]],
  [21, {}, [20, 1]],
  [45, {}, [20, 20, 5]],
  [20, { prefixInstructions: 1 }, [19, 1]],
  [38, { prefixInstructions: 2 }, [19, 19]],
] as const)('%i users with %o go into transactions of %j', (count, prefix, sizes) => {
  const batches = plan(count, prefix);
  expect(batches.map(({ users }) => users.length)).toEqual(sizes);
  expect(batches.flatMap(({ users }) => users)).toEqual(writesOf(count).map(({ user }) => user));
  expect(batches.flatMap(({ instructions }) => instructions.map(({ accounts }) => accounts[0]?.address))).toEqual(
    writesOf(count).map(({ user }) => user),
  );
});

test('every batch fits into a packet, and one write more would not', () => {
  for (const prefixInstructions of [0, 1, 2] as const) {
    const [batch] = plan(40, { prefixInstructions });
    const writes = batch?.instructions ?? [];
    const message = (instructions: readonly Instruction[]) =>
      new TransactionMessage({
        payerKey: new PublicKey(common.metricsPublisher),
        recentBlockhash: BLOCKHASH,
        instructions: [...prefixOf(prefixInstructions), ...instructions.map(toWeb3)],
      }).compileToLegacyMessage();
    const bytes = 65 + message(writes).serialize().length;
    expect(bytes).toBeLessThanOrEqual(1_232);
    expect(bytes + 49).toBeGreaterThan(1_232);
  }
});

test('@solana/kit and @solana/web3.js compile the same transaction from a batch', () => {
  const someUsers = fc.uniqueArray(fc.integer({ min: 1, max: 199 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(someUsers, (numbers) => {
      const writes = numbers.map((number) => ({ user: keyOf(number), status: 'up' as const, rttNs: nanoseconds(number) }));
      const [batch] = planBgpStatusBatches({ ...common, writes });
      const instructions = batch?.instructions ?? [];
      const byWeb3 = new TransactionMessage({
        payerKey: new PublicKey(common.metricsPublisher),
        recentBlockhash: BLOCKHASH,
        instructions: instructions.map(toWeb3),
      })
        .compileToLegacyMessage()
        .serialize();
      const byKit = kitTransaction(instructions.map(toKit));
      expect(getTransactionSize(byKit)).toBe(65 + byWeb3.length);
      expect(instructionsIn(Uint8Array.from(byWeb3))).toEqual(instructionsIn(Uint8Array.from(byKit.messageBytes)));
    }),
    { numRuns: 40 },
  );
});

test.each([
  [{ writes: [...writesOf(2), { user: keyOf(1), status: 'up' as const }] }, 'PLAN__DUPLICATE_USER'],
  [{ writes: [{ user: keyOf(1), status: 'down' as const, rttNs: nanoseconds(1) }] }, 'INSTRUCTION__RTT_WITHOUT_UP'],
])('the plan of %o is refused with %s', (input, code) => {
  expect(() => plan(1, input)).toThrow(expect.objectContaining({ name: 'ServiceabilityError', code }));
});

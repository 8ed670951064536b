import { expect, test } from 'vitest';
import { packTransactions, type SendOptions, sendInstructions } from '../../src/cli/resources-send.ts';
import { AgentError, createAbortController } from '../../src/lib/index.ts';
import { signInstructions } from '../../src/publisher/index.ts';
import type { SendAttempts, SignatureStatus } from '../../src/rpc/index.ts';
import { type Instruction, slot, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { SLOTS_A_TRANSACTION, setResourceState } from '../../src/serviceability/rfc11/index.ts';
import { keyOf } from '../serviceability/builders.ts';

const signer = { address: keyOf(1), sign: () => new Uint8Array(64).fill(1) };
const programId = keyOf(2);
const instruction = (n: number, accounts = 6, bytes = 20): Instruction => ({
  programId,
  accounts: Array.from({ length: accounts }, (_, at) => ({
    address: keyOf(at < 3 ? 10 + at : 20 + ((n * accounts + at) % 200)),
    signer: false,
    writable: true,
  })),
  data: new Uint8Array(bytes).fill(n),
});
const labeled = (count: number) => Array.from({ length: count }, (_, n) => ({ label: `step ${n}`, instruction: instruction(n) }));
const wireOf = (instructions: readonly Instruction[]) => signInstructions({ signer, blockhash: ZERO_ADDRESS, instructions }).wire;

test('packed transactions keep the order, hold at most seven instructions and fit a packet', () => {
  const all = labeled(40);
  const packed = packTransactions(all, signer.address);
  expect(packed.flat()).toEqual(all);
  for (const each of packed) {
    expect(each.length).toBeLessThanOrEqual(7);
    expect(wireOf(each.map((one) => one.instruction)).length).toBeLessThanOrEqual(1_232);
  }
  const large = Array.from({ length: 5 }, (_, n) => ({ label: 'large', instruction: instruction(n, 12, 200) }));
  for (const each of packTransactions(large, signer.address))
    expect(wireOf(each.map((one) => one.instruction)).length).toBeLessThanOrEqual(1_232);
});

test('a whole SetResourceState fits a transaction of its own, and what does not fit is refused', () => {
  const slots = Array.from({ length: SLOTS_A_TRANSACTION }, (_, at) => at);
  const full = setResourceState({ programId, authority: signer.address, resourceType: 0, slots });
  expect(packTransactions([{ label: 'full', instruction: full }], signer.address).length).toBe(1);
  expect(wireOf([full]).length).toBeLessThanOrEqual(1_232);
  expect(() => packTransactions([{ label: 'huge', instruction: instruction(1, 3, 1_200) }], signer.address)).toThrow('huge does not fit');
});

/** A ledger that confirms what it is offered, and a clock whose sleep takes no time. */
function fakeLedger(change: Partial<SendOptions['rpc']> = {}) {
  let now = 0;
  const offered: string[] = [];
  const statusOf = (): SignatureStatus => ({ slot: slot(7), confirmationStatus: 'confirmed', err: null });
  const rpc: SendOptions['rpc'] = {
    latestBlockhash: async () => ({ slot: slot(1), blockhash: ZERO_ADDRESS, lastValidBlockHeight: 150n, blockHeight: 1n }),
    async sendTransaction(attempts) {
      offered.push(attempts.signature);
      return { kind: 'accepted' };
    },
    signatureStatuses: async (signatures) => ({ slot: slot(7), statuses: signatures.map(statusOf) }),
    checkExpiry: async () => ({ blockHeight: 0n, statuses: [null] }),
    ...change,
  };
  const clock = {
    monotonic: () => now,
    wall: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  } as unknown as SendOptions['clock'];
  return { rpc, clock, offered };
}

const send = (ledger: Pick<SendOptions, 'rpc' | 'clock'>, groups = [labeled(10), labeled(3)], stillNeeded?: SendOptions['stillNeeded']) => {
  const progress: (readonly [number, number])[] = [];
  const onProgress = (confirmed: number, total: number) => void progress.push([confirmed, total]);
  const options = { rpc: ledger.rpc, clock: ledger.clock, signer, groups, onProgress, stillNeeded };
  return { progress, result: sendInstructions(options, createAbortController().signal) };
};

test('groups follow each other, and progress counts transactions to their number', async () => {
  const { progress, result } = send(fakeLedger());
  expect(await result).toBe(7n);
  expect(progress.at(0)).toEqual([0, 3]);
  expect(progress.at(-1)).toEqual([3, 3]);
});

test('a transaction that provably expired is sent again with a new blockhash', async () => {
  let expired = false;
  const ledger = fakeLedger({
    signatureStatuses: async (signatures) => ({
      slot: slot(7),
      statuses: signatures.map(() => (expired ? { slot: slot(7), confirmationStatus: 'confirmed' as const, err: null } : null)),
    }),
    async checkExpiry() {
      expired = true;
      return { blockHeight: 151n, statuses: [null] };
    },
  });
  await send(ledger, [labeled(2)]).result;
  expect(ledger.offered.length).toBeGreaterThan(2);
});

test('a rejected instruction is named with its step, and the confirmed ones are counted', async () => {
  const ledger = fakeLedger({
    async sendTransaction(attempts: SendAttempts) {
      void attempts;
      return { kind: 'rejected', err: { InstructionError: [2, { Custom: 173 }] }, logs: [] };
    },
  });
  await expect(send(ledger).result).rejects.toThrow(
    '0 of 3 transactions are confirmed; the next was rejected: step 2: instruction 2 failed with SlotMismatch (173)',
  );
});

test.each([
  ['AccountNotFound', [], 'the transaction was refused with AccountNotFound'],
  [
    { InstructionError: [1, { Custom: 1 }] },
    ['Program log: Instruction: CreateResourceExtension', 'Transfer: insufficient lamports 5000, need 30000'],
    'Transfer: insufficient lamports 5000, need 30000',
  ],
] as const)('a key that cannot pay is named: %j', async (err, logs, words) => {
  const ledger = fakeLedger({ sendTransaction: async () => ({ kind: 'rejected', err, logs }) });
  const step = typeof err === 'string' ? '' : 'step 1: ';
  await expect(send(ledger).result).rejects.toThrow(`was rejected: ${step}the key ${signer.address} cannot pay: ${words}`);
});

test.each(['at its preflight', 'on the chain'] as const)(
  'a transaction that is rejected %s because another run did some of it is sent again with the others',
  async (where) => {
    const failure = { InstructionError: [0, { Custom: 175 }] };
    let rejections = 1;
    const isRejected = (here: typeof where): boolean => here === where && rejections-- > 0;
    const ledger = fakeLedger({
      sendTransaction: async () => (isRejected('at its preflight') ? { kind: 'rejected', err: failure, logs: [] } : { kind: 'accepted' }),
      signatureStatuses: async (signatures) => ({
        slot: slot(7),
        statuses: signatures.map(() => ({
          slot: slot(7),
          confirmationStatus: 'confirmed' as const,
          err: isRejected('on the chain') ? failure : null,
        })),
      }),
    });
    const asked: (readonly string[])[] = [];
    const { progress, result } = send(ledger, [labeled(3)], async (steps) => {
      asked.push(steps.map(({ label }) => label));
      return steps.slice(1);
    });
    await result;
    expect(asked).toEqual([['step 0', 'step 1', 'step 2']]);
    expect(progress.at(-1)).toEqual([1, 1]);
  },
);

test('a rejected transaction whose every step another run did counts as done', async () => {
  const ledger = fakeLedger({
    sendTransaction: async () => ({ kind: 'rejected', err: { InstructionError: [0, { Custom: 175 }] }, logs: [] }),
  });
  const { progress, result } = send(ledger, [labeled(3)], async () => []);
  await result;
  expect(progress.at(-1)).toEqual([1, 1]);
});

test('no rejected transaction is forgotten when the ledger does not say what another run did', async () => {
  const ledger = fakeLedger({
    sendTransaction: async () => ({ kind: 'rejected', err: { InstructionError: [0, { Custom: 175 }] }, logs: [] }),
  });
  let outages = 1;
  const { progress, result } = send(ledger, [labeled(20)], async () => {
    if (outages-- > 0) throw new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });
    return [];
  });
  await result;
  expect(progress.at(-1)).toEqual([3, 3]);
});

test('a ledger that stops answering is asked for 30 s, and then the line counts what is confirmed', async () => {
  const outage = new AgentError('LEDGER__NO_ENDPOINT', { problems: 'connection refused' });
  const ledger = fakeLedger({ signatureStatuses: async () => Promise.reject(outage) });
  const error = await send(ledger).result.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AgentError);
  expect(String(error)).toContain('0 of 3 transactions are confirmed; then ');
  expect(ledger.clock.monotonic()).toBeGreaterThan(30_000);
});

import { ComputeBudgetProgram, PublicKey, SystemProgram } from '@solana/web3.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { type LandedTransaction, parseTransaction } from '../../../localnet/ledger/index.ts';
import { type Address, lamports } from '../../../src/serviceability/index.ts';
import { addressOfKey, build, createBed, existing, type Fixture, keypair, SOL, unitLimit } from './ledger-fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createBed();
});

const processed = () => fixture.ledger.bank.replica().view('processed');
const balance = (address: Address) => fixture.ledger.bank.account(address)?.lamports ?? 0n;
const publisherBalance = () => balance(addressOfKey(fixture.publisher));
const statusOf = (signature: string) => fixture.ledger.bank.replica().status(signature)?.confirmationStatus;

function signed(instructions: Parameters<typeof build>[0], blockhash = processed().latestBlockhash().blockhash) {
  return parseTransaction(build(instructions, { signers: [fixture.publisher], payer: fixture.publisher, version: 'legacy', blockhash }));
}

describe('time', () => {
  test('slots follow the clock, without timers', () => {
    expect(fixture.slot()).toBe(64n);
    fixture.clock.pass(399);
    expect(fixture.slot()).toBe(64n);
    fixture.clock.pass(1);
    expect(fixture.slot()).toBe(65n);
    fixture.clock.pass(60_000);
    expect(fixture.slot()).toBe(215n);
  });

  test('another slot time is another pace', () => {
    const fast = createBed({ slotMs: 50 });
    expect(fast.slot()).toBe(64n);
    fast.clock.pass(1000);
    expect(fast.slot()).toBe(84n);
  });

  test('each commitment has its own state: confirmed a block later, finalized after 32', () => {
    const user = fixture.user();
    fixture.slot(); // time begins
    const { signature } = fixture.land([fixture.setStatus(user, 'up')]);
    const seen = () =>
      (['processed', 'confirmed', 'finalized'] as const).map((c) => fixture.ledger.bank.replica().view(c).account(user)?.data[177]);
    expect([statusOf(signature), seen()]).toEqual(['processed', [1, 0, 0]]);
    fixture.ledger.bank.advance();
    expect([statusOf(signature), seen()]).toEqual(['confirmed', [1, 1, 0]]);
    fixture.ledger.bank.advance(30);
    expect([statusOf(signature), seen()]).toEqual(['confirmed', [1, 1, 0]]);
    fixture.ledger.bank.advance();
    expect([statusOf(signature), seen()]).toEqual(['finalized', [1, 1, 1]]);
  });

  test('a day passes at once, and its slots still have their times', () => {
    const start = fixture.slot();
    fixture.clock.pass(24 * 3_600_000);
    const now = fixture.slot();
    expect(now - start).toBe(216_000n);
    expect(existing(fixture.ledger.bank.slotTimeMs(now)) - existing(fixture.ledger.bank.slotTimeMs(now - 1000n))).toBe(400_000);
    expect(fixture.ledger.bank.slotTimeMs(start)).toBeUndefined();
  });
});

describe('blockhashes', () => {
  test('a transaction lands up to 150 blocks after its blockhash, and is lost after that', () => {
    const user = fixture.user();
    const [late, tooLate] = [signed([fixture.setStatus(user, 'up')]), signed([fixture.setStatus(user, 'down')])];
    fixture.ledger.bank.advance(149);
    fixture.ledger.bank.submit(late);
    fixture.ledger.bank.advance();
    fixture.ledger.bank.submit(tooLate);
    fixture.ledger.bank.advance();
    expect([statusOf(late.signature), statusOf(tooLate.signature)]).toEqual(['confirmed', undefined]);
    expect(fixture.ledger.bank.counters).toMatchObject({ succeeded: 1, droppedExpired: 1 });
  });

  test('a blockhash of another chain is none', () => {
    const other = createBed({ random: () => 0.5 });
    expect(processed().isBlockhashValid(other.ledger.bank.replica().view('processed').latestBlockhash().blockhash)).toBe(false);
  });
});

describe('one signature, one transaction', () => {
  test('sent twice, while it waits and after it landed, it runs and costs once', () => {
    const user = fixture.user();
    const transaction = signed([fixture.setStatus(user, 'up')]);
    const before = publisherBalance();
    fixture.ledger.bank.submit(transaction);
    fixture.ledger.bank.submit(transaction);
    fixture.ledger.bank.advance();
    fixture.ledger.bank.submit(transaction);
    fixture.ledger.bank.advance();
    expect(before - publisherBalance()).toBe(5000n);
    expect(fixture.ledger.bank.counters).toMatchObject({ received: 3, succeeded: 1, droppedRepeated: 1 });
    expect(fixture.ledger.bank.simulate(transaction, processed())).toEqual({ kind: 'not-executable', err: 'AlreadyProcessed' });
  });

  test('with a signature that is not its own it never lands', () => {
    const wire = Buffer.from(signed([fixture.setStatus(fixture.user(), 'up')]).wire);
    wire[5] = (wire[5] ?? 0) ^ 1;
    fixture.ledger.bank.submit(parseTransaction(wire));
    fixture.ledger.bank.advance();
    expect(fixture.ledger.bank.counters).toMatchObject({ succeeded: 0, failed: 0, droppedBadSignature: 1 });
  });
});

describe('whole or not at all', () => {
  test('a failing instruction undoes those before it, and the fee is paid', () => {
    const [good, closed] = [fixture.user(), fixture.user()];
    fixture.ledger.admin.deleteUser(closed);
    const before = publisherBalance();
    const { err, logs } = fixture.land([fixture.setStatus(good, 'up'), fixture.setStatus(closed, 'up'), fixture.setStatus(good, 'down')]);
    expect(err).toEqual({ InstructionError: [1, 'ProgramFailedToComplete'] });
    expect(logs.filter((line) => line.endsWith('success'))).toHaveLength(1);
    expect(fixture.record(good)).toEqual({ bgpStatus: 0, lastBgpUpAt: 0n, lastBgpReportedAt: 0n, bgpRttNs: 0n });
    expect(before - publisherBalance()).toBe(5000n);
  });

  test('twenty users fit one transaction', () => {
    const users = Array.from({ length: 20 }, () => fixture.user());
    const { err, signature } = fixture.land(users.map((user) => fixture.setStatus(user, 'up', 5)));
    expect(err).toBeNull();
    expect(fixture.ledger.bank.replica().status(signature)?.landed.transaction.wire).toHaveLength(1210);
    expect(users.map((user) => fixture.record(user).bgpStatus)).toEqual(users.map(() => 1));
  });

  test('a payer that cannot pay the fee is dropped, not charged', () => {
    fixture.ledger.admin.fund(addressOfKey(fixture.publisher), lamports(4_999n));
    expect(fixture.land([fixture.setStatus(fixture.user(), 'up')]).err).toBe('lost');
    expect(publisherBalance()).toBe(4_999n);
    expect(fixture.ledger.bank.simulate(signed([unitLimit(1000)]), processed())).toEqual({
      kind: 'not-executable',
      err: 'InsufficientFundsForFee',
    });
  });

  test('a payer that the fee would leave with less than rent is dropped; down to nothing is allowed', () => {
    fixture.ledger.admin.fund(addressOfKey(fixture.publisher), lamports(893_000n));
    expect(fixture.ledger.bank.simulate(signed([unitLimit(1000)]), processed()).err).toEqual({
      InsufficientFundsForRent: { account_index: 0 },
    });
    fixture.ledger.admin.fund(addressOfKey(fixture.publisher), lamports(5_000n));
    expect(fixture.ledger.bank.simulate(signed([unitLimit(1000)]), processed()).err).toBeNull();
  });

  test('a program that is not there, or is no program, is a loading error', () => {
    const call = (key: PublicKey) => ({ keys: [], programId: key, data: Buffer.alloc(0) });
    expect(fixture.ledger.bank.simulate(signed([call(keypair('x').publicKey)]), processed()).err).toBe('ProgramAccountNotFound');
    expect(fixture.ledger.bank.simulate(signed([call(new PublicKey(fixture.device))]), processed()).err).toBe('InvalidProgramForExecution');
  });
});

describe('the system program', () => {
  test('transfers, and refuses to overdraw', () => {
    const to = keypair('to').publicKey;
    const transfer = (amount: bigint) =>
      SystemProgram.transfer({ fromPubkey: fixture.publisher.publicKey, toPubkey: to, lamports: amount });
    expect(fixture.land([transfer(SOL)]).err).toBeNull();
    expect(balance(addressOfKey(keypair('to')))).toBe(SOL);
    const { err, logs } = fixture.land([transfer(100n * SOL)]);
    expect(err).toEqual({ InstructionError: [0, { Custom: 1 }] });
    expect(logs).toContain('Transfer: insufficient lamports 8999990000, need 100000000000');
  });

  test('creates an account once', () => {
    const fresh = keypair('fresh');
    const create = SystemProgram.createAccount({
      fromPubkey: fixture.publisher.publicKey,
      newAccountPubkey: fresh.publicKey,
      lamports: 2_000_000,
      space: 100,
      programId: new PublicKey(fixture.ledger.programId),
    });
    expect(fixture.land([create], { signers: [fixture.publisher, fresh] }).err).toBeNull();
    expect(fixture.ledger.bank.account(addressOfKey(fresh))).toMatchObject({ owner: fixture.ledger.programId, data: new Uint8Array(100) });
    expect(fixture.land([create], { signers: [fixture.publisher, fresh] }).err).toEqual({ InstructionError: [0, { Custom: 0 }] });
  });

  test('an account left with less than its rent undoes the transaction', () => {
    const poor = SystemProgram.transfer({ fromPubkey: fixture.publisher.publicKey, toPubkey: keypair('to').publicKey, lamports: 1 });
    expect(fixture.land([poor]).err).toEqual({ InsufficientFundsForRent: { account_index: 1 } });
  });
});

describe('compute units', () => {
  test('a limit below the need fails the transaction, which pays its fee', () => {
    const user = fixture.user();
    const need = fixture.land([fixture.setStatus(user, 'up')]).unitsConsumed;
    expect(fixture.land([unitLimit(need + 150), fixture.setStatus(user, 'up')])).toMatchObject({ err: null, unitsConsumed: need + 150 });
    const short = fixture.land([unitLimit(need + 149), fixture.setStatus(user, 'down')]);
    expect(short).toMatchObject({ err: { InstructionError: [1, 'ComputationalBudgetExceeded'] }, unitsConsumed: need + 149 });
    expect(short.logs.at(-1)).toBe(`Program ${fixture.ledger.programId} failed: Computational budget exceeded`);
    expect(fixture.record(user).bgpStatus).toBe(1);
  });

  test('a price is paid for the units asked for', () => {
    const before = publisherBalance();
    fixture.land([
      unitLimit(100_000),
      ComputeBudgetProgram.setComputeUnitPrice({ microLamports: 30 }),
      fixture.setStatus(fixture.user(), 'up'),
    ]);
    expect(before - publisherBalance()).toBe(5_003n);
  });

  test('a larger heap frame makes room for a device with many interfaces', () => {
    const user = fixture.user();
    fixture.ledger.admin.changeDevice(fixture.device, { interfaces: 100 });
    const heap = ComputeBudgetProgram.requestHeapFrame({ bytes: 256 * 1024 });
    expect(fixture.land([fixture.setStatus(user, 'up')]).err).toEqual({ InstructionError: [0, 'ProgramFailedToComplete'] });
    expect(fixture.land([heap, fixture.setStatus(user, 'up')]).err).toBeNull();
  });

  test('a budget instruction twice, or one that makes no sense, is refused', () => {
    expect(fixture.ledger.bank.simulate(signed([unitLimit(1), unitLimit(2)]), processed()).err).toEqual({ DuplicateInstruction: 1 });
    const odd = ComputeBudgetProgram.requestHeapFrame({ bytes: 1000 });
    expect(fixture.ledger.bank.simulate(signed([odd]), processed()).err).toEqual({ InstructionError: [0, 'InvalidInstructionData'] });
  });

  test('without a limit only eight transactions that write one account fit a block; the rest wait for the next', () => {
    const users = Array.from({ length: 20 }, () => fixture.user());
    const landedIn: bigint[] = [];
    fixture.ledger.bank.onLanded(({ slot }: LandedTransaction) => landedIn.push(BigInt(slot)));
    const first = fixture.slot() + 1n;
    for (const user of users) {
      const seven = Array.from({ length: 7 }, () => fixture.setStatus(user, 'up'));
      fixture.ledger.bank.submit(signed(seven));
    }
    fixture.ledger.bank.advance(3);
    expect(landedIn.map((slot) => Number(slot - first))).toEqual([...Array(8).fill(0), ...Array(8).fill(1), ...Array(4).fill(2)]);
  });

  test('with a limit of 20,000 units a user thirty transactions fit', () => {
    const user = fixture.user();
    for (let serial = 0; serial < 40; serial++) {
      const transaction = signed([unitLimit(19 * 20_000), fixture.setStatus(user, 'up', serial)]);
      fixture.ledger.bank.submit(transaction);
    }
    fixture.ledger.bank.advance();
    expect(fixture.ledger.bank.counters.succeeded).toBe(30);
  });

  test('the sixty-fifth instruction is one too many', () => {
    const user = fixture.user();
    const short = fixture.setStatus(user, 'up');
    short.data = short.data.subarray(0, 2); // the form without round-trip time, so that 65 fit
    expect(fixture.land(Array.from({ length: 64 }, () => short)).err).toBeNull();
    expect(fixture.land(Array.from({ length: 65 }, () => short)).err).toEqual({
      InstructionError: [64, 'MaxInstructionTraceLengthExceeded'],
    });
  });
});

describe('forks', () => {
  test('transactions of the undone blocks are lost, with what they wrote and their blockhashes', () => {
    const user = fixture.user();
    fixture.land([fixture.setStatus(user, 'up')]);
    fixture.ledger.bank.advance(31);
    const { signature } = fixture.land([fixture.setStatus(user, 'down')]);
    const undone = processed().latestBlockhash().blockhash;
    fixture.ledger.bank.rollBack(1);
    expect([statusOf(signature), processed().isBlockhashValid(undone), fixture.record(user).bgpStatus]).toEqual([undefined, false, 1]);
    fixture.ledger.bank.advance();
    expect([statusOf(signature), processed().isBlockhashValid(undone), fixture.record(user).bgpStatus]).toEqual([undefined, false, 1]);
  });

  test('they land again where they are put back, and the world keeps what its administration changed', () => {
    const user = fixture.user();
    const { signature } = fixture.land([fixture.setStatus(user, 'up')]);
    const created = fixture.user();
    fixture.ledger.bank.rollBack(1, { requeue: true });
    expect(statusOf(signature)).toBeUndefined();
    fixture.ledger.bank.advance();
    expect([statusOf(signature), fixture.record(user).bgpStatus, fixture.record(created).bgpStatus]).toEqual(['processed', 1, 0]);
  });

  test('what is finalized stays', () => {
    const { signature } = fixture.land([fixture.setStatus(fixture.user(), 'up')]);
    fixture.ledger.bank.advance(32);
    expect(statusOf(signature)).toBe('finalized');
    fixture.ledger.bank.rollBack(1000);
    fixture.ledger.bank.rollBack(1000);
    expect(statusOf(signature)).toBe('finalized');
    expect(fixture.ledger.bank.replica().view('finalized').blockHeight).toBe(processed().blockHeight);
  });

  test('a chain that is rolled back counts its slots anew, and forgets what was finalized after', () => {
    const user = fixture.user();
    fixture.land([fixture.setStatus(user, 'up')]);
    const { slot: then } = processed();
    const { signature } = fixture.land([fixture.setStatus(user, 'down')]);
    fixture.ledger.bank.advance(100);
    const created = fixture.user();
    expect(statusOf(signature)).toBe('finalized');
    fixture.ledger.bank.rollBackToSlot(then);
    expect([processed().slot, statusOf(signature)]).toEqual([then, undefined]);
    expect([fixture.record(user).bgpStatus, fixture.record(created).bgpStatus]).toEqual([1, 0]);
    const { signature: again } = fixture.land([fixture.setStatus(user, 'down')]);
    expect([processed().slot > then, processed().slot < then + 10n, statusOf(again)]).toEqual([true, true, 'processed']);
    expect(() => fixture.ledger.bank.rollBackToSlot(-1n)).toThrow('slot -1 is too old');
  });
});

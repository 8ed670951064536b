import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../../platform/index.ts';
import { type Address, type Lamports, lamports, slot } from '../../../serviceability/index.ts';
import { type Account, type Executed, executeTransaction, type NotExecutable, type Program } from '../runtime/index.ts';
import { encodeBase58, hasValidSignatures, type ParsedTransaction, SYSTEM_PROGRAM } from '../transaction/index.ts';
import { createAccountStore } from './account-store.ts';
import { createBlockHistory } from './block-history.ts';
import { BLOCKHASH_LIFETIME, createBlockhashes } from './blockhashes.ts';
import { createFaucet, FAUCET_BALANCE } from './faucet.ts';
import { type PerformanceSample, performanceSamples } from './performance.ts';
import { type BankView, createReplica, type Replica } from './replica.ts';
import { createSlotTimer } from './slot-timer.ts';
import { createTransactionHistory, type LandedTransaction } from './transaction-history.ts';
import { createTransactionPool } from './transaction-pool.ts';

/** What a fault may do to the chain itself; asked again at each slot. */
export interface ChainFaults {
  /** No slot begins. */
  readonly frozen: boolean;
  /** Chance of a slot without a block. */
  readonly skipSlotProbability: number;
  /** Blocks that a blockhash is honoured for; the answers go on to promise 150. */
  readonly blockhashLifetime: number;
}

export interface BankOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds a slot. */
  readonly slotMs?: number | undefined;
  /** Blocks on top of a block until it is confirmed. */
  readonly confirmedAfter?: number | undefined;
  /** Blocks on top of a block until it is finalized. */
  readonly finalizedAfter?: number | undefined;
  /** Landed transactions that are remembered with logs and balances. */
  readonly rememberedTransactions?: number | undefined;
  readonly programs: ReadonlyMap<Address, Program>;
  /** The accounts that the chain begins with; the faucet's is added. */
  readonly genesis: ReadonlyMap<Address, Account>;
  readonly chainFaults: () => ChainFaults;
}

/** What became of the transactions handed to the bank, since it began. */
export interface BankCounters {
  received: number;
  /** In a block, all instructions done. */
  succeeded: number;
  /** In a block, fee paid, nothing done. */
  failed: number;
  droppedBadSignature: number;
  droppedExpired: number;
  droppedRepeated: number;
  /** No block could hold it: an unpayable fee, a missing program, too many locks. */
  droppedNotExecutable: number;
  droppedPoolFull: number;
}

export interface Bank {
  readonly genesisHash: string;
  readonly slotMs: number;
  readonly faucet: Address;
  readonly counters: Readonly<BankCounters>;
  /** What a node sees now that is `lagBlocks` behind. Good for this moment: ask again rather than keep it. */
  replica(lagBlocks?: number): Replica;
  /** Queues a transaction for the next block, or one `delaySlots` later. A signature that waits already is not queued twice. */
  submit(transaction: ParsedTransaction, options?: { readonly delaySlots?: number; readonly again?: boolean }): void;
  /** Runs it on a view's state and leaves nothing behind. */
  simulate(transaction: ParsedTransaction, view: BankView, options?: { readonly anyBlockhash?: boolean }): Executed | NotExecutable;
  /** Pays from the faucet with a real transaction, which lands in the next block; returns its signature. */
  airdrop(to: Address, amount: Lamports): string;
  /** Writes the account as part of the world, not of a transaction: at the newest slot, or into genesis while time has not begun. */
  putAccount(address: Address, account: Account | undefined): void;
  /** The account as the newest block left it. */
  account(address: Address): Account | undefined;
  /** Lets slots pass at once, whatever the clock says; frozen ones too. */
  advance(slots?: number): void;
  /** A fork: undoes the transactions of the newest blocks (never a finalized one). They are lost, or with `requeue` wait for a block again. */
  rollBack(blocks: number, options?: { readonly requeue?: boolean }): void;
  /** When the slot began, milliseconds since 1970; undefined for a slot to come, or one no longer remembered. */
  slotTimeMs(slot: bigint): number | undefined;
  performanceSamples(limit: number): readonly PerformanceSample[];
  /** Calls the listener for each transaction that lands, in order; returns what ends it. */
  onLanded(listener: (landed: LandedTransaction) => void): () => void;
}

/** Blocks that exist when the chain begins, so that genesis is finalized and blockhashes have a past. */
const GENESIS_BLOCKS = 64;
const SWEEP_EVERY_BLOCKS = 1024;

/**
 * A single-node Solana chain without consensus, I/O or timers. Time is asked for at each call, and the slots that have passed since then are
 * played: each takes what fits from the pool, in order, and every transaction is whole or undone.
 *
 *   submit ──► TransactionPool ──(a slot begins)──► execute ──► AccountStore + TransactionHistory ──► replica().view(commitment)
 */
export function createBank(options: BankOptions): Bank {
  const { clock, random, slotMs = 400, confirmedAfter = 1, finalizedAfter = 32, rememberedTransactions = 8192, programs } = options;
  const genesisHash = createHash('sha256').update(`localnet ${random()}`).digest();
  const depth = { processed: 0, confirmed: confirmedAfter, finalized: finalizedAfter };
  const timer = createSlotTimer({ clock, slotMs });
  const accounts = createAccountStore();
  const blockhashes = createBlockhashes(genesisHash);
  const pool = createTransactionPool();
  const history = createTransactionHistory(rememberedTransactions);
  const faucet = createFaucet(genesisHash);
  const listeners = new Set<(landed: LandedTransaction) => void>();
  const counters: BankCounters = {
    received: 0,
    succeeded: 0,
    failed: 0,
    droppedBadSignature: 0,
    droppedExpired: 0,
    droppedRepeated: 0,
    droppedNotExecutable: 0,
    droppedPoolFull: 0,
  };

  const firstBlockMs = clock.wall() - GENESIS_BLOCKS * slotMs;
  const blocks = createBlockHistory({ slot: 0, timeMs: firstBlockMs, totalTransactions: 0 });
  for (let height = 1; height <= GENESIS_BLOCKS; height++) {
    blocks.append({ slot: height, timeMs: firstBlockMs + height * slotMs, totalTransactions: 0 });
  }
  for (const [address, account] of options.genesis) accounts.write(address, account, 0);
  accounts.write(faucet.address, accountOf(FAUCET_BALANCE), 0);

  let currentSlot = GENESIS_BLOCKS;
  let playing = false;

  const replica = (lagBlocks = 0): Replica => {
    catchUp();
    const { blockhashLifetime } = options.chainFaults();
    return createReplica({ blocks, blockhashes, accounts, history, lagBlocks, depth, blockhashLifetime });
  };

  const simulate: Bank['simulate'] = (transaction, view, { anyBlockhash = false } = {}) => {
    if (!anyBlockhash && !view.isBlockhashValid(transaction.recentBlockhash)) return { kind: 'not-executable', err: 'BlockhashNotFound' };
    const landed = history.get(transaction.signature);
    if (!anyBlockhash && landed !== undefined && landed.slot <= view.slot) return { kind: 'not-executable', err: 'AlreadyProcessed' };
    return executeTransaction(transaction, { slot: view.slot, programs, readAccount: view.account });
  };

  /** Plays the slots that have passed. A listener that asks the bank something while one is played finds it as it stands. */
  function catchUp(): void {
    if (playing) return;
    for (const timeMs of timer.due()) {
      if (!options.chainFaults().frozen) playSlot(timeMs);
    }
  }

  function playSlot(timeMs: number): void {
    const { skipSlotProbability, blockhashLifetime } = options.chainFaults();
    currentSlot += 1;
    if (skipSlotProbability > 0 && random() < skipSlotProbability) return;
    const { totalTransactions } = blocks.tip;
    blocks.append({ slot: currentSlot, timeMs, totalTransactions });
    playing = true;
    try {
      const taken = pool.takeBlock(currentSlot);
      const landed = taken.filter((transaction) => land(transaction, Math.min(blockhashLifetime, BLOCKHASH_LIFETIME)));
      blocks.setTotalTransactions(totalTransactions + landed.length);
    } finally {
      playing = false;
    }
    if (blocks.tip.height % SWEEP_EVERY_BLOCKS === 0) accounts.sweep(currentSlot);
  }

  /** Runs one transaction in the newest block; false when no block can hold it. */
  function land(transaction: ParsedTransaction, blockhashLifetime: number): boolean {
    const { height } = blocks.tip;
    const hashHeight = blockhashes.heightOf(transaction.recentBlockhash);
    if (!hasValidSignatures(transaction)) counters.droppedBadSignature += 1;
    else if (hashHeight === undefined || hashHeight >= height || height - hashHeight > blockhashLifetime) counters.droppedExpired += 1;
    else if (history.get(transaction.signature) !== undefined) counters.droppedRepeated += 1;
    else {
      const result = executeTransaction(transaction, {
        slot: slot(currentSlot),
        programs,
        readAccount: (address) => accounts.read(address, currentSlot),
      });
      if (result.kind === 'executed') {
        record({ transaction, slot: currentSlot, height, result });
        return true;
      }
      counters.droppedNotExecutable += 1;
    }
    return false;
  }

  function record(landed: LandedTransaction): void {
    for (const [address, account] of landed.result.writes) accounts.write(address, account, landed.slot);
    history.add(landed);
    if (landed.result.err === null) counters.succeeded += 1;
    else counters.failed += 1;
    for (const listener of listeners) listener(landed);
  }

  function submit(transaction: ParsedTransaction, { delaySlots = 0, again = false }: { delaySlots?: number; again?: boolean } = {}): void {
    catchUp();
    counters.received += 1;
    if (!again && pool.has(transaction.signature)) return;
    if (!pool.add(transaction, currentSlot + 1 + delaySlots)) counters.droppedPoolFull += 1;
  }

  return {
    genesisHash: encodeBase58(genesisHash),
    slotMs,
    faucet: faucet.address,
    counters,
    replica,
    submit,
    simulate,
    airdrop(to, amount) {
      catchUp();
      const transaction = faucet.transfer(to, amount, blockhashes.at(blocks.tip.height));
      submit(transaction);
      return transaction.signature;
    },
    putAccount(address, account) {
      if (timer.begun) catchUp();
      accounts.write(address, account, timer.begun ? currentSlot : 0, { pinned: true });
    },
    account(address) {
      if (timer.begun) catchUp();
      return accounts.read(address, currentSlot);
    },
    advance(slots = 1) {
      catchUp();
      for (let count = 0; count < slots; count++) playSlot(timer.skipAhead());
    },
    rollBack(count, { requeue = false } = {}) {
      catchUp();
      const kept = blocks.at(blocks.tip.height - Math.min(count, finalizedAfter - 1));
      const undone = history.takeAbove(kept.height);
      accounts.discardAfter(kept.slot);
      blocks.truncate(kept.height);
      blockhashes.fork(kept.height + 1);
      if (requeue) for (const { transaction } of undone) pool.add(transaction, currentSlot + 1);
    },
    slotTimeMs(wanted) {
      catchUp();
      return wanted > BigInt(currentSlot) ? undefined : blocks.atOrBefore(Number(wanted))?.timeMs;
    },
    performanceSamples(limit) {
      catchUp();
      return performanceSamples(blocks, limit);
    },
    onLanded(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const accountOf = (balance: bigint): Account => ({
  owner: SYSTEM_PROGRAM,
  lamports: lamports(balance),
  data: new Uint8Array(),
  executable: false,
  rentEpoch: 0xffff_ffff_ffff_ffffn,
});

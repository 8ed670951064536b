import { createHash } from 'node:crypto';
import { lamports } from '../../../serviceability/index.ts';
import { createAccount, executeTransaction, SLOTS_PER_EPOCH } from '../runtime/index.ts';
import { decodeBase58, encodeBase58, type ParsedTransaction, SYSTEM_PROGRAM } from '../transaction/index.ts';
import { createAccountStore } from './account-store.ts';
import type { Bank, BankOptions } from './bank-contract.ts';
import { type Block, createBlockHistory } from './block-history.ts';
import { createBlockProducer } from './block-producer.ts';
import { BLOCKHASH_LIFETIME, createBlockhashes } from './blockhashes.ts';
import { createFaucet, FAUCET_BALANCE } from './faucet.ts';
import { performanceSamples } from './performance.ts';
import { createReplica, type Replica } from './replica.ts';
import { createSlotTimer } from './slot-timer.ts';
import { createTransactionHistory, type LandedTransaction } from './transaction-history.ts';
import { createTransactionPool } from './transaction-pool.ts';

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
  const slotsPerEpoch = options.slotsPerEpoch ?? SLOTS_PER_EPOCH;
  const { origin } = options;
  const genesisHash =
    (origin === undefined ? undefined : decodeBase58(origin.genesisHash)) ?? createHash('sha256').update(`localnet ${random()}`).digest();
  const gap = origin === undefined ? 0 : BLOCKHASH_LIFETIME + 1;
  const first = { slot: (origin?.slot ?? GENESIS_BLOCKS) + gap, height: (origin?.height ?? GENESIS_BLOCKS) + gap };
  const depth = { processed: 0, confirmed: confirmedAfter, finalized: finalizedAfter };
  const timer = createSlotTimer({ clock, slotMs });
  const accounts = createAccountStore();
  const blockhashes = createBlockhashes(genesisHash);
  const pool = createTransactionPool();
  const history = createTransactionHistory(rememberedTransactions);
  const faucet = createFaucet(genesisHash);
  const listeners = new Set<(landed: LandedTransaction) => void>();

  const firstBlockMs = clock.wall() - GENESIS_BLOCKS * slotMs;
  const firstSlot = first.slot - GENESIS_BLOCKS;
  const blocks = createBlockHistory({ slot: firstSlot, timeMs: firstBlockMs, totalTransactions: 0 }, first.height - GENESIS_BLOCKS);
  for (let count = 1; count <= GENESIS_BLOCKS; count++) {
    blocks.append({ slot: firstSlot + count, timeMs: firstBlockMs + count * slotMs, totalTransactions: 0 });
  }
  const producer = createBlockProducer({
    accounts,
    blocks,
    blockhashes,
    history,
    programs,
    slotsPerEpoch,
    onLanded(landed) {
      for (const listener of listeners) listener(landed);
    },
  });
  const { counters } = producer;
  for (const [address, account] of options.genesis) accounts.write(address, account, 0);
  accounts.write(faucet.address, createAccount(SYSTEM_PROGRAM, new Uint8Array(), lamports(FAUCET_BALANCE)), 0);

  let currentSlot = first.slot;
  /** The newest height that was ever finalized. */
  let root = first.height - finalizedAfter;
  let playing = false;

  const replica = (lagBlocks = 0): Replica => {
    catchUp();
    const { blockhashLifetime } = options.chainFaults();
    return createReplica({ blocks, blockhashes, accounts, history, lagBlocks, root, depth, blockhashLifetime });
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
    root = Math.max(root, blocks.tip.height - finalizedAfter);
    playing = true;
    try {
      blocks.setTotalTransactions(totalTransactions + producer.fill(pool.takeBlock(currentSlot), blockhashLifetime));
    } finally {
      playing = false;
    }
    if (blocks.tip.height % SWEEP_EVERY_BLOCKS === 0) accounts.sweep(currentSlot);
  }

  /** Undoes what came after this block, and tells what had landed there. */
  function undoAfter({ slot, height }: Pick<Block, 'slot' | 'height'>): readonly LandedTransaction[] {
    const undone = history.takeAbove(height);
    accounts.discardAfter(slot);
    blocks.truncate(height);
    blockhashes.fork(height + 1);
    return undone;
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
    slotsPerEpoch,
    faucet: faucet.address,
    counters,
    begin: timer.begin,
    replica,
    submit,
    include(build) {
      if (timer.begun) catchUp();
      const { totalTransactions, height } = blocks.tip;
      const transaction = build(blockhashes.at(height - 1));
      const landed = producer.fill([transaction], BLOCKHASH_LIFETIME, timer.begun ? currentSlot : 0);
      blocks.setTotalTransactions(totalTransactions + landed);
      return landed === 0 ? undefined : history.get(transaction.signature);
    },
    simulate(transaction, view, { anyBlockhash = false } = {}) {
      if (!anyBlockhash && !view.isBlockhashValid(transaction.recentBlockhash)) return { kind: 'not-executable', err: 'BlockhashNotFound' };
      const landed = history.get(transaction.signature);
      if (!anyBlockhash && landed !== undefined && landed.slot <= view.slot) return { kind: 'not-executable', err: 'AlreadyProcessed' };
      return executeTransaction(transaction, { slot: view.slot, slotsPerEpoch, programs, readAccount: view.account });
    },
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
    save() {
      catchUp();
      return { genesisHash: encodeBase58(genesisHash), slot: currentSlot, height: blocks.tip.height, accounts: new Map(accounts.all()) };
    },
    load(loaded) {
      if (timer.begun) throw new Error('accounts are loaded before time begins');
      accounts.clear();
      for (const [address, account] of loaded) accounts.write(address, account, 0);
    },
    advance(slots = 1) {
      catchUp();
      for (let count = 0; count < slots; count++) playSlot(timer.skipAhead());
    },
    setBack(to) {
      catchUp();
      const kept = blocks.atOrBefore(Number(to));
      if (kept === undefined) throw new Error(`slot ${to} is not remembered`);
      undoAfter(kept);
      accounts.bringDown(kept.slot);
      root = Math.min(root, kept.height);
      currentSlot = kept.slot;
    },
    rollBack(count, { requeue = false } = {}) {
      catchUp();
      const undone = undoAfter(blocks.at(Math.max(root, blocks.tip.height - count)));
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

import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../src/lib/index.ts';
import { type Address, addressBytes, type Lamports, lamports, type Slot, slot } from '../../src/serviceability/index.ts';
import { type BankCounters, BLOCKHASH_LIFETIME, type Block, BlockHistory, Blockhashes, createBlockProducer, SlotTimer } from './blocks.ts';
import {
  type Account,
  createAccount,
  type Executed,
  executeTransaction,
  findLockProblem,
  type NotExecutable,
  type Program,
  SLOTS_PER_EPOCH,
} from './runtime.ts';
import { AccountStore, type AccountWrite, type LandedTransaction, TransactionHistory, TransactionPool } from './stores.ts';
import { createSigner, decodeBase58, encodeBase58, type ParsedTransaction, parseTransaction, SYSTEM_PROGRAM } from './transaction.ts';

/** Initial balance of the faucet: half a billion SOL. */
const FAUCET_BALANCE = 500_000_000_000_000_000n;

const SYSTEM_TRANSFER = 2;

/** The key that pays airdrops, derived from the chain. Its transfers are real transactions: they land, are in the history and cost a fee. */
function createFaucet(genesisHash: Uint8Array) {
  const signer = createSigner(createHash('sha256').update('faucet').update(genesisHash).digest());
  let serial = 0n;

  return {
    address: signer.address,
    /** A signed transfer; every call returns a different transaction. */
    transfer(to: Address, amount: Lamports, blockhash: string): ParsedTransaction {
      serial += 1n;
      const message = Buffer.concat([
        Uint8Array.of(1, 0, 1, 3),
        signer.publicKey,
        addressBytes(to),
        addressBytes(SYSTEM_PROGRAM),
        decodeBase58(blockhash) ?? new Uint8Array(32),
        Uint8Array.of(2),
        transferInstruction(1, amount),
        transferInstruction(0, serial), // to itself: gives each airdrop a unique signature
      ]);
      return parseTransaction(Buffer.concat([Uint8Array.of(1), signer.sign(message), message]));
    },
  };
}

/** A transfer from account 0 to account `toIndex` in compiled form; the system program is account 2. */
function transferInstruction(toIndex: number, amount: bigint): Uint8Array {
  const data = Buffer.alloc(12);
  data.writeUInt32LE(SYSTEM_TRANSFER, 0);
  data.writeBigUInt64LE(amount, 4);
  return Buffer.concat([Uint8Array.of(2, 2, 0, toIndex, data.length), data]);
}

interface PerformanceSample {
  /** The last slot of the sample. */
  readonly slot: number;
  readonly slots: number;
  readonly transactions: number;
  readonly periodSeconds: number;
}

const PERIOD_SECONDS = 60;
const SHORTEST_SECONDS = 2;

/**
 * Slots and transactions of the last minute, and of the whole minutes before it, newest first. A validator gives its first sample after a
 * minute; here the newest one slides, and is as long as the chain is old, from two seconds on.
 */
function performanceSamples(blocks: BlockHistory, limit: number): readonly PerformanceSample[] {
  const samples: PerformanceSample[] = [];
  const oldestMs = blocks.at(0).timeMs;
  let endMs = blocks.tip.timeMs;
  while (samples.length < limit) {
    const periodSeconds = Math.min(PERIOD_SECONDS, Math.floor((endMs - oldestMs) / 1000));
    const isWhole = periodSeconds === PERIOD_SECONDS || (samples.length === 0 && periodSeconds >= SHORTEST_SECONDS);
    if (!isWhole) break;
    const last = blocks.atTime(endMs);
    const first = blocks.atTime(endMs - periodSeconds * 1000);
    samples.push({
      slot: last.slot,
      slots: last.slot - first.slot,
      transactions: last.totalTransactions - first.totalTransactions,
      periodSeconds,
    });
    endMs -= PERIOD_SECONDS * 1000;
  }
  return samples;
}

export type Commitment = 'processed' | 'confirmed' | 'finalized';

/** The state at one commitment. */
export interface BankView {
  readonly slot: Slot;
  readonly blockHeight: bigint;
  account(address: Address): Account | undefined;
  accountsOf(owner: Address): Iterable<readonly [Address, Account]>;
  /** The accounts written from this slot on, each as it stands, in no order. */
  writtenSince(first: number): Iterable<AccountWrite>;
  latestBlockhash(): { readonly blockhash: string; readonly lastValidBlockHeight: bigint };
  isBlockhashValid(blockhash: string): boolean;
}

export interface LandedStatus {
  readonly landed: LandedTransaction;
  readonly slot: Slot;
  readonly confirmationStatus: Commitment;
  /** Blocks on top of it; null once it is finalized. */
  readonly confirmations: number | null;
  /** Whether it is new enough for the status cache (300 blocks), where a search without history finds it. */
  readonly isRecent: boolean;
}

/** The view of a node that may lag behind the tip. */
export interface Replica {
  view(commitment: Commitment): BankView;
  /** The newest blocks after this slot, at most 64, oldest first, each with the slot of the block before it. */
  blocksAfter(slot: number): readonly { readonly slot: number; readonly parent: number }[];
  status(signature: string): LandedStatus | undefined;
  /** Landed transactions that name the address and have reached this commitment, newest first. */
  naming(address: Address, commitment: Commitment): Iterable<LandedStatus>;
}

const STATUS_CACHE_BLOCKS = 300;
const MOST_BLOCKS = 64;

interface ReplicaOptions {
  readonly blocks: BlockHistory;
  readonly blockhashes: Blockhashes;
  readonly accounts: AccountStore;
  readonly history: TransactionHistory;
  readonly lagBlocks: number;
  /** The newest height that was ever finalized at the tip. */
  readonly root: number;
  /** Blocks after which one is confirmed, and finalized. */
  readonly depth: Readonly<Record<Commitment, number>>;
  /** Blocks that a blockhash is honored for. */
  readonly blockhashLifetime: number;
}

function createReplica(options: ReplicaOptions): Replica {
  const { blocks, history, depth } = options;
  const tip = blocks.at(blocks.tip.height - options.lagBlocks).height;
  // After a fork the tip is lower, but what was finalized stays so.
  const finalized = Math.max(tip - depth.finalized, options.root - options.lagBlocks);
  const heightOf = (commitment: Commitment): number =>
    commitment === 'finalized' ? finalized : Math.max(tip - depth[commitment], finalized);

  const statusOf = (landed: LandedTransaction): LandedStatus | undefined => {
    const age = tip - landed.height;
    if (age < 0) return undefined;
    const reached = (commitment: Commitment): boolean => landed.height <= heightOf(commitment);
    const confirmationStatus = reached('finalized') ? 'finalized' : reached('confirmed') ? 'confirmed' : 'processed';
    return {
      landed,
      slot: slot(landed.slot),
      confirmationStatus,
      confirmations: confirmationStatus === 'finalized' ? null : age,
      isRecent: age <= STATUS_CACHE_BLOCKS,
    };
  };

  return {
    view: (commitment) => createView(options, blocks.at(heightOf(commitment))),
    blocksAfter(after) {
      const found = [];
      for (let height = tip; height > 0 && found.length < MOST_BLOCKS; height -= 1) {
        const block = blocks.at(height);
        if (block.slot <= after) break;
        found.unshift({ slot: block.slot, parent: blocks.at(height - 1).slot });
      }
      return found;
    },
    status(signature) {
      const landed = history.get(signature);
      return landed === undefined ? undefined : statusOf(landed);
    },
    *naming(address, commitment) {
      for (const landed of history.naming(address)) {
        const status = landed.height <= heightOf(commitment) ? statusOf(landed) : undefined;
        if (status !== undefined) yield status;
      }
    },
  };
}

function createView({ accounts, blockhashes, blockhashLifetime }: ReplicaOptions, block: Block): BankView {
  return {
    slot: slot(block.slot),
    blockHeight: BigInt(block.height),
    account: (address) => accounts.read(address, block.slot),
    accountsOf: (owner) => accounts.ownedBy(owner, block.slot),
    writtenSince: (first) => accounts.writtenIn(first, block.slot),
    latestBlockhash: () => ({
      blockhash: blockhashes.at(block.height),
      lastValidBlockHeight: BigInt(block.height + BLOCKHASH_LIFETIME),
    }),
    isBlockhashValid(blockhash) {
      const height = blockhashes.heightOf(blockhash);
      return height !== undefined && height <= block.height && block.height - height <= blockhashLifetime;
    },
  };
}

/** Faults of the chain itself; read at each slot. */
interface ChainFaults {
  /** No slot begins. */
  readonly frozen: boolean;
  /** Chance of a slot without a block. */
  readonly skipSlotProbability: number;
  /** Blocks for which a blockhash is valid; responses still promise 150. */
  readonly blockhashLifetime: number;
}

/** The state from which a chain continues. */
export interface BankState {
  /** Base58. */
  readonly genesisHash: string;
  readonly slot: number;
  readonly height: number;
  readonly accounts: ReadonlyMap<Address, Account>;
}

interface BankOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds a slot. */
  readonly slotMs?: number | undefined;
  /** Blocks on top of a block until it is confirmed. */
  readonly confirmedAfter?: number | undefined;
  /** Blocks on top of a block until it is finalized. */
  readonly finalizedAfter?: number | undefined;
  /** 432,000 without it; a short one lets access passes end within a test. */
  readonly slotsPerEpoch?: bigint | undefined;
  /** Landed transactions that are remembered with logs and balances. */
  readonly rememberedTransactions?: number | undefined;
  readonly programs: ReadonlyMap<Address, Program>;
  /** The accounts that the chain begins with; the faucet's is added. */
  readonly genesis: ReadonlyMap<Address, Account>;
  readonly chainFaults: () => ChainFaults;
  /**
   * The chain continues from here; its accounts come with `load`. It skips a blockhash's lifetime, so earlier transactions cannot land again.
   */
  readonly origin?: Pick<BankState, 'genesisHash' | 'slot' | 'height'> | undefined;
}

export interface Bank {
  readonly genesisHash: string;
  readonly slotMs: number;
  readonly slotsPerEpoch: bigint;
  readonly faucet: Address;
  readonly counters: Readonly<BankCounters>;
  /** Starts time if it is not running; so does the first read of the chain. */
  begin(): void;
  /** The current view of a node that lags by `lagBlocks`. Valid for the moment only. */
  replica(lagBlocks?: number): Replica;
  /** Queues a transaction for the next block, or one `delaySlots` later. A pending signature is not queued twice: the copy that comes first lands. */
  submit(transaction: ParsedTransaction, options?: { readonly delaySlots?: number; readonly again?: boolean }): void;
  /**
   * Runs a transaction in the newest block at once; before time begins it becomes part of genesis. `build` receives the blockhash. Undefined when no
   * block can hold it.
   */
  include(build: (blockhash: string) => ParsedTransaction): LandedTransaction | undefined;
  /** Runs it on a view's state without effects. */
  simulate(transaction: ParsedTransaction, view: BankView, options?: { readonly anyBlockhash?: boolean }): Executed | NotExecutable;
  /** Pays from the faucet with a real transaction, which lands in the next block; returns its signature. */
  airdrop(to: Address, amount: Lamports): string;
  /** Writes an account without a transaction: at the newest slot, or into genesis before time begins. */
  putAccount(address: Address, account: Account | undefined): void;
  /** The account at the newest block. */
  account(address: Address): Account | undefined;
  /** The state at the newest block, without pending and landed transactions. */
  save(): BankState;
  /** Replaces every account, as genesis. Only before time begins; throws Error after. */
  load(accounts: BankState['accounts']): void;
  /** Advances slots at once, independent of the clock, even while frozen. */
  advance(slots?: number): void;
  /** A fork: undoes the transactions of the newest blocks (never a finalized one). They are lost, or with `requeue` wait for another block. */
  rollBack(blocks: number, options?: { readonly requeue?: boolean }): void;
  /**
   * A cluster restart from an old snapshot: undoes all blocks after this slot, including finalized ones, and resets slot and height. Accounts are
   * kept for 512 slots; writes without a transaction stay. Throws Error for a slot that is too old.
   */
  rollBackToSlot(to: bigint): void;
  /** When the slot began, milliseconds since 1970; undefined for a future slot, or one that is too old. */
  slotTimeMs(slot: bigint): number | undefined;
  /** The first slot whose block and transactions are all remembered. */
  firstAvailableSlot(): number;
  performanceSamples(limit: number): readonly PerformanceSample[];
  /** Calls the listener for each transaction that lands, in order; returns what ends it. */
  onLanded(listener: (landed: LandedTransaction) => void): () => void;
}

/** Blocks that exist when the chain begins, so that genesis is finalized and blockhashes have a past. */
const GENESIS_BLOCKS = 64;
const SWEEP_EVERY_BLOCKS = 1024;

/**
 * A single-node Solana chain without consensus, I/O or timers. Each call reads the clock and plays the slots that have passed: each slot takes
 * transactions from the pool, in order, and every transaction is atomic.
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
  const timer = new SlotTimer(clock, slotMs);
  const accounts = new AccountStore();
  const blockhashes = new Blockhashes(genesisHash);
  const pool = new TransactionPool();
  const history = new TransactionHistory(rememberedTransactions);
  const faucet = createFaucet(genesisHash);
  const listeners = new Set<(landed: LandedTransaction) => void>();

  const firstBlockMs = clock.wall() - GENESIS_BLOCKS * slotMs;
  const firstSlot = first.slot - GENESIS_BLOCKS;
  const blocks = new BlockHistory({ slot: firstSlot, timeMs: firstBlockMs, totalTransactions: 0 }, first.height - GENESIS_BLOCKS);
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

  /** Plays the slots that have passed. Listeners that call the bank meanwhile see the current state. */
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

  /** Undoes everything after this block; returns the undone transactions. */
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
    const notBeforeSlot = currentSlot + 1 + delaySlots;
    if (!again && pool.hasten(transaction.signature, notBeforeSlot)) return;
    if (!pool.add(transaction, notBeforeSlot)) counters.droppedPoolFull += 1;
  }

  return {
    genesisHash: encodeBase58(genesisHash),
    slotMs,
    slotsPerEpoch,
    faucet: faucet.address,
    counters,
    begin: () => timer.begin(),
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
      const lockProblem = findLockProblem(transaction);
      if (lockProblem !== undefined) return { kind: 'not-executable', err: lockProblem };
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
      if (timer.begun) throw new Error('accounts must be loaded before time begins');
      accounts.clear();
      for (const [address, account] of loaded) accounts.write(address, account, 0);
    },
    advance(slots = 1) {
      catchUp();
      for (let count = 0; count < slots; count++) playSlot(timer.skipAhead());
    },
    rollBackToSlot(to) {
      catchUp();
      const kept = blocks.atOrBefore(Number(to));
      if (kept === undefined) throw new Error(`slot ${to} is too old`);
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
    firstAvailableSlot() {
      catchUp();
      return Math.max(history.firstSlot ?? 0, blocks.at(0).slot);
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

import type { Clock, Random } from '../../../lib/index.ts';
import type { Address, Lamports } from '../../../serviceability/index.ts';
import type { Account, Executed, NotExecutable, Program } from '../runtime/index.ts';
import type { ParsedTransaction } from '../transaction/index.ts';
import type { BankCounters } from './block-producer.ts';
import type { PerformanceSample } from './performance.ts';
import type { BankView, Replica } from './replica.ts';
import type { LandedTransaction } from './transaction-history.ts';

/** What a fault may do to the chain itself; asked again at each slot. */
export interface ChainFaults {
  /** No slot begins. */
  readonly frozen: boolean;
  /** Chance of a slot without a block. */
  readonly skipSlotProbability: number;
  /** Blocks that a blockhash is honoured for; the answers go on to promise 150. */
  readonly blockhashLifetime: number;
}

/** What a chain goes on from. */
export interface BankState {
  /** Base58. */
  readonly genesisHash: string;
  readonly slot: number;
  readonly height: number;
  readonly accounts: ReadonlyMap<Address, Account>;
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
  /** 432,000 without it; a short one lets access passes end within a test. */
  readonly slotsPerEpoch?: bigint | undefined;
  /** Landed transactions that are remembered with logs and balances. */
  readonly rememberedTransactions?: number | undefined;
  readonly programs: ReadonlyMap<Address, Program>;
  /** The accounts that the chain begins with; the faucet's is added. */
  readonly genesis: ReadonlyMap<Address, Account>;
  readonly chainFaults: () => ChainFaults;
  /**
   * The chain goes on from here instead of beginning anew; its accounts come with `load`. It goes on after a gap of a blockhash's lifetime, so
   * that nothing which landed before can land again.
   */
  readonly origin?: Pick<BankState, 'genesisHash' | 'slot' | 'height'> | undefined;
}

export interface Bank {
  readonly genesisHash: string;
  readonly slotMs: number;
  readonly slotsPerEpoch: bigint;
  readonly faucet: Address;
  readonly counters: Readonly<BankCounters>;
  /** Starts time, unless it runs; the first look at the chain does so too. */
  begin(): void;
  /** What a node sees now that is `lagBlocks` behind. Good for this moment: ask again rather than keep it. */
  replica(lagBlocks?: number): Replica;
  /** Queues a transaction for the next block, or one `delaySlots` later. A signature that waits already is not queued twice. */
  submit(transaction: ParsedTransaction, options?: { readonly delaySlots?: number; readonly again?: boolean }): void;
  /**
   * Runs a transaction in the newest block at once, as if its leader had had it in hand; while time has not begun it is part of genesis. It is built
   * with the blockhash that it gets. undefined when no block can hold it.
   */
  include(build: (blockhash: string) => ParsedTransaction): LandedTransaction | undefined;
  /** Runs it on a view's state and leaves nothing behind. */
  simulate(transaction: ParsedTransaction, view: BankView, options?: { readonly anyBlockhash?: boolean }): Executed | NotExecutable;
  /** Pays from the faucet with a real transaction, which lands in the next block; returns its signature. */
  airdrop(to: Address, amount: Lamports): string;
  /** Writes the account as part of the world, not of a transaction: at the newest slot, or into genesis while time has not begun. */
  putAccount(address: Address, account: Account | undefined): void;
  /** The account as the newest block left it. */
  account(address: Address): Account | undefined;
  /** The state as the newest block left it. Transactions that wait or have landed are no part of it. */
  save(): BankState;
  /** Replaces every account, as genesis. Only before time begins; throws Error after. */
  load(accounts: BankState['accounts']): void;
  /** Lets slots pass at once, whatever the clock says; frozen ones too. */
  advance(slots?: number): void;
  /** A fork: undoes the transactions of the newest blocks (never a finalized one). They are lost, or with `requeue` wait for a block again. */
  rollBack(blocks: number, options?: { readonly requeue?: boolean }): void;
  /**
   * A cluster that is started again from an old snapshot: undoes the blocks after this slot, finalized ones too, and counts slots and heights
   * back with them. Accounts are remembered for 512 slots; what was not written by a transaction stays as it is. Throws Error for a slot
   * that is forgotten.
   */
  setBack(to: bigint): void;
  /** When the slot began, milliseconds since 1970; undefined for a slot to come, or one no longer remembered. */
  slotTimeMs(slot: bigint): number | undefined;
  performanceSamples(limit: number): readonly PerformanceSample[];
  /** Calls the listener for each transaction that lands, in order; returns what ends it. */
  onLanded(listener: (landed: LandedTransaction) => void): () => void;
}

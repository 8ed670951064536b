import type { Address } from '../../src/serviceability/index.ts';
import type { Account, Executed } from './runtime.ts';
import { blockCost, type ComputeBudget, type ParsedTransaction, readComputeBudget, writableAddresses } from './transaction.ts';

/** Slots for which old versions of accounts are kept: more than finalization and any lag fault. */
const RETAINED_SLOTS = 512;

interface Version {
  readonly slot: number;
  /** undefined: the account was closed. */
  readonly account: Account | undefined;
  /** Written by the administration, so not undone by a fork. */
  readonly pinned: boolean;
}

export interface AccountWrite {
  readonly address: Address;
  readonly slot: number;
  /** undefined: the account was closed. */
  readonly account: Account | undefined;
}

/** Accounts with their recent versions, so that each commitment, and a lagging node, has its own view. */
export class AccountStore {
  readonly #accounts = new Map<Address, Version[]>();

  /** Writes an account as of `slot`, which is never before the last one written; one without lamports is closed. */
  write(address: Address, account: Account | undefined, slot: number, { pinned } = { pinned: false }): void {
    const alive = account !== undefined && account.lamports > 0n ? account : undefined;
    const versions = (this.#accounts.get(address) ?? []).filter((version) => version.slot !== slot);
    const firstNeeded = versions.findLastIndex((version) => version.slot <= slot - RETAINED_SLOTS);
    this.#accounts.set(address, [...versions.slice(Math.max(0, firstNeeded)), { slot, account: alive, pinned }]);
  }

  /** The account as it stood at the end of `slot`. */
  read(address: Address, slot: number): Account | undefined {
    return versionAt(this.#accounts.get(address) ?? [], slot)?.account;
  }

  /** The accounts of one owner, as they stood at the end of `slot`. */
  *ownedBy(owner: Address, slot: number): Iterable<readonly [Address, Account]> {
    for (const [address, versions] of this.#accounts) {
      const account = versionAt(versions, slot)?.account;
      if (account?.owner === owner) yield [address, account];
    }
  }

  /** The accounts written from slot `first` to slot `last`, each as its newest write in there left it, with that slot. */
  *writtenIn(first: number, last: number): Iterable<AccountWrite> {
    for (const [address, versions] of this.#accounts) {
      const version = versionAt(versions, last);
      if (version !== undefined && version.slot >= first) yield { address, slot: version.slot, account: version.account };
    }
  }

  /** Every account, as it stands now. */
  *all(): Iterable<readonly [Address, Account]> {
    for (const [address, versions] of this.#accounts) {
      const account = versions.at(-1)?.account;
      if (account !== undefined) yield [address, account];
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#accounts.clear();
  }

  /** Undoes what transactions wrote after `slot`. */
  discardAfter(slot: number): void {
    for (const [address, versions] of this.#accounts) {
      const kept = versions.filter((version) => version.slot <= slot || version.pinned);
      this.#accounts.set(address, kept);
    }
  }

  /** Moves later writes to this slot. */
  bringDown(slot: number): void {
    for (const [address, versions] of this.#accounts) {
      const newest = versions.at(-1);
      if (newest === undefined || newest.slot <= slot) continue;
      this.#accounts.set(address, [...versions.filter((version) => version.slot < slot), { ...newest, slot }]);
    }
  }

  /** Forgets closed accounts that are older than every possible read. */
  sweep(slot: number): void {
    for (const [address, versions] of this.#accounts) {
      const newest = versions.at(-1);
      if (newest === undefined || (newest.account === undefined && newest.slot < slot - RETAINED_SLOTS)) this.#accounts.delete(address);
    }
  }
}

const versionAt = (versions: readonly Version[], slot: number): Version | undefined => versions.findLast((version) => version.slot <= slot);

/** A transaction that is in a block. */
export interface LandedTransaction {
  readonly transaction: ParsedTransaction;
  readonly slot: number;
  readonly height: number;
  readonly result: Executed;
}

/** The newest `limit` landed transactions. */
export class TransactionHistory {
  readonly #limit: number;
  readonly #landed = new Map<string, LandedTransaction>();
  #firstSlot: number | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(signature: string): LandedTransaction | undefined {
    return this.#landed.get(signature);
  }

  add(entry: LandedTransaction): void {
    this.#landed.set(entry.transaction.signature, entry);
    for (const [oldest, { slot }] of this.#landed) {
      if (this.#landed.size <= this.#limit) break;
      this.#landed.delete(oldest);
      this.#firstSlot = slot + 1;
    }
  }

  /** The first slot of which nothing was forgotten; undefined while that is true of all. */
  get firstSlot(): number | undefined {
    return this.#firstSlot;
  }

  /** Transactions that name the address, newest first. */
  *naming(address: Address): Iterable<LandedTransaction> {
    for (const entry of [...this.#landed.values()].reverse()) {
      if (entry.transaction.accountKeys.includes(address)) yield entry;
    }
  }

  /** Forgets, and returns, the transactions above this height. */
  takeAbove(height: number): readonly LandedTransaction[] {
    const undone = [...this.#landed.values()].filter((entry) => entry.height > height);
    for (const { transaction } of undone) this.#landed.delete(transaction.signature);
    return undone;
  }
}

/** Units that one block books for all transactions, and for those that write one account. */
const BLOCK_UNITS = 48_000_000;
const BLOCK_UNITS_PER_WRITABLE_ACCOUNT = 12_000_000;

/** As many transactions as a validator's retry service holds. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly transaction: ParsedTransaction;
  readonly price: bigint;
  readonly cost: number;
  readonly writes: readonly Address[];
  readonly notBeforeSlot: number;
}

/**
 * Transactions on their way into a block. A transaction that would take the block, or one account that it writes, over its units stays for
 * the next block, and the smaller ones behind it may pass.
 */
export class TransactionPool {
  #waiting: Waiting[] = [];

  /** False when no such transaction waits. One that waits for a later slot can now land earlier: another node forwards its own copy. */
  hasten(signature: string, notBeforeSlot: number): boolean {
    const index = this.#waiting.findIndex(({ transaction }) => transaction.signature === signature);
    const waiting = this.#waiting[index];
    if (waiting === undefined) return false;
    if (notBeforeSlot < waiting.notBeforeSlot) this.#waiting[index] = { ...waiting, notBeforeSlot };
    return true;
  }

  /** Queues a transaction for the first block at or after `notBeforeSlot`; false when the pool is full. */
  add(transaction: ParsedTransaction, notBeforeSlot: number): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    const parsed = readComputeBudget(transaction);
    const budget: ComputeBudget | undefined = parsed.ok ? parsed.budget : undefined;
    this.#waiting.push({
      transaction,
      price: budget?.microLamportsPerUnit ?? 0n,
      cost: budget === undefined ? 0 : blockCost(transaction, budget),
      writes: writableAddresses(transaction),
      notBeforeSlot,
    });
    return true;
  }

  /** Takes out what the block of this slot may hold, in the order in which it runs: highest price first, then first come. */
  takeBlock(slot: number): readonly ParsedTransaction[] {
    if (this.#waiting.length === 0) return [];
    const booked = new Map<Address, number>();
    const block: ParsedTransaction[] = [];
    const left: Waiting[] = [];
    let total = 0;
    for (const candidate of this.#waiting.toSorted((a, b) => Number(b.price > a.price) - Number(b.price < a.price))) {
      const { cost, writes } = candidate;
      const fits =
        candidate.notBeforeSlot <= slot &&
        total + cost <= BLOCK_UNITS &&
        writes.every((address) => (booked.get(address) ?? 0) + cost <= BLOCK_UNITS_PER_WRITABLE_ACCOUNT);
      if (!fits) {
        left.push(candidate);
        continue;
      }
      total += cost;
      for (const address of writes) booked.set(address, (booked.get(address) ?? 0) + cost);
      block.push(candidate.transaction);
    }
    this.#waiting = left;
    return block;
  }
}

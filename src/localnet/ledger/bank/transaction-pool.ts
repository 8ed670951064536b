import type { Address } from '../../../serviceability/index.ts';
import { blockCost, type ComputeBudget, readComputeBudget } from '../runtime/index.ts';
import { type ParsedTransaction, writableAddresses } from '../transaction/index.ts';

/** Units that one block books for all transactions, and for those that write one account. */
export const BLOCK_UNITS = 48_000_000;
export const BLOCK_UNITS_PER_WRITABLE_ACCOUNT = 12_000_000;

/** As many transactions as a validator's retry service holds. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly transaction: ParsedTransaction;
  readonly price: bigint;
  readonly cost: number;
  readonly writes: readonly Address[];
  readonly notBeforeSlot: number;
}

export interface TransactionPool {
  readonly size: number;
  has(signature: string): boolean;
  /** Queues a transaction for the first block at or after `notBeforeSlot`; false when the pool is full. */
  add(transaction: ParsedTransaction, notBeforeSlot: number): boolean;
  /** Takes out what the block of this slot may hold, in the order in which it runs: highest price first, then first come. */
  takeBlock(slot: number): readonly ParsedTransaction[];
}

/**
 * Transactions on their way into a block. A transaction that would take the block, or one account that it writes, over its units stays for
 * the next block, and the smaller ones behind it may pass.
 */
export function createTransactionPool(): TransactionPool {
  let waiting: Waiting[] = [];

  return {
    get size() {
      return waiting.length;
    },
    has: (signature) => waiting.some(({ transaction }) => transaction.signature === signature),
    add(transaction, notBeforeSlot) {
      if (waiting.length >= MAX_WAITING) return false;
      const parsed = readComputeBudget(transaction);
      const budget: ComputeBudget | undefined = parsed.ok ? parsed.budget : undefined;
      waiting.push({
        transaction,
        price: budget?.microLamportsPerUnit ?? 0n,
        cost: budget === undefined ? 0 : blockCost(transaction, budget),
        writes: writableAddresses(transaction),
        notBeforeSlot,
      });
      return true;
    },
    takeBlock(slot) {
      if (waiting.length === 0) return [];
      const booked = new Map<Address, number>();
      const block: ParsedTransaction[] = [];
      const left: Waiting[] = [];
      let total = 0;
      for (const candidate of waiting.toSorted((a, b) => Number(b.price > a.price) - Number(b.price < a.price))) {
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
      waiting = left;
      return block;
    },
  };
}

import type { Address } from '../../../serviceability/index.ts';
import type { Executed } from '../runtime/index.ts';
import type { ParsedTransaction } from '../transaction/index.ts';

/** A transaction that is in a block. */
export interface LandedTransaction {
  readonly transaction: ParsedTransaction;
  readonly slot: number;
  readonly height: number;
  readonly result: Executed;
}

export interface TransactionHistory {
  get(signature: string): LandedTransaction | undefined;
  add(landed: LandedTransaction): void;
  /** Transactions that name the address, newest first. */
  naming(address: Address): Iterable<LandedTransaction>;
  /** Forgets, and returns, the transactions above this height. */
  takeAbove(height: number): readonly LandedTransaction[];
}

/** The newest `limit` landed transactions. */
export function createTransactionHistory(limit: number): TransactionHistory {
  const landed = new Map<string, LandedTransaction>();

  return {
    get: (signature) => landed.get(signature),
    add(entry) {
      landed.set(entry.transaction.signature, entry);
      for (const oldest of landed.keys()) {
        if (landed.size <= limit) break;
        landed.delete(oldest);
      }
    },
    *naming(address) {
      for (const entry of [...landed.values()].reverse()) {
        if (entry.transaction.accountKeys.includes(address)) yield entry;
      }
    },
    takeAbove(height) {
      const undone = [...landed.values()].filter((entry) => entry.height > height);
      for (const { transaction } of undone) landed.delete(transaction.signature);
      return undone;
    },
  };
}

import { type Clock, createSlidingSum } from '../platform/index.ts';
import { maxWritesPerTransaction } from '../publisher/index.ts';

/** Bounds of what this process spends (rule 21). */
export interface SpendLimits {
  readonly maxTransactionsPerMinute: number;
  /** Fees of the last 24 hours. */
  readonly maxLamportsPerDay: number;
}

export type Allowance =
  | 'everything'
  /** The last fifth of a limit is kept for what has changed: a refresh can wait. */
  | 'changes'
  | 'nothing';

export interface SpendBudget {
  allowance(): Allowance;
  /** One transaction went out for the first time, and will cost this if it lands. */
  spend(lamports: number): void;
  readonly lamportsOfTheDay: number;
}

/** Solana's fee for one signature, which is all that a transaction of ours has. */
export const LAMPORTS_PER_TRANSACTION = 5_000;

/** Lamports an hour that refreshing every user takes at the least; changes come on top. */
export function refreshLamportsPerHour(users: number, refreshIntervalMs: number): number {
  return Math.ceil(users / maxWritesPerTransaction({ unitLimit: 1 })) * LAMPORTS_PER_TRANSACTION * (HOUR_MS / refreshIntervalMs);
}

const RESERVED_FOR_CHANGES = 0.2;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function createSpendBudget(limits: SpendLimits, clock: Pick<Clock, 'monotonic'>): SpendBudget {
  const transactions = createSlidingSum({ windowMs: MINUTE_MS, buckets: 60, clock });
  const lamports = createSlidingSum({ windowMs: DAY_MS, buckets: 96, clock });
  const share = (spent: number, limit: number, next: number): Allowance => {
    if (spent + next > limit) return 'nothing';
    // The first transaction of all is never too late to be a refresh, however small the limit.
    return spent > 0 && spent + next > limit * (1 - RESERVED_FOR_CHANGES) ? 'changes' : 'everything';
  };
  return {
    allowance() {
      const both = [
        share(transactions.sum(), limits.maxTransactionsPerMinute, 1),
        share(lamports.sum(), limits.maxLamportsPerDay, LAMPORTS_PER_TRANSACTION),
      ];
      if (both.includes('nothing')) return 'nothing';
      return both.includes('changes') ? 'changes' : 'everything';
    },
    spend(amount) {
      transactions.add(1);
      lamports.add(amount);
    },
    get lamportsOfTheDay() {
      return lamports.sum();
    },
  };
}

import type { Life } from './life.ts';
import type { Verdict } from './verdict.ts';

/** Whether a process keeps within its transactions a minute. What every node refused costs nothing. */
export interface SpendJudge {
  /** A node took a transaction of this life that had set out at this time, monotonic milliseconds. */
  taken(life: Life, departedAt: number): void;
}

export interface SpendJudgeOptions {
  readonly verdict: Verdict;
  readonly now: () => number;
  readonly maxTransactionsPerMinute: number;
}

/** A budget that counts by the second may be a second off. */
const NEARLY_A_MINUTE_MS = 58_000;

export function createSpendJudge({ verdict, now, maxTransactionsPerMinute }: SpendJudgeOptions): SpendJudge {
  let expenses: readonly { readonly life: Life; readonly at: number }[] = [];
  return {
    taken(life, departedAt) {
      const recent = expenses.filter((expense) => expense.life === life && now() - expense.at < 2 * NEARLY_A_MINUTE_MS);
      expenses = [...recent, { life, at: departedAt }];
      for (const { at } of expenses) {
        const ofAMinute = expenses.filter((expense) => expense.at <= at && at - expense.at < NEARLY_A_MINUTE_MS).length;
        if (ofAMinute <= maxTransactionsPerMinute) continue;
        verdict.fail('spends-within-limits', `${ofAMinute} transactions in a minute, and ${maxTransactionsPerMinute} are allowed`);
      }
    },
  };
}

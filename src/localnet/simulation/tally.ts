import type { SimulationResult } from './simulate.ts';

/** Sums over many runs. */
export interface Tally {
  add(result: SimulationResult): void;
  readonly runs: number;
  readonly failed: number;
  /** A few lines for people; `tookMs` is real time. */
  summary(tookMs: number): string;
}

const HOUR_MS = 3_600_000;

export function createTally(): Tally {
  const converged: number[] = [];
  const sum = { runs: 0, failed: 0, simulatedMs: 0, lives: 0, transactions: 0, writes: 0, outOfOrder: 0 };
  const quantile = (share: number): string => {
    const sorted = converged.toSorted((a, b) => a - b);
    return ((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN) / 1000).toFixed(1);
  };
  return {
    add(result) {
      sum.runs += 1;
      if (result.violation !== undefined) sum.failed += 1;
      if (result.convergedAfterMs !== undefined) converged.push(result.convergedAfterMs);
      sum.simulatedMs += result.simulatedMs;
      sum.lives += result.lives;
      sum.transactions += result.transactions;
      sum.writes += result.writes;
      sum.outOfOrder += result.outOfOrder;
    },
    get runs() {
      return sum.runs;
    },
    get failed() {
      return sum.failed;
    },
    summary(tookMs) {
      const hours = sum.simulatedMs / HOUR_MS;
      return [
        `${sum.runs} runs, ${sum.failed} failed; ${hours.toFixed(1)} simulated hours in ${(tookMs / 1000).toFixed(1)} s, ${((hours * 1000) / tookMs).toFixed(1)} a second`,
        `${sum.lives} lives of the agent, ${sum.transactions} transactions, ${sum.writes} writes landed, ${sum.outOfOrder} of dead processes or forks out of order`,
        `from the end of all trouble until the ledger is right: p50 ${quantile(0.5)} s, p99 ${quantile(0.99)} s, longest ${quantile(1)} s`,
      ].join('\n');
    },
  };
}

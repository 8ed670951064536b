import type { BlockHistory } from './block-history.ts';

export interface PerformanceSample {
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
export function performanceSamples(blocks: BlockHistory, limit: number): readonly PerformanceSample[] {
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

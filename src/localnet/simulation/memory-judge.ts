import type { SimulationClock } from './simulation-clock.ts';
import type { Verdict } from './verdict.ts';

export interface MemoryJudge {
  /** Called each slot. */
  step(): void;
  /** Bytes in use at each whole hour; empty where the collector can't be called. */
  readonly heapByHour: readonly number[];
}

/** What waits for the clock: the agent's loops, its requests, copies on the network. */
const MOST_SLEEPERS = 3_000;
const HOUR_MS = 3_600_000;
/** The world's own memory (blocks, landed transactions) is full after these. */
const SETTLED_AFTER_HOURS = 4;
const MOST_GROWTH_BYTES = 32 * 1024 * 1024;

/** Whether memory stays bounded. Measures the heap where node runs with --expose-gc, which `npm run sim -- --seed` does. */
export function createMemoryJudge({ clock, verdict }: { readonly clock: SimulationClock; readonly verdict: Verdict }): MemoryJudge {
  const heapByHour: number[] = [];
  let nextHour = HOUR_MS;
  return {
    heapByHour,
    step() {
      if (clock.sleepers > MOST_SLEEPERS) verdict.fail('bounded', `${clock.sleepers} wait for the clock`);
      if (clock.monotonic() < nextHour || globalThis.gc === undefined) return;
      nextHour += HOUR_MS;
      globalThis.gc();
      const { heapUsed } = process.memoryUsage();
      heapByHour.push(heapUsed);
      const settled = heapByHour[SETTLED_AFTER_HOURS - 1];
      if (settled !== undefined && heapUsed - settled > MOST_GROWTH_BYTES) {
        verdict.fail('bounded', `the heap grew from ${megabytes(settled)} to ${megabytes(heapUsed)} in ${heapByHour.length} hours`);
      }
    },
  };
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

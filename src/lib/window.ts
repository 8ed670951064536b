import type { Clock } from './clock.ts';

export interface SlidingSum {
  add(amount: number): void;
  /** The sum of the last window, rounded up to whole buckets. */
  sum(): number;
}

/** A sum over the last `windowMs`, kept in `buckets` parts, so that its memory is bounded. */
export function createSlidingSum({
  windowMs,
  buckets,
  clock,
}: {
  readonly windowMs: number;
  readonly buckets: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}): SlidingSum {
  const widthMs = windowMs / buckets;
  const parts = new Map<number, number>();
  const current = (): number => Math.floor(clock.monotonic() / widthMs);
  const dropOld = (): void => {
    for (const index of parts.keys()) {
      if (index < current() - buckets) parts.delete(index);
    }
  };
  return {
    add(amount) {
      dropOld();
      parts.set(current(), (parts.get(current()) ?? 0) + amount);
    },
    sum() {
      dropOld();
      let sum = 0;
      for (const amount of parts.values()) sum += amount;
      return sum;
    },
  };
}

import type { Clock } from './clock.ts';

export interface SlidingSum {
  add(amount: number): void;
  /** What was added in the last window, to the resolution of a bucket; never less than that. */
  sum(): number;
}

/** A sum over the last `windowMs`, kept in `buckets` parts: bounded, however much is added. */
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
  const forget = (): void => {
    for (const index of parts.keys()) {
      if (index < current() - buckets) parts.delete(index);
    }
  };
  return {
    add(amount) {
      forget();
      parts.set(current(), (parts.get(current()) ?? 0) + amount);
    },
    sum() {
      forget();
      let sum = 0;
      for (const amount of parts.values()) sum += amount;
      return sum;
    },
  };
}

import type { Clock } from './clock.ts';

interface SlidingSumOptions {
  readonly windowMs: number;
  readonly buckets: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** A sum over the last `windowMs`, rounded up to whole buckets, kept in `buckets` parts, so that its memory is bounded. */
export class SlidingSum {
  readonly #options: SlidingSumOptions;
  readonly #parts = new Map<number, number>();

  constructor(options: SlidingSumOptions) {
    this.#options = options;
  }

  add(amount: number): void {
    const current = this.#dropOld();
    this.#parts.set(current, (this.#parts.get(current) ?? 0) + amount);
  }

  sum(): number {
    this.#dropOld();
    return [...this.#parts.values()].reduce((sum, amount) => sum + amount, 0);
  }

  /** Returns the current bucket. */
  #dropOld(): number {
    const { windowMs, buckets, clock } = this.#options;
    const current = Math.floor(clock.monotonic() / (windowMs / buckets));
    for (const index of this.#parts.keys()) if (index < current - buckets) this.#parts.delete(index);
    return current;
  }
}

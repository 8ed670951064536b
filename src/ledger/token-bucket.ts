import type { Clock, MonotonicMs } from '../lib/index.ts';

export interface TokenBucket {
  /** Milliseconds until there is a token; 0 when there is one. */
  msUntilToken(): number;
  /** Only when there is one. */
  take(): void;
}

export interface TokenBucketOptions {
  readonly perSecond: number;
  /** The share of the rate that counts at the moment, above 0. */
  readonly share: () => number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Fills at its rate and holds a second's worth of it, one token at least. Begins full. */
export function createTokenBucket({ perSecond, share, clock }: TokenBucketOptions): TokenBucket {
  let tokens = Math.max(1, perSecond);
  let filledAt: MonotonicMs = clock.monotonic();

  const rate = (): number => perSecond * share();
  const fill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(Math.max(1, rate()), tokens + ((now - filledAt) / 1_000) * rate());
    filledAt = now;
  };
  return {
    msUntilToken() {
      fill();
      // What is left of rounding must not cost a sleep.
      return tokens >= 1 - 1e-9 ? 0 : ((1 - tokens) / rate()) * 1_000;
    },
    take() {
      tokens -= 1;
    },
  };
}

import type { Clock } from '../lib/index.ts';

/** The share of its rates that an endpoint is asked at: halved when it refuses, given back a little each second. */
export interface Throttle {
  /** From LEAST to 1. */
  readonly share: () => number;
  slowDown(): void;
}

/** Refusals of requests that were under way together are one refusal. */
const ONE_REFUSAL_MS = 1_000;
/** How long the endpoint is left in peace at the lower rate. */
const HOLD_MS = 5_000;
/** Given back a second after that: from a half to the whole in ten seconds. */
const REGAINED_PER_SECOND = 0.05;
const LEAST = 1 / 64;

export function createThrottle(clock: Pick<Clock, 'monotonic'>): Throttle {
  let after = 1;
  let slowedAt = Number.NEGATIVE_INFINITY;
  const share = (): number => Math.min(1, after + (Math.max(0, clock.monotonic() - slowedAt - HOLD_MS) / 1_000) * REGAINED_PER_SECOND);
  return {
    share,
    slowDown() {
      const now = clock.monotonic();
      if (now - slowedAt < ONE_REFUSAL_MS) return;
      after = Math.max(LEAST, share() / 2);
      slowedAt = now;
    },
  };
}

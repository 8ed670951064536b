import type { Clock } from '../lib/index.ts';
import { createThrottle } from './throttle.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

/** Requests a second that one endpoint is asked, at most, with as many at once as a second's worth. */
export interface RequestRates {
  /** All methods together. */
  readonly requestsPerSecond: number;
  /** sendTransaction alone, repeats included. */
  readonly sendsPerSecond: number;
}

/** What the limiter has done since it was made. */
export interface RateLimiterCounts {
  /** Requests let through. */
  readonly requests: number;
  /** Those of them that had to wait, and how long they did, milliseconds. */
  readonly delayed: number;
  readonly delayedMs: number;
  /** Requests that gave up while they waited. */
  readonly gaveUp: number;
  /** HTTP 429s that the endpoint answered. */
  readonly refused: number;
  /** The share of the configured rates that is used now: below 1 after a 429. */
  readonly share: number;
}

export interface RateLimiter {
  /** Whether the request may go at once; its tokens are taken then. */
  admitNow(method: string): boolean;
  /** Resolves when the request may go. Rejects with the signal's reason. */
  admit(request: { readonly method: string; readonly urgent: boolean }, signal: AbortSignal): Promise<void>;
  /** The endpoint said that we ask too often. */
  refused(): void;
  /** How many requests wait. */
  readonly waiting: number;
  counts(): RateLimiterCounts;
  /** Whoever waits is turned away with this. */
  close(reason: Error): void;
}

interface Waiter {
  readonly method: string;
  readonly urgent: boolean;
  readonly since: number;
  /** Ends the wait: without a reason the request may go. */
  readonly settle: (reason?: unknown) => void;
}

const SEND = 'sendTransaction';
/** What sends leave of an endpoint's rate to everything else: a send whose status nobody asks for is no use. */
const MOST_FOR_SENDS = 0.8;
/** What one method of reading may take of an endpoint's rate: gateways count each method apart, too. */
const MOST_FOR_ONE_READ = 0.5;
/** The clock's own grain: a shorter sleep would spin. */
const SHORTEST_SLEEP_MS = 1;

/**
 * Keeps the requests to one endpoint within a rate, a bucket for all of them and one for each method. Whoever waits for a token waits in the
 * order of arrival, urgent requests first. Nothing runs while nobody waits.
 */
export function createRateLimiter({ requestsPerSecond, sendsPerSecond }: RequestRates, clock: Clock): RateLimiter {
  const throttle = createThrottle(clock);
  const bucketOf = (perSecond: number): TokenBucket => createTokenBucket({ perSecond, share: throttle.share, clock });
  const all = bucketOf(requestsPerSecond);
  const methods = new Map([[SEND, bucketOf(Math.min(sendsPerSecond, requestsPerSecond * MOST_FOR_SENDS))]]);
  const waiters: Waiter[] = [];
  const counts = { requests: 0, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0 };
  let pumping = false;

  const methodBucket = (method: string): TokenBucket => {
    const known = methods.get(method);
    if (known !== undefined) return known;
    const created = bucketOf(requestsPerSecond * MOST_FOR_ONE_READ);
    methods.set(method, created);
    return created;
  };
  const msUntil = (method: string): number => Math.max(all.msUntilToken(), methodBucket(method).msUntilToken());
  /** Whether a token that is there belongs to someone who waits already. */
  const someoneIsNext = (): boolean =>
    waiters.length > 0 && [...new Set(waiters.map(({ method }) => method))].some((method) => msUntil(method) === 0);
  const take = (method: string): void => {
    all.take();
    methodBucket(method).take();
    counts.requests += 1;
  };
  const leave = (waiter: Waiter): void => void waiters.splice(waiters.indexOf(waiter), 1);
  const giveUp = (waiter: Waiter, reason: unknown): void => {
    leave(waiter);
    counts.gaveUp += 1;
    waiter.settle(reason);
  };

  async function pump(): Promise<void> {
    pumping = true;
    while (waiters.length > 0) {
      // The overall bucket is the same for all, so a read passes a waiting send only where the sends' own bucket is what holds that up.
      const next = waiters.find(({ method }) => msUntil(method) === 0);
      if (next === undefined) {
        await clock.sleep(Math.max(SHORTEST_SLEEP_MS, Math.min(...waiters.map(({ method }) => msUntil(method)))));
        continue;
      }
      leave(next);
      take(next.method);
      counts.delayed += 1;
      counts.delayedMs += clock.monotonic() - next.since;
      next.settle();
    }
    pumping = false;
  }

  return {
    admitNow(method) {
      if (msUntil(method) > 0 || someoneIsNext()) return false;
      take(method);
      return true;
    },
    admit({ method, urgent }, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const onAbort = (): void => giveUp(waiter, signal.reason);
        const settle = (reason?: unknown): void => {
          signal.removeEventListener('abort', onAbort);
          if (reason === undefined) resolve();
          else reject(reason);
        };
        const waiter: Waiter = { method, urgent, since: clock.monotonic(), settle };
        signal.addEventListener('abort', onAbort, { once: true });
        const firstRead = urgent ? waiters.findIndex((other) => !other.urgent) : -1;
        waiters.splice(firstRead < 0 ? waiters.length : firstRead, 0, waiter);
        if (!pumping) void pump();
      });
    },
    refused() {
      counts.refused += 1;
      throttle.slowDown();
    },
    get waiting() {
      return waiters.length;
    },
    counts: () => ({ ...counts, share: throttle.share() }),
    close(reason) {
      for (const waiter of [...waiters]) giveUp(waiter, reason);
    },
  };
}

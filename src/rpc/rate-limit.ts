import { type Clock, DeadlineExceeded, type MonotonicMs, Stopped, withDeadline } from '../lib/index.ts';
import type { JsonRpc, RpcReply } from './transport.ts';

/** The share of its rates that an endpoint is asked at: halved when it refuses, given back a little each second. */
interface Throttle {
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

export interface TokenBucket {
  /** Milliseconds until there is a token; 0 when there is one. */
  msUntilToken(): number;
  /** Only when there is one. */
  take(): void;
}

interface TokenBucketOptions {
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

interface RateLimiter {
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

interface PacedRpcOptions {
  readonly rates: RequestRates;
  readonly clock: Clock;
  /** Upper bound for the wait alone, milliseconds; the deadline of the call may end it sooner. */
  readonly timeoutMs: number;
  /** Most requests that may wait; one more fails at once. */
  readonly maxWaiting: number;
}

export interface PacedRpc extends JsonRpc {
  counts(): RateLimiterCounts;
}

/** HTTP's status for too many requests, and what JSON-RPC front ends make of it. */
const TOO_MANY: ReadonlySet<number> = new Set([429, -32429]);

/** A connection to one endpoint that is asked no more often than it may be, and less often when it complains. */
export function paceRpc(rpc: JsonRpc, { rates, clock, timeoutMs, maxWaiting }: PacedRpcOptions): PacedRpc {
  const limiter = createRateLimiter(rates, clock);

  /** What ends the call before it was made, if anything does. */
  async function wait(what: { readonly method: string; readonly urgent: boolean }, signal: AbortSignal): Promise<RpcReply | undefined> {
    if (limiter.waiting >= maxWaiting)
      return { kind: 'failed', progress: 'overflow', cause: new Error(`${limiter.waiting} wait for room within its rate`) };
    try {
      await withDeadline(timeoutMs, signal, (inner) => limiter.admit(what, inner), clock);
      return undefined;
    } catch (error) {
      const cause = error instanceof DeadlineExceeded ? new Error(`no room within its rate for ${error.ms} ms`, { cause: error }) : error;
      return { kind: 'failed', progress: 'queued', cause: cause instanceof Error ? cause : new Error(String(cause)) };
    }
  }

  return {
    async call(request, signal) {
      const { method, urgent = false } = request;
      const ended = limiter.admitNow(method) ? undefined : await wait({ method, urgent }, signal);
      if (ended !== undefined) return ended;
      const reply = await rpc.call(request, signal);
      if (isTooMany(reply)) limiter.refused();
      return reply;
    },
    async close() {
      limiter.close(new Stopped('the connection to the ledger is closed'));
      await rpc.close();
    },
    counts: limiter.counts,
  };
}

function isTooMany(reply: RpcReply): boolean {
  return (reply.kind === 'http-error' && TOO_MANY.has(reply.status)) || (reply.kind === 'rpc-error' && TOO_MANY.has(reply.code));
}

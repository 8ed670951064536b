import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

declare const brand: unique symbol;

/** Milliseconds of a clock that never jumps; only differences are meaningful. */
export type MonotonicMs = number & { readonly [brand]: 'MonotonicMs' };

/** Milliseconds since 1970-01-01 UTC, by whichever clock the field's comment names. */
export type EpochMs = number & { readonly [brand]: 'EpochMs' };

export const monotonicMs = (value: number): MonotonicMs => value as MonotonicMs;
export const epochMs = (value: number): EpochMs => value as EpochMs;

/**
 * Time as a dependency: everything that waits or measures takes a Clock, so that a simulation can run thousands of hours in seconds.
 */
export interface Clock {
  monotonic(): MonotonicMs;
  wall(): EpochMs;
  /** Resolves after `ms` milliseconds, for 0 in the next turn of the event loop; rejects with the signal's reason (always an Error) when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `onOver` once after `ms` milliseconds, unless what it returns is called first. Only simulated clocks have it: everywhere else
   * deadlines are real time, also in a test that stops its clock.
   */
  readonly after?: (ms: number, onOver: () => void) => () => void;
}

export const systemClock: Clock = {
  monotonic: () => monotonicMs(performance.now()),
  wall: () => epochMs(Date.now()),
  async sleep(ms, signal) {
    try {
      // Not setImmediate, which after I/O runs in the same turn of the event loop.
      await delay(Math.max(ms, 0), undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

/** A number in [0, 1). Injected, so that a seeded run can be replayed. */
export type Random = () => number;

/** mulberry32: small, fast, good enough to schedule with, and the same on every machine. Never for keys. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Abort reasons are always Error objects: some libraries (web3.js for one) drop a string reason and leave the promise pending for ever. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(readonly ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

export class Stopped extends Error {
  override readonly name = 'Stopped';
  constructor(what = 'stopping') {
    super(what);
  }
}

/** One for all: a stack trace for each request costs more than its abort signal. */
const SETTLED = new Stopped('the work has settled');

/**
 * Runs `work` with a signal that aborts when `parent` does, or after `ms` milliseconds with a DeadlineExceeded. The inner signal is
 * aborted when `work` settles either way, so nothing that it started outlives it; the timer and the listener are gone by then.
 * The milliseconds are real ones, but for a clock that has deadlines of its own.
 */
export async function withDeadline<T>(
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  clock?: Pick<Clock, 'after'>,
): Promise<T> {
  const controller = createAbortController();
  const unfollow = abortWith(controller, parent);
  const startTimer = clock?.after ?? realTimer;
  const stopTimer = startTimer(ms, () => controller.abort(new DeadlineExceeded(ms)));
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    stopTimer();
    unfollow();
    controller.abort(SETTLED);
  }
}

/** Runs `work` with a signal that aborts when one of `signals` does, and when `work` settles. It leaves no listeners, unlike AbortSignal.any (see `abortWith`). */
export async function withSignals<T>(signals: readonly AbortSignal[], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = createAbortController();
  const unfollow = signals.map((signal) => abortWith(controller, signal));
  try {
    return await work(controller.signal);
  } finally {
    for (const end of unfollow) end();
    controller.abort(SETTLED);
  }
}

function realTimer(ms: number, onOver: () => void): () => void {
  const timer = setTimeout(onOver, ms);
  return () => clearTimeout(timer);
}

/**
 * Aborts `controller` when `parent` aborts, until the function that it returns is called. On Node 20 each AbortSignal.any on a signal that lasts
 * leaks 1.4 kB, also after its other signal was aborted.
 */
function abortWith(controller: AbortController, parent: AbortSignal | undefined): () => void {
  const onAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  else parent?.addEventListener('abort', onAbort, { once: true });
  return () => parent?.removeEventListener('abort', onAbort);
}

/** An abort controller without Node's warning at eleven listeners: hundreds of requests listen at once, each until it settles. */
export function createAbortController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * Endless delays between attempts, milliseconds: base, twice that, … up to max, each drawn from the upper half of its step so that agents that
 * failed together do not retry together.
 */
export function* backoffDelays({
  baseMs,
  maxMs,
  random,
}: {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly random: Random;
}): Generator<number, never> {
  let step = baseMs;
  for (;;) {
    yield step / 2 + random() * (step / 2);
    step = Math.min(maxMs, step * 2);
  }
}

/**
 * All callers that come while `work` runs share that run. It is aborted when the last of their signals is: one signal alone does not end it, and
 * it never outlives them all.
 */
export function singleFlight<T>(work: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let running: { readonly outcome: Promise<T>; readonly controller: AbortController; waiting: number } | undefined;

  function begin(): NonNullable<typeof running> {
    const controller = new AbortController();
    const begun = { outcome: work(controller.signal), controller, waiting: 0 };
    const over = (): void => {
      if (running === begun) running = undefined;
    };
    begun.outcome.then(over, over);
    return begun;
  }

  return async (signal) => {
    signal.throwIfAborted();
    running ??= begin();
    const mine = running;
    mine.waiting += 1;
    try {
      return await untilAborted(mine.outcome, signal);
    } finally {
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (running === mine) running = undefined;
        mine.controller.abort(new Stopped('its last caller has given up'));
      }
    }
  };
}

/** The outcome of work that ignores its signal. When the signal aborts first, calls `cancel` and rejects with the signal's reason. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal, cancel: () => void = () => undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/**
 * Waits for `work` for at most `ms` milliseconds and returns whether it settled; late work goes on. Never rejects with the work's error, which is
 * its caller's to handle; rejects with the signal's reason when aborted.
 */
export function waitAtMost(clock: Pick<Clock, 'sleep'>, work: Promise<unknown>, ms: number, signal: AbortSignal): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  return withSignals([signal], async (inner) => {
    const late = clock.sleep(Math.min(ms, LONGEST_TIMER_MS), inner).then(
      () => false,
      () => false,
    );
    const done = await Promise.race([settled, late]);
    signal.throwIfAborted();
    return done;
  });
}

/** Node's timers hold 31 bits; a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A condition variable for one loop: it sleeps, and others can signal it. One waiter at a time. */
export function createNotifier(clock: Pick<Clock, 'sleep'>) {
  let signalled = false;
  let wake: (() => void) | undefined;
  return {
    /** Ends the current wait, or the next one. Any number of signals before a wait count as one. */
    signal(): void {
      signalled = true;
      wake?.();
    },
    /** Resolves after `ms` (Infinity: after 24 days) or on a signal; rejects with the signal's reason when aborted. */
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      if (!signalled && ms > 0) {
        const notified = new Promise<void>((resolve) => {
          wake = resolve;
        });
        try {
          await waitAtMost(clock, notified, ms, signal);
        } finally {
          wake = undefined;
        }
      }
      signalled = false;
    },
  };
}

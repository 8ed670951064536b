import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

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
      const options = signal === undefined ? {} : { signal };
      await (ms > 0 ? delay(ms, undefined, options) : nextTurn(undefined, options));
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

export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass: sleepers wake in order, and what each sets in motion runs before the next. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock only, as an operator or NTP does. */
  jumpWall(ms: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}

/** How many turns of the event loop a chain of resolved promises may need before it sleeps again. */
const TURNS = 4;

/** A clock that moves only by `advance`, so that simulations and tests neither wait nor race. */
export function createVirtualClock(wallStart: EpochMs = epochMs(1_790_000_000_000)): VirtualClock {
  const sleepers = new Set<Sleeper>();
  let now = 0;
  let wallOffset: number = wallStart;
  let order = 0;

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const nextBefore = (until: number): Sleeper | undefined => {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.at > until) continue;
      if (next === undefined || sleeper.at < next.at || (sleeper.at === next.at && sleeper.order < next.order)) next = sleeper;
    }
    return next;
  };

  return {
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(wallOffset + now),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper: Sleeper = { at: now + Math.max(0, ms), order: order++, wake: () => finish(resolve) };
        const onAbort = (): void => finish(() => reject(signal?.reason));
        const finish = (outcome: () => void): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          outcome();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let next = nextBefore(until); next !== undefined; next = nextBefore(until)) {
        now = next.at;
        next.wake();
        await settle();
      }
      now = until;
      await settle();
    },
    jumpWall(ms) {
      wallOffset += ms;
    },
  };
}

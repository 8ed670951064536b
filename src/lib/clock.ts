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

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

declare const brand: unique symbol;

/** Milliseconds of a clock that never jumps; only differences mean anything. */
export type MonotonicMs = number & { readonly [brand]: 'MonotonicMs' };

/** Milliseconds since 1970-01-01 UTC, by whichever clock the field's comment names. */
export type EpochMs = number & { readonly [brand]: 'EpochMs' };

export const monotonicMs = (value: number): MonotonicMs => value as MonotonicMs;
export const epochMs = (value: number): EpochMs => value as EpochMs;

/**
 * The one way to time. Everything that waits or measures asks a Clock, so that a simulation can run thousands of hours in seconds.
 */
export interface Clock {
  monotonic(): MonotonicMs;
  wall(): EpochMs;
  /** Resolves after `ms` milliseconds, for 0 in the next turn of the event loop; rejects with the signal's reason (always an Error) when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `onOver` once after `ms` milliseconds, unless what it returns is called first. Only simulated clocks have it: deadlines are real
   * time everywhere else, also beside a clock that a test holds still.
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

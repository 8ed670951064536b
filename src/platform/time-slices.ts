import type { Clock } from './clock.ts';

/** Awaited after each step of a long piece of work; there is nothing to wait for until a slice of it is used up. */
export type Breathe = () => Promise<void> | undefined;

/** So long a long piece of work runs at a time, milliseconds: the switch's answers and the timers of others wait no longer than this and one step. */
const SLICE_MS = 6;

/**
 * Gives the event loop back now and then in work on thousands of users. Await it after each step; it resolves at once until the slice is
 * used up.
 */
export function timeSlices(clock: Clock, signal: AbortSignal): Breathe {
  let since = clock.monotonic();
  return () => {
    if (clock.monotonic() - since < SLICE_MS) return undefined;
    return clock.sleep(0, signal).then(() => {
      since = clock.monotonic();
    });
  };
}

/** Takes the steps of a long piece of work, and gives the event loop back between them where it is time to. */
export async function inSlices<Result>(steps: Iterator<void, Result, void>, breathe: Breathe): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const pause = breathe();
    if (pause !== undefined) await pause;
  }
}

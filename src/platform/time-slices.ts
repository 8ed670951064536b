import type { Clock, MonotonicMs } from './clock.ts';

/** Awaited after each step of a long piece of work; there is nothing to wait for until a slice of it is used up. */
export type Breathe = () => Promise<void> | undefined;

/** So long work goes on at a time, milliseconds: the switch's answers and the timers of others wait no longer than this and one step. */
const SLICE_MS = 5;

/** Whose turn it is. */
interface Turns {
  /** Since when work has gone on without a pause, as far as anybody knows. */
  since: MonotonicMs;
  /** Over when nobody waits for a turn any more. */
  last: Promise<void>;
}

/** An event loop is all that works by one clock. */
const turnsOf = new WeakMap<Clock, Turns>();

/**
 * Gives the event loop back now and then in work on thousands of users. Await it after each step; there is nothing to wait for until the slice
 * is used up. Pieces of work that follow one another share a slice, and of those that go on beside one another each gets a turn of
 * the event loop for itself: many short pieces hold it up as one long one does.
 */
export function timeSlices(clock: Clock, signal: AbortSignal): Breathe {
  const turns = turnsOf.get(clock) ?? { since: clock.monotonic(), last: Promise.resolve() };
  turnsOf.set(clock, turns);
  return () => {
    if (clock.monotonic() - turns.since < SLICE_MS) return undefined;
    const turn = turns.last
      .then(() => clock.sleep(0, signal))
      .then(() => {
        turns.since = clock.monotonic();
      });
    turns.last = turn.catch(() => undefined);
    return turn;
  };
}

/** Takes the steps of a piece of work that is short, or that nobody waits beside. */
export function atOnce<Result>(steps: Iterator<void, Result, void>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
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

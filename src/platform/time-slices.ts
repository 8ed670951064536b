import type { Clock, MonotonicMs } from './clock.ts';

/** Awaited after each step of a long piece of work; there is nothing to wait for until a slice of it is used up. */
export type Breathe = () => Promise<void> | undefined;

/** So long work goes on at a time, milliseconds: the switch's answers and the timers of others wait no longer than this and one step. */
const SLICE_MS = 5;

interface Turns {
  /** When the last one who waited had its turn; all work since then counts as one. */
  since: MonotonicMs;
  /** Over when the newest of those who wait has had its turn, or has given up. */
  newest: Promise<void>;
}

/** What works by one clock shares one event loop: the turns belong to the clock, and are kept beside it. */
const turnsOf = new WeakMap<Clock, Turns>();

/**
 * Gives the event loop back now and then in work on thousands of users. Await it after each step; there is nothing to wait for until the slice
 * is used up. Pieces of work that follow one another share a slice, and of those that go on beside one another each gets a turn of
 * the event loop for itself: many short pieces hold it up as one long one does.
 */
export function timeSlices(clock: Clock, signal: AbortSignal): Breathe {
  const turns = turnsOf.get(clock) ?? { since: clock.monotonic(), newest: Promise.resolve() };
  turnsOf.set(clock, turns);
  return () => (clock.monotonic() - turns.since < SLICE_MS ? undefined : nextTurn(turns, clock, signal));
}

/** Resolves when all who waited before have had theirs; rejects as soon as it is given up. */
function nextTurn(turns: Turns, clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const before = turns.newest;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const take = async (): Promise<void> => {
      if (signal.aborted) return;
      await clock.sleep(0, signal);
      turns.since = clock.monotonic();
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    turns.newest = before.then(take).catch(reject);
  });
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

import type { Slot } from './units.ts';

/** Ends after so many milliseconds, or rejects with the signal's reason as soon as it aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Sleep on the timers of Node or the browser. */
export const timerSleep: Sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });

/** Rings that come while nobody waits are not lost; any number of them count as one. */
export interface WakeBell {
  /** `slot` is where the news is from, where that is known. */
  ring(slot?: Slot): void;
  /** Forgets the rings so far, and gives the highest slot that they named. */
  take(): Slot | undefined;
  /** Ends after so many milliseconds, at a ring, or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWakeBell(sleep: Sleep): WakeBell {
  let rung = false;
  let highest: Slot | undefined;
  let nap: AbortController | undefined;
  return {
    ring(slot) {
      rung = true;
      if (slot !== undefined && (highest === undefined || slot > highest)) highest = slot;
      nap?.abort(new Error('there is news'));
    },
    take() {
      const slot = highest;
      rung = false;
      highest = undefined;
      return slot;
    },
    async wait(ms, signal) {
      if (rung || signal.aborted) return;
      const current = new AbortController();
      const onAbort = (): void => current.abort(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      nap = current;
      try {
        await sleep(ms, current.signal);
      } catch (error) {
        if (!current.signal.aborted) throw error;
      } finally {
        nap = undefined;
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

import { Stopped } from './abort.ts';
import type { Clock } from './clock.ts';

export interface WakeUp {
  /** Ends the wait that goes on, or the next one. Any number of signals before it is one. */
  signal(): void;
  /** Resolves after `ms` (Infinity: only on a signal); rejects with the signal's reason when aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** A loop's alarm clock that others can ring. One waiter at a time. */
export function createWakeUp(clock: Pick<Clock, 'sleep'>): WakeUp {
  let rung = false;
  let ring: (() => void) | undefined;
  return {
    signal() {
      rung = true;
      ring?.();
    },
    async wait(ms, signal) {
      signal.throwIfAborted();
      if (!rung && ms > 0) {
        const controller = new AbortController();
        const onAbort = (): void => controller.abort(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        const woken = new Promise<void>((resolve) => {
          ring = resolve;
        });
        const slept = ms === Number.POSITIVE_INFINITY ? rejection(controller.signal) : clock.sleep(ms, controller.signal);
        try {
          await Promise.race([woken, slept]);
        } finally {
          ring = undefined;
          signal.removeEventListener('abort', onAbort);
          // The loser of the race must neither stay pending nor surface as an unhandled rejection.
          slept.catch(() => undefined);
          controller.abort(new Stopped('woken'));
        }
      }
      rung = false;
      signal.throwIfAborted();
    },
  };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

import { Stopped } from './abort.ts';

/**
 * Lets everyone who asks while `work` runs wait for that one run. It is aborted when the last of them has lost patience: none of their
 * signals alone ends it, and it never outlives them all.
 */
export function shareWork<T>(work: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
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
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([mine.outcome, aborted]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      mine.waiting -= 1;
      if (mine.waiting === 0) {
        if (running === mine) running = undefined;
        mine.controller.abort(new Stopped('nobody waits for it any more'));
      }
    }
  };
}

import { Stopped } from './abort.ts';
import type { Clock } from './clock.ts';

/**
 * Waits for `work` for at most `ms` milliseconds and tells whether it settled; late work goes on by itself. Never rejects for the work's
 * sake: whoever started it hears of its errors. Rejects with the signal's reason when aborted.
 */
export async function waitAtMost(clock: Pick<Clock, 'sleep'>, work: Promise<unknown>, ms: number, signal: AbortSignal): Promise<boolean> {
  const timer = new AbortController();
  const onAbort = (): void => timer.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const settled = work.then(
    () => true,
    () => true,
  );
  const late = clock.sleep(ms, timer.signal).then(
    () => false,
    () => false,
  );
  try {
    const done = await Promise.race([settled, late]);
    signal.throwIfAborted();
    return done;
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer.abort(new Stopped('no longer waiting'));
  }
}

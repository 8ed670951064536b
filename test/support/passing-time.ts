import { onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';

/**
 * From here to the end of the test timers, of deadlines and of retransmissions, go on only where `asTimePasses` lets them. Sockets stay real,
 * and so does the system's clock.
 */
export function letTimersStandStill(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldClearNativeTimers: true });
  onTestFinished(() => void vi.useRealTimers());
}

/**
 * Lets the timers that stand still go on, so many milliseconds in each turn of five real ones, until the work has settled. What comes over a
 * socket has its turn each time: a busy machine makes the turns long, and not the time in which an answer has to be there short.
 */
export async function asTimePasses<T>(stepMs: number, work: Promise<T>): Promise<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  void work.then(settle, settle);
  while (!settled) {
    await systemClock.sleep(5);
    vi.advanceTimersByTime(stepMs);
  }
  return work;
}

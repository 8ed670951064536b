import { type Clock, epochMs, monotonicMs } from '../../src/lib/index.ts';

/** A clock on which `factor` milliseconds pass in each real one. */
export function scaledClock(factor: number): Clock {
  const start = performance.now();
  const wallStart = Date.now();
  const passed = (): number => (performance.now() - start) * factor;
  const startTimer = (ms: number, onOver: () => void): (() => void) => {
    const timer = setTimeout(onOver, ms / factor);
    return () => clearTimeout(timer);
  };
  return {
    monotonic: () => monotonicMs(passed()),
    wall: () => epochMs(wallStart + passed()),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          stop();
          reject(signal?.reason);
        };
        const stop = startTimer(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    after: startTimer,
  };
}

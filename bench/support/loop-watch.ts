import { type IntervalHistogram, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** How long the event loop was held up since `reset`, milliseconds. */
export interface LoopBlocks {
  /** Longest time between two turns of a timer that is due each millisecond. */
  readonly longestMs: number;
  /** Longest such time, counted in processor time of this process: what other processes took away is not in it. */
  readonly longestCpuMs: number;
  /** The same as `longestMs` by perf_hooks' monitorEventLoopDelay. */
  readonly histogramMs: number;
  /** Longest collection of garbage within. */
  readonly longestGcMs: number;
}

export interface LoopWatch {
  reset(): void;
  read(): LoopBlocks;
  stop(): void;
}

export function watchLoop(): LoopWatch {
  const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  let longestMs = 0;
  let longestCpuMs = 0;
  let longestGcMs = 0;
  let turnedAt = performance.now();
  let cpu = process.cpuUsage();
  const gc = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestGcMs = Math.max(longestGcMs, duration);
  });
  gc.observe({ entryTypes: ['gc'] });
  const sampler = setInterval(() => {
    const now = performance.now();
    const used = process.cpuUsage(cpu);
    longestMs = Math.max(longestMs, now - turnedAt - 1);
    longestCpuMs = Math.max(longestCpuMs, Math.min(now - turnedAt, (used.user + used.system) / 1_000));
    turnedAt = now;
    cpu = process.cpuUsage();
  }, 1);
  return {
    reset() {
      histogram.reset();
      longestMs = 0;
      longestCpuMs = 0;
      longestGcMs = 0;
      turnedAt = performance.now();
      cpu = process.cpuUsage();
    },
    read: () => ({ longestMs, longestCpuMs, histogramMs: histogram.max / 1e6, longestGcMs }),
    stop() {
      clearInterval(sampler);
      histogram.disable();
      gc.disconnect();
    },
  };
}

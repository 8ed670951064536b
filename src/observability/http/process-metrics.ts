import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { createInstruments } from './instruments.ts';

/** What the operating system and Node.js know of this process. */
export interface ProcessReadings {
  /** User and system time, seconds. */
  cpuSeconds(): number;
  memory(): { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** Seconds since 1970. */
  readonly startedAt: number;
  /** Undefined where nobody can tell. */
  openFiles(): number | undefined;
  /** Seconds that the event loop has not been idle. */
  busySeconds(): number;
}

export const THIS_PROCESS: ProcessReadings = {
  cpuSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  },
  memory: () => process.memoryUsage(),
  startedAt: performance.timeOrigin / 1_000,
  openFiles() {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined;
    }
  },
  busySeconds: () => performance.eventLoopUtilization().active / 1_000,
};

/**
 * The metrics of a process, by the names that every exporter gives them. Written here because prom-client's own have gauges that end in
 * `_total`, and keep a timer and an observer of the garbage collector running.
 */
export function registerProcessMetrics(registry: Registry, readings: ProcessReadings): void {
  const { reading, counting } = createInstruments(registry, '');
  counting('process_cpu_seconds_total', 'Processor time of this process, of its own and of the kernel for it.', (set) =>
    set(readings.cpuSeconds()),
  );
  reading('process_resident_memory_bytes', 'Memory of this process that is not paged out.', (set) => set(readings.memory().rss));
  reading('process_start_time_seconds', 'When this process started.', (set) => set(readings.startedAt));
  reading('process_open_fds', 'Files and sockets that this process has open.', (set) => {
    const open = readings.openFiles();
    if (open !== undefined) set(open);
  });
  reading('nodejs_heap_size_used_bytes', 'Memory of JavaScript that is in use.', (set) => set(readings.memory().heapUsed));
  reading('nodejs_external_memory_bytes', 'Memory that JavaScript holds outside of its heap.', (set) => set(readings.memory().external));
  counting('nodejs_eventloop_busy_seconds_total', 'Time that the event loop was not idle.', (set) => set(readings.busySeconds()));
}

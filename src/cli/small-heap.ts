import { setFlagsFromString } from 'node:v8';

/** What they bring together is in docs/performance.md. */
const FLAGS = [
  // The space for new objects stays as small as it begins; it would grow to three times 16 MB.
  '--semi-space-growth-factor=1',
  // The next full collection comes when the heap is this much larger than what the last one left.
  '--heap-growing-percent=40',
  // An agent is at rest between two ticks, and the heap of a process at rest is compacted whole, for 20 ms in one piece: the next tick undoes it.
  // This is in 23 days, which is never: each collection sets the delay anew.
  '--gc-memory-reducer-start-delay-ms=2000000000',
  // With helpers on other cores, the longest pauses are waits for them, where the cores have other work, too. Alone it is done in shorter steps.
  '--no-concurrent-marking',
  '--no-parallel-scavenge',
  // undici parses HTTP in WebAssembly. To optimize that, V8 takes 5 to 30 MB of malloc, and blocks allocated in between keep some of it for good.
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
];

/**
 * Makes V8 collect early and in short steps, before anything is loaded: it would let the garbage of many ticks grow to three times what is alive.
 * A switch has less memory to spare than processor time, and most of what a tick makes dies with it.
 */
export function keepHeapSmall(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}

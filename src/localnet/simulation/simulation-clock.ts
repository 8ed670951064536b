import { type Clock, type EpochMs, epochMs, monotonicMs } from '../../lib/index.ts';

export interface SimulationClock extends Clock {
  readonly after: NonNullable<Clock['after']>;
  /** Lets time pass until `at` (monotonic milliseconds), or until `isOver` says so: whoever sleeps until then wakes in turn. */
  run(at: number, isOver: () => boolean): Promise<void>;
  /** Moves the wall clock only, as an operator or NTP does. */
  jumpWall(ms: number): void;
  /** How many sleep now; what grows without bound here is a leak. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  wake: (() => void) | undefined;
}

/** After so many wake-ups the event loop gets a turn, or messages and the garbage of finished promises would pile up. */
const WAKES_A_TURN = 512;

/**
 * Time passes in steps of a power of two, so that sums and differences of times are exact: a loop that finds by one that it is not yet time,
 * and by the other that there is nothing left to wait for, would spin for ever where no time passes by itself.
 */
const TICKS_PER_MS = 1_024;

/**
 * A clock that jumps from one sleeper to the next. Between two of them it waits for one `process.nextTick`, which Node runs when no
 * microtask is left: everything that the first one set in motion has come to its next sleep by then, and no turn of the event loop is spent.
 */
export function createSimulationClock(wallStart: EpochMs = epochMs(1_790_000_000_000)): SimulationClock {
  const heap: Sleeper[] = [];
  let now = 0;
  let wallOffset: number = wallStart;
  let order = 0;
  let cancelled = 0;

  const add = (ms: number, wake: () => void): Sleeper => {
    const sleeper: Sleeper = { at: Math.ceil((now + Math.max(0, ms)) * TICKS_PER_MS) / TICKS_PER_MS, order: order++, wake };
    push(heap, sleeper);
    return sleeper;
  };
  const cancel = (sleeper: Sleeper): void => {
    if (sleeper.wake === undefined) return;
    sleeper.wake = undefined;
    cancelled += 1;
  };

  return {
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(wallOffset + now),
    get sleepers() {
      return heap.length - cancelled;
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = (): void => {
          cancel(sleeper);
          reject(signal?.reason);
        };
        const sleeper = add(ms, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    after(ms, onOver) {
      const sleeper = add(ms, onOver);
      return () => cancel(sleeper);
    },
    async run(at, isOver) {
      let wakes = 0;
      await settled();
      while (!isOver()) {
        const next = heap[0];
        if (next === undefined || next.at > at) break;
        pop(heap);
        const { wake } = next;
        if (wake === undefined) {
          cancelled -= 1;
          continue;
        }
        now = next.at;
        next.wake = undefined;
        wake();
        wakes += 1;
        await (wakes % WAKES_A_TURN === 0 ? new Promise<void>((resolve) => setImmediate(resolve)) : settled());
      }
      if (!isOver()) now = Math.max(now, Math.floor(at * TICKS_PER_MS) / TICKS_PER_MS);
    },
    jumpWall(ms) {
      wallOffset += ms;
    },
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

const isBefore = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** The two halves of a binary heap, the earliest first. */
function push(heap: Sleeper[], sleeper: Sleeper): void {
  let index = heap.length;
  heap.push(sleeper);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(sleeper, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = sleeper;
}

function pop(heap: Sleeper[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    if (left === undefined) break;
    const smaller = right !== undefined && isBefore(right, left) ? right : left;
    if (!isBefore(smaller, last)) break;
    heap[index] = smaller;
    index = 2 * index + (smaller === right ? 2 : 1);
  }
  heap[index] = last;
}

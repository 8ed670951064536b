import { type Clock, type EpochMs, epochMs, monotonicMs } from '../../src/lib/index.ts';

export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass: sleepers wake in order, and what each sets in motion runs before the next. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock only, as an operator or NTP does. */
  jumpWall(ms: number): void;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}

/** How many turns of the event loop a chain of resolved promises may need before it sleeps again. */
const TURNS = 4;

/** A clock that moves only by `advance`, so that simulations and tests neither wait nor race. */
export function createVirtualClock(wallStart: EpochMs = epochMs(1_790_000_000_000)): VirtualClock {
  const sleepers = new Set<Sleeper>();
  let now = 0;
  let wallOffset: number = wallStart;
  let order = 0;

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const nextBefore = (until: number): Sleeper | undefined => {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.at > until) continue;
      if (next === undefined || sleeper.at < next.at || (sleeper.at === next.at && sleeper.order < next.order)) next = sleeper;
    }
    return next;
  };

  return {
    monotonic: () => monotonicMs(now),
    wall: () => epochMs(wallOffset + now),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper: Sleeper = { at: now + Math.max(0, ms), order: order++, wake: () => finish(resolve) };
        const onAbort = (): void => finish(() => reject(signal?.reason));
        const finish = (outcome: () => void): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          outcome();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let next = nextBefore(until); next !== undefined; next = nextBefore(until)) {
        now = next.at;
        next.wake();
        await settle();
      }
      now = until;
      await settle();
    },
    jumpWall(ms) {
      wallOffset += ms;
    },
  };
}

import type { Clock } from '../../src/lib/index.ts';
import type { SimulationClock } from './world.ts';

/** One process of the agent, from its start until it is killed. Once dead it can neither wait, nor ask, nor be heard. */
export interface Incarnation {
  readonly number: number;
  readonly isAlive: boolean;
  /** When it died, monotonic milliseconds; Infinity while it lives. */
  readonly diedAt: number;
  /** Its sleeps end with it: they never settle. */
  readonly clock: Clock;
  /** Marks a point at which it waits for the world; the fuse burns down here. */
  step(): void;
  /** It dies at its `steps`-th step from now: whatever it waited for there, or was about to ask for. */
  lightFuse(steps: number): void;
  kill(): void;
  /** The outcome of `work` for as long as it lives to see it. */
  hold<T>(work: Promise<T>): Promise<T>;
}

export function createIncarnation({
  number,
  clock,
  onDeath,
}: {
  readonly number: number;
  readonly clock: SimulationClock;
  readonly onDeath: () => void;
}): Incarnation {
  let diedAt = Number.POSITIVE_INFINITY;
  let fuse = Number.POSITIVE_INFINITY;

  const kill = (): void => {
    if (diedAt !== Number.POSITIVE_INFINITY) return;
    diedAt = clock.monotonic();
    onDeath();
  };
  const step = (): void => {
    fuse -= 1;
    if (fuse <= 0) kill();
  };
  const isAlive = (): boolean => diedAt === Number.POSITIVE_INFINITY;
  const hold = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (value) => {
          step();
          if (isAlive()) resolve(value);
        },
        (error: unknown) => {
          step();
          if (isAlive()) reject(error);
        },
      );
    });

  return {
    number,
    get isAlive() {
      return isAlive();
    },
    get diedAt() {
      return diedAt;
    },
    clock: {
      monotonic: clock.monotonic,
      wall: clock.wall,
      sleep(ms, signal) {
        step();
        return isAlive() ? hold(clock.sleep(ms, signal)) : new Promise(() => undefined);
      },
      after: (ms, onOver) =>
        clock.after(ms, () => {
          if (isAlive()) onOver();
        }),
    },
    step,
    lightFuse(steps) {
      fuse = steps;
    },
    kill,
    hold,
  };
}

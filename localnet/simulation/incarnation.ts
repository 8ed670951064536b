import type { Clock } from '../../src/lib/index.ts';
import type { SimulationClock } from './world.ts';

/** One process of the agent, from start to kill. After the kill its waits never settle, and it sends and reports nothing. */
export interface Incarnation {
  readonly number: number;
  readonly isAlive: boolean;
  /** Time of the kill, monotonic milliseconds; Infinity before. */
  readonly diedAt: number;
  /** Its sleeps never settle after the kill. */
  readonly clock: Clock;
  /** Counts one interaction with the world; `killAfter` counts these. */
  step(): void;
  /** Kills it at its `steps`-th step from now. */
  killAfter(steps: number): void;
  kill(): void;
  /** The outcome of `work`; never settles after the kill. */
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
  let stepsLeft = Number.POSITIVE_INFINITY;

  const kill = (): void => {
    if (diedAt !== Number.POSITIVE_INFINITY) return;
    diedAt = clock.monotonic();
    onDeath();
  };
  const step = (): void => {
    stepsLeft -= 1;
    if (stepsLeft <= 0) kill();
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
    killAfter(steps) {
      stepsLeft = steps;
    },
    kill,
    hold,
  };
}

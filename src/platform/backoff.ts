import type { Random } from './random.ts';

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Growth a step; 2 doubles. */
  readonly factor?: number;
  readonly random: Random;
}

/**
 * Delays between attempts, in milliseconds, without end: base, base·factor, … up to max, each drawn from the upper half of its step so that
 * a fleet that failed together does not return together.
 */
export function* backoffDelays({ baseMs, maxMs, factor = 2, random }: BackoffOptions): Generator<number, never> {
  let step = baseMs;
  for (;;) {
    yield step / 2 + random() * (step / 2);
    step = Math.min(maxMs, step * factor);
  }
}

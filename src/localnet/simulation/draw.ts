import type { Random } from '../../lib/index.ts';

/** Draws from one seeded source of chance, so that a run can be repeated. */
export interface Draw {
  readonly random: Random;
  /** A number between the two. */
  between(low: number, high: number): number;
  /** A whole number between the two, both included. */
  whole(low: number, high: number): number;
  chance(probability: number): boolean;
  /** One of them; undefined of none. */
  one<T>(from: readonly T[]): T | undefined;
  /** One of them by weight; undefined when no weight is positive. */
  weighted<T extends { readonly weight: number }>(from: readonly T[]): T | undefined;
}

export function createDraw(random: Random): Draw {
  const between = (low: number, high: number): number => low + random() * (high - low);
  return {
    random,
    between,
    whole: (low, high) => Math.floor(between(low, high + 1)),
    chance: (probability) => random() < probability,
    one: (from) => from[Math.floor(random() * from.length)],
    weighted(from) {
      let roll = random() * from.reduce((sum, { weight }) => sum + weight, 0);
      for (const entry of from) {
        roll -= entry.weight;
        if (roll < 0) return entry;
      }
      return undefined;
    },
  };
}

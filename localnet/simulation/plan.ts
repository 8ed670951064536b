import { type AgentLimits, DEFAULT_LIMITS } from '../../src/agent/agent.ts';
import { DEFAULT_POLICY, type StatusPolicy } from '../../src/bgp/index.ts';
import type { Random } from '../../src/lib/index.ts';

/** A seeded pseudorandom number generator, so that a run can be repeated. */
export interface Prng {
  readonly random: Random;
  /** A number between the two. */
  between(low: number, high: number): number;
  /** An integer between the two, inclusive. */
  whole(low: number, high: number): number;
  chance(probability: number): boolean;
  /** One of the elements; undefined if there are none. */
  one<T>(from: readonly T[]): T | undefined;
  /** One of the elements by weight; undefined when no weight is positive. */
  weighted<T extends { readonly weight: number }>(from: readonly T[]): T | undefined;
}

export function createPrng(random: Random): Prng {
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

/** The parameters of one run: the size of its world and the agent's configuration. */
export interface RunPlan {
  readonly users: number;
  readonly nodes: number;
  readonly sources: number;
  /** Sources report states without change times and counts. */
  readonly blind: boolean;
  /** Changes on the switch trigger the agent, late and not always. */
  readonly hints: boolean;
  readonly skipPreflight: boolean;
  readonly policy: StatusPolicy;
  readonly limits: AgentLimits;
  /** One of several nodes goes on refusing reads after the end of all faults. */
  readonly keepsRefusing: boolean;
  /** Maximum time from the end of all faults to convergence, milliseconds. */
  readonly convergenceBoundMs: number;
}

/**
 * A failed endpoint or source backs off for up to 30 s. Then follow one tick (5 s), the down grace (6 s) and the confirmation. A transaction that
 * was taken late lands within 40 s.
 */
const CONVERGENCE_BOUND_MS = 60_000;

const QUICK_REFRESH_MS = 300_000;
const SMALL_BUDGET = 12;

export function createPlan(prng: Prng): RunPlan {
  const enforces = prng.chance(0.15);
  const { damping, refreshIntervalMs } = DEFAULT_POLICY;
  const nodes = prng.whole(1, 3);
  return {
    users: prng.whole(1, 24),
    nodes,
    keepsRefusing: nodes > 1 && prng.chance(0.3),
    sources: prng.chance(0.3) ? 2 : 1,
    blind: prng.chance(0.25),
    hints: prng.chance(0.4),
    skipPreflight: prng.chance(0.3),
    policy: {
      ...DEFAULT_POLICY,
      refreshIntervalMs: prng.chance(0.3) ? QUICK_REFRESH_MS : refreshIntervalMs,
      damping: { ...damping, mode: enforces ? 'enforce' : damping.mode },
    },
    limits: { ...DEFAULT_LIMITS, maxTransactionsPerMinute: prng.chance(0.3) ? SMALL_BUDGET : DEFAULT_LIMITS.maxTransactionsPerMinute },
    convergenceBoundMs: CONVERGENCE_BOUND_MS + (enforces ? damping.suppressedIntervalMs : 0),
  };
}

import { type AgentLimits, DEFAULT_LIMITS } from '../../src/agent/agent.ts';
import { DEFAULT_POLICY, type StatusPolicy } from '../../src/bgp/index.ts';
import type { Random } from '../../src/lib/index.ts';

/** Draws from one seeded source of chance, so that a run can be repeated. */
export interface Prng {
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

/** The shape of one run: how big its world is, and how its agent is configured. */
export interface RunPlan {
  readonly users: number;
  readonly nodes: number;
  readonly sources: number;
  /** The sources tell neither since when a session is as it is, nor how often it changed. */
  readonly blind: boolean;
  /** The switch's changes wake the agent, late and not always. */
  readonly hints: boolean;
  readonly skipPreflight: boolean;
  readonly policy: StatusPolicy;
  readonly limits: AgentLimits;
  /** Longest from the end of all trouble to a ledger that is right, milliseconds. */
  readonly convergenceBoundMs: number;
}

/**
 * The device's account is read again after up to 60 s, a rejected user is tried again after 60 s (twice as long when it was rejected again), a
 * transaction of unknown fate blocks its users for the 150 blocks of its blockhash (60 s), an endpoint or a source that failed rests for up to
 * 30 s; then come one tick (5 s), the grace (6 s), or the patience with newcomers (60 s) beside all of that, and the landing.
 */
const CONVERGENCE_BOUND_MS = 180_000;

const QUICK_REFRESH_MS = 300_000;
const SMALL_BUDGET = 12;

export function createPlan(prng: Prng): RunPlan {
  const enforces = prng.chance(0.15);
  const { damping, refreshIntervalMs } = DEFAULT_POLICY;
  return {
    users: prng.whole(1, 24),
    nodes: prng.whole(1, 3),
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

import type { MonotonicMs } from '../lib/index.ts';

/**
 * Route-flap damping of RFC 2439 with the thresholds of RFC 7196, on users instead of routes. Times in milliseconds. RFC 7196
 * recommends a suppress threshold of 6,000 or more; the rest are the values that vendors share.
 */
export const DEFAULT_DAMPING = {
  /** observe: measure and report only. enforce: a suppressed user writes at most once per `suppressedIntervalMs`. */
  mode: 'observe' as 'observe' | 'enforce',
  penaltyPerTransition: 1_000,
  halfLifeMs: 15 * 60_000,
  /** Suppressed above this figure of merit … */
  suppressAbove: 6_000,
  /** … until it has decayed below this one. */
  reuseBelow: 750,
  /** A user is free again this long after its last transition, however often it flapped. */
  maxSuppressMs: 60 * 60_000,
  suppressedIntervalMs: 5 * 60_000,
};
export type DampingPolicy = Readonly<typeof DEFAULT_DAMPING>;

/** A user's figure of merit at a moment. */
export interface FlapPenalty {
  readonly value: number;
  readonly at: MonotonicMs;
  readonly suppressed: boolean;
}

/** The highest figure of merit there is: from it the penalty decays to `reuseBelow` within `maxSuppressMs` (RFC 2439 4.2, the ceiling). */
export function penaltyCeiling({ reuseBelow, maxSuppressMs, halfLifeMs }: DampingPolicy): number {
  return reuseBelow * 2 ** (maxSuppressMs / halfLifeMs);
}

/** A decaying penalty gets a new object only after this share of its half-life: after a mass flap thousands decay at once. */
const HALF_LIVES_BETWEEN_UPDATES = 1 / 32;

/**
 * The penalty at `now`, after `transitions` more transitions; the same object where little has changed, and undefined once it is below half of
 * `reuseBelow`. `suppressed` is exact at `now`; `value` is that of `at`, at most 2.2 % above the decayed one.
 */
export function advancePenalty(
  previous: FlapPenalty | undefined,
  transitions: number,
  now: MonotonicMs,
  policy: DampingPolicy,
): FlapPenalty | undefined {
  const decayed = previous === undefined ? 0 : previous.value * 2 ** (-(now - previous.at) / policy.halfLifeMs);
  const value = Math.min(penaltyCeiling(policy), decayed + transitions * policy.penaltyPerTransition);
  const suppressed = value > policy.suppressAbove || (previous?.suppressed === true && value >= policy.reuseBelow);
  // RFC 2439 4.8.6: a figure below half of the reuse threshold is forgotten.
  if (!suppressed && value < policy.reuseBelow / 2) return undefined;
  const isUnchanged = previous !== undefined && transitions === 0 && suppressed === previous.suppressed;
  if (isUnchanged && now - previous.at < policy.halfLifeMs * HALF_LIVES_BETWEEN_UPDATES) return previous;
  return { value, at: now, suppressed };
}

/** Milliseconds until a suppressed user is free, provided that it does not flap again. */
export function msUntilReuse(penalty: FlapPenalty, policy: DampingPolicy): number {
  return penalty.suppressed ? Math.max(0, policy.halfLifeMs * Math.log2(penalty.value / policy.reuseBelow)) : 0;
}

import type { TickReport } from '../../src/agent/events.ts';
import type { StatusIntent } from '../../src/bgp/index.ts';
import type { Address } from '../../src/serviceability/index.ts';
import type { Verdict } from './invariants.ts';

/**
 * Checks that one incarnation reports writes that do not land (`stalls-are-reported`). It waits for a write while its ticks decide on changes, or
 * while a transaction of its own is unresolved.
 */
export interface StallJudge {
  ticked(report: TickReport): void;
  sent(signature: string, intents: readonly StatusIntent[]): void;
  /** Expired, failed or withdrawn. */
  ended(signature: string): void;
  confirmed(signature: string): void;
  rejected(signature: string, user: Address): void;
  /** What the agent reports by itself: halted writes, a ledger that cannot be read, a budget that is used up. */
  problem(kind: 'halted' | 'ledger' | 'budget', isNow: boolean): void;
  /** `writesStalled` and `writesResumed`. */
  stalled(isNow: boolean): void;
  /** Called each slot while the process is alive. */
  step(): void;
  readonly isStalled: boolean;
}

export interface StallJudgeOptions {
  readonly verdict: Verdict;
  readonly now: () => number;
  /** Since when the chain has stood still, monotonic milliseconds; undefined while it moves. */
  readonly frozenSince: () => number | undefined;
}

/** The agent reports a stall within this time. */
const REPORTED_WITHIN_MS = 60_000;
/** With nothing to write the agent reads the ledger every 30 s only. */
const STILL_REPORTED_WITHIN_MS = 95_000;
/** A stall is not reported so soon after a confirmed write. */
const RECENT_MS = 30_000;

export function createStallJudge({ verdict, now, frozenSince }: StallJudgeOptions): StallJudge {
  const startedAt = now();
  const unresolved = new Set<string>();
  const rejected = new Set<Address>();
  const problems = new Set<string>();
  let waitingSince: number | undefined;
  let confirmedAt = Number.NEGATIVE_INFINITY;
  /** The end of the last problem that the agent reported by itself. */
  let soundSince = startedAt;
  let isStalled = false;

  const fail = (detail: string): void => verdict.fail('stalls-are-reported', detail);
  const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

  return {
    ticked({ view, intents }) {
      // Without a view a tick decides nothing, which ends no wait.
      if (view === undefined || problems.has('ledger')) return;
      const wants = intents.some(({ user, reason }) => reason === 'change' && !rejected.has(user));
      waitingSince = wants || unresolved.size > 0 ? (waitingSince ?? now()) : undefined;
    },
    sent(signature, intents) {
      unresolved.add(signature);
      waitingSince ??= now();
      for (const { user } of intents) rejected.delete(user);
    },
    ended: (signature) => void unresolved.delete(signature),
    confirmed(signature) {
      unresolved.delete(signature);
      confirmedAt = now();
    },
    rejected(signature, user) {
      unresolved.delete(signature);
      rejected.add(user);
    },
    problem(kind, isNow) {
      if (isNow) problems.add(kind);
      else problems.delete(kind);
      soundSince = now();
    },
    stalled(isNow) {
      isStalled = isNow;
      if (!isNow || frozenSince() !== undefined || problems.size > 0) return;
      if (now() - confirmedAt < RECENT_MS) fail(`reported ${seconds(now() - confirmedAt)} after a confirmed write`);
    },
    step() {
      if (isStalled || problems.size > 0) return;
      if (waitingSince !== undefined) {
        const quietMs = now() - Math.max(waitingSince, confirmedAt, soundSince);
        if (quietMs > REPORTED_WITHIN_MS) fail(`nothing was confirmed for ${seconds(quietMs)} although something waits, without a report`);
      }
      const still = frozenSince();
      if (still === undefined) return;
      const stillMs = now() - Math.max(still, soundSince);
      if (stillMs > STILL_REPORTED_WITHIN_MS) fail(`the ledger stood still for ${seconds(stillMs)} without a report`);
    },
    // A stall lasts at least as long as the ledger cannot be read, which is reported by itself.
    get isStalled() {
      return isStalled && problems.size === 0;
    },
  };
}

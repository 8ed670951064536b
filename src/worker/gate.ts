import type { StatusIntent } from '../bgp/index.ts';
import { type AgentError, backoffDelays, type Clock, createSlidingSum, type Random } from '../lib/index.ts';

import { MAX_WRITES_WITH_COMPUTE_BUDGET, type Slot } from '../serviceability/index.ts';

/** Bounds of what this process spends (rule 21). */
export interface SpendLimits {
  readonly maxTransactionsPerMinute: number;
  /** Fees of the last 24 hours. */
  readonly maxLamportsPerDay: number;
}

export type Allowance =
  | 'everything'
  /** The last fifth of a limit is kept for what has changed: a refresh can wait. */
  | 'changes'
  | 'nothing';

export interface SpendBudget {
  allowance(): Allowance;
  /** One transaction went out for the first time, and will cost this if it lands. */
  spend(lamports: number): void;
  readonly lamportsOfTheDay: number;
}

/** Solana's fee for one signature, which is all that a transaction of ours has. */
export const LAMPORTS_PER_TRANSACTION = 5_000;

/** Lamports an hour that refreshing every user takes at the least; changes come on top. */
export function refreshLamportsPerHour(users: number, refreshIntervalMs: number): number {
  return Math.ceil(users / MAX_WRITES_WITH_COMPUTE_BUDGET) * LAMPORTS_PER_TRANSACTION * (HOUR_MS / refreshIntervalMs);
}

const RESERVED_FOR_CHANGES = 0.2;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function createSpendBudget(limits: SpendLimits, clock: Pick<Clock, 'monotonic'>): SpendBudget {
  const transactions = createSlidingSum({ windowMs: MINUTE_MS, buckets: 60, clock });
  const lamports = createSlidingSum({ windowMs: DAY_MS, buckets: 96, clock });
  const share = (spent: number, limit: number, next: number): Allowance => {
    if (spent + next > limit) return 'nothing';
    // The first transaction of all is never too late to be a refresh, however small the limit.
    return spent > 0 && spent + next > limit * (1 - RESERVED_FOR_CHANGES) ? 'changes' : 'everything';
  };
  return {
    allowance() {
      const both = [
        share(transactions.sum(), limits.maxTransactionsPerMinute, 1),
        share(lamports.sum(), limits.maxLamportsPerDay, LAMPORTS_PER_TRANSACTION),
      ];
      if (both.includes('nothing')) return 'nothing';
      return both.includes('changes') ? 'changes' : 'everything';
    },
    spend(amount) {
      transactions.add(1);
      lamports.add(amount);
    },
    get lamportsOfTheDay() {
      return lamports.sum();
    },
  };
}

/** What became of the worker's transactions, each told once, where it happens. Loggers, metrics and the demo's table listen here. */
export interface WorkerReporter {
  sent(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** The same transaction goes out once more: nobody has seen it land yet. */
  rebroadcast(event: { readonly signature: string }): void;
  /** One write is on the ledger. `latencyMs` is from the first send. */
  confirmed(event: { readonly intent: StatusIntent; readonly signature: string; readonly slot: Slot; readonly latencyMs: number }): void;
  /** The program refused this user's status; the user is parked (see ParkedUsers). */
  rejected(event: { readonly intent: StatusIntent; readonly signature: string; readonly error: AgentError }): void;
  /** Provably never landed; its users are decided anew. */
  expired(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** A whole transaction failed for a reason that is no user's; its users go again. */
  failed(event: { readonly signature: string; readonly intents: readonly StatusIntent[]; readonly error: Error }): void;
  /** No endpoint took it, or writing was halted by it: it will never land, and its users wait. */
  withdrawn(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** Nothing will be written until a person acts, or the cause goes away. */
  halted(error: AgentError): void;
  resumed(): void;
  /** What may be spent has changed: a limit is nearly or wholly used up, or has room again (rule 21). */
  budget(event: { readonly allowance: Allowance }): void;
}

/**
 * Who stops the writing, and lets it go on: the watch over the device's account, the one over the balance, or a failed transaction. What the two
 * watches release is over. What a transaction failed for is tried again whenever the authority is confirmed, and over when something lands.
 */
type HaltHolder = HaltWatch | 'failure';
export type HaltWatch = 'authority' | 'balance';

interface HaltReasons {
  /** Why nothing may be written, where that is so. */
  readonly current: AgentError | undefined;
  /** Told once a cause, however often it is found again. */
  hold(error: AgentError, holder: HaltHolder): void;
  /** This holder's cause is gone; a halt that another one holds goes on, and is told again. */
  release(holder: HaltWatch): void;
  /** Something landed: what transactions failed for is over, unless it was found again since. */
  confirmed(): void;
}

function createHaltReasons(reporter: Pick<WorkerReporter, 'halted' | 'resumed'>): HaltReasons {
  const held = new Map<HaltHolder, AgentError>();
  /** What was said to be so, and not yet to be over. */
  const told = new Map<HaltHolder, AgentError>();

  function tellOver(holder: HaltHolder): void {
    const over = told.get(holder);
    if (over === undefined) return;
    // One cause may have been found by a watch and by a transaction.
    for (const [other, error] of told) if (error.code === over.code) told.delete(other);
    const [rest] = [...told.values()].slice(-1);
    if (rest === undefined) reporter.resumed();
    else reporter.halted(rest);
  }

  return {
    get current() {
      return held.values().next().value;
    },
    hold(error, holder) {
      held.set(holder, error);
      const isTold = [...told.values()].some(({ code }) => code === error.code);
      told.set(holder, error);
      if (!isTold) reporter.halted(error);
    },
    release(holder) {
      held.delete(holder);
      if (holder === 'authority') held.delete('failure');
      tellOver(holder);
    },
    confirmed() {
      if (!held.has('failure')) tellOver('failure');
    },
  };
}

/** Whether new transactions may go out: closed for a while after the ledger failed, closed until resumed after a halt. */
export interface SubmissionGate {
  readonly isOpen: boolean;
  /** Milliseconds until a pause ends; 0 when there is none. */
  readonly pausedForMs: number;
  readonly halted: AgentError | undefined;
  /** The ledger failed us: wait, longer each time in a row. */
  pause(): void;
  /** The ledger works: the next pause is a short one again. */
  answered(): void;
  /** Closes it until its holder, see Halts, opens it again. */
  halt(error: AgentError, holder: HaltHolder): void;
  resume(holder: HaltWatch): void;
  confirmed(): void;
}

const PAUSES = { baseMs: 200, maxMs: 2_000 };

export function createSubmissionGate({
  clock,
  random,
  reporter,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly random: Random;
  readonly reporter: Pick<WorkerReporter, 'halted' | 'resumed'>;
}): SubmissionGate {
  const freshDelays = () => backoffDelays({ ...PAUSES, random });
  let delays = freshDelays();
  let pausedUntil = Number.NEGATIVE_INFINITY;
  const haltReasons = createHaltReasons(reporter);
  return {
    get isOpen() {
      return haltReasons.current === undefined && clock.monotonic() >= pausedUntil;
    },
    get pausedForMs() {
      return Math.max(0, pausedUntil - clock.monotonic());
    },
    get halted() {
      return haltReasons.current;
    },
    pause() {
      pausedUntil = clock.monotonic() + delays.next().value;
    },
    answered() {
      delays = freshDelays();
    },
    halt: haltReasons.hold,
    resume: haltReasons.release,
    confirmed: haltReasons.confirmed,
  };
}

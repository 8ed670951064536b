import type { StatusIntent } from '../bgp/index.ts';
import { type AgentError, backoffDelays, type Clock, type ErrorCode, type MonotonicMs, type Random } from '../lib/index.ts';
import { MAX_WRITES_WITH_COMPUTE_BUDGET, type Slot } from '../serviceability/index.ts';

interface SlidingSumOptions {
  readonly windowMs: number;
  readonly buckets: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** A sum over the last `windowMs`, rounded up to whole buckets, kept in `buckets` parts, so that its memory is bounded. */
class SlidingSum {
  readonly #options: SlidingSumOptions;
  readonly #parts = new Map<number, number>();

  constructor(options: SlidingSumOptions) {
    this.#options = options;
  }

  add(amount: number): void {
    const current = this.#dropOld();
    this.#parts.set(current, (this.#parts.get(current) ?? 0) + amount);
  }

  sum(): number {
    this.#dropOld();
    return [...this.#parts.values()].reduce((sum, amount) => sum + amount, 0);
  }

  /** Returns the current bucket. */
  #dropOld(): number {
    const { windowMs, buckets, clock } = this.#options;
    const current = Math.floor(clock.monotonic() / (windowMs / buckets));
    for (const index of this.#parts.keys()) if (index < current - buckets) this.#parts.delete(index);
    return current;
  }
}

/** Bounds on what this process spends, across reloads (rule 21). */
export interface SpendLimits {
  readonly maxTransactionsPerMinute: number;
  /** Fees of the last 24 hours. */
  readonly maxLamportsPerDay: number;
}

/** What the spending limits leave room for. `changes-only`: the last fifth of a limit is reserved for changes, because refreshes can wait. */
export type Allowance = 'all' | 'changes-only' | 'none';

/** Solana's fee for one signature, and an agent's transaction has one. */
export const LAMPORTS_PER_TRANSACTION = 5_000;

const RESERVED_FOR_CHANGES = 0.2;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Lamports an hour that refreshing every user takes at least; changes come on top. */
export function refreshLamportsPerHour(users: number, refreshIntervalMs: number): number {
  return Math.ceil(users / MAX_WRITES_WITH_COMPUTE_BUDGET) * LAMPORTS_PER_TRANSACTION * (HOUR_MS / refreshIntervalMs);
}

export class SpendBudget {
  readonly #limits: SpendLimits;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #since: MonotonicMs;
  #transactions;
  #lamports;
  #reported: Allowance = 'all';

  constructor(limits: SpendLimits, clock: Pick<Clock, 'monotonic'>) {
    this.#limits = limits;
    this.#clock = clock;
    this.#since = clock.monotonic();
    this.#transactions = new SlidingSum({ windowMs: MINUTE_MS, buckets: 60, clock });
    this.#lamports = new SlidingSum({ windowMs: DAY_MS, buckets: 96, clock });
  }

  /** Continues the spending and the reports of another worker of this process, under this one's limits: a reload must not reset the budget. */
  continue(former: SpendBudget): void {
    this.#since = former.#since;
    this.#transactions = former.#transactions;
    this.#lamports = former.#lamports;
    this.#reported = former.#reported;
  }

  /** The allowance, if it is another one than the last that this returned; `all` at first. */
  changedAllowance(): Allowance | undefined {
    const { allowance } = this;
    if (allowance === this.#reported) return undefined;
    this.#reported = allowance;
    return allowance;
  }

  get allowance(): Allowance {
    const both = [
      share(this.#transactions.sum(), this.#limits.maxTransactionsPerMinute, 1),
      share(this.#lamports.sum(), this.#limits.maxLamportsPerDay, LAMPORTS_PER_TRANSACTION),
    ];
    if (both.includes('none')) return 'none';
    return both.includes('changes-only') ? 'changes-only' : 'all';
  }

  /** One transaction was sent for the first time; its fee is due when a block includes it. */
  spendTransaction(): void {
    this.#transactions.add(1);
    this.#lamports.add(LAMPORTS_PER_TRANSACTION);
  }

  /** No endpoint took the transaction. */
  refundTransaction(): void {
    this.#transactions.add(-1);
    this.refundFee();
  }

  /** No block will include the transaction, so its fee is never due. It still counts as one of its minute. */
  refundFee(): void {
    this.#lamports.add(-LAMPORTS_PER_TRANSACTION);
  }

  get lamportsOfTheDay(): number {
    return Math.max(0, this.#lamports.sum());
  }

  /** The mean of the last 24 hours; 0 in the first hour, which is too short for one. */
  get lamportsPerHour(): number {
    const hours = Math.min(this.#clock.monotonic() - this.#since, DAY_MS) / HOUR_MS;
    return hours < 1 ? 0 : this.lamportsOfTheDay / hours;
  }
}

function share(spent: number, limit: number, next: number): Allowance {
  if (spent + next > limit) return 'none';
  // The first transaction of all may always be a refresh, however small the limit.
  return spent > 0 && spent + next > limit * (1 - RESERVED_FOR_CHANGES) ? 'changes-only' : 'all';
}

/** The outcomes of the worker's transactions, each reported once, where it happens. Logs, metrics and the demo's table listen here. */
export interface WorkerReporter {
  sent(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** The same transaction is sent once more, because it is not confirmed yet. */
  rebroadcast(event: { readonly signature: string }): void;
  /** One write is on the ledger. `latencyMs` is from the first send. */
  confirmed(event: { readonly intent: StatusIntent; readonly signature: string; readonly slot: Slot; readonly latencyMs: number }): void;
  /** The program rejected this user's status; the user backs off. */
  rejected(event: { readonly intent: StatusIntent; readonly signature: string; readonly error: AgentError }): void;
  /** Expired unconfirmed: no block can include it any more; its users are re-evaluated. */
  expired(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** A whole transaction failed for a reason that is not a user's; its users are sent again. */
  failed(event: { readonly signature: string; readonly intents: readonly StatusIntent[]; readonly error: Error }): void;
  /** No endpoint accepted it, or it halted the writes: it will never be confirmed, and its users wait. */
  withdrawn(event: { readonly signature: string; readonly intents: readonly StatusIntent[] }): void;
  /** Writes are halted until a person acts or the cause goes away. */
  halted(error: AgentError): void;
  resumed(): void;
  /**
   * Writes do not land although none is halted: for 45 s, and `repeated` after 5 min. `error` is the newest cause, an endpoint's own error where
   * there is one; `forMs` is for how long by now. `nothingToWrite`: the ledger makes no progress, but no write waits; one that waits later is
   * reported once more. Nothing else follows until `writesResumed`.
   */
  writesStalled(event: {
    readonly error: AgentError;
    readonly forMs: number;
    readonly repeated: boolean;
    readonly nothingToWrite?: boolean;
  }): void;
  /**
   * The stall is over: a write was confirmed, or the ledger makes progress again and nothing waits. `nothingToWrite`: the stall was one of the ledger
   * alone.
   */
  writesResumed(event: { readonly forMs: number; readonly nothingToWrite?: boolean }): void;
  /** A limit is nearly or wholly used up, or has room again (rule 21). */
  budget(event: { readonly allowance: Allowance }): void;
}

/** The watch over the device's account, and the one over the publisher's balance. */
export type HaltWatch = 'authority' | 'balance';
/**
 * What halts the writes. A watch ends its own halt. The halt of a failed transaction is tried again whenever the authority is confirmed, and over when
 * a transaction is confirmed; or when nothing is left to write, where a watch would find its cause.
 */
type HaltCause = HaltWatch | 'failure';

/** No watch finds these, so only a transaction shows that they are over. */
const UNWATCHED: ReadonlySet<string> = new Set(['WRITE__MALFORMED', 'WRITE__PROGRAM_TOO_OLD'] satisfies ErrorCode[]);

const PAUSES = { baseMs: 200, maxMs: 2_000 };
/** After transactions that failed as a whole: that the ledger answers does not end these. */
const FAILURE_PAUSES = { baseMs: 200, maxMs: 15_000 };

/** Whether new transactions may be sent: paused for a while after the ledger failed, closed until resumed after a halt. */
export class SubmissionGate {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: Random;
  readonly #reporter: Pick<WorkerReporter, 'halted' | 'resumed'>;
  readonly #halts = new Map<HaltCause, AgentError>();
  /** Halts that were reported and whose end was not reported yet. */
  readonly #reported = new Map<HaltCause, AgentError>();
  #delays: Iterator<number, never>;
  #failureDelays: Iterator<number, never>;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>, random: Random, reporter: Pick<WorkerReporter, 'halted' | 'resumed'>) {
    this.#clock = clock;
    this.#random = random;
    this.#reporter = reporter;
    this.#delays = backoffDelays({ ...PAUSES, random });
    this.#failureDelays = backoffDelays({ ...FAILURE_PAUSES, random });
  }

  get isOpen(): boolean {
    return this.halted === undefined && this.pausedForMs === 0;
  }

  /** Milliseconds until a pause ends; 0 when there is none. */
  get pausedForMs(): number {
    return Math.max(0, this.#pausedUntil - this.#clock.monotonic());
  }

  /** Why writes are halted, where they are. */
  get halted(): AgentError | undefined {
    return this.#halts.values().next().value;
  }

  /** The ledger failed: wait, longer each time in a row. */
  pause(): void {
    this.#pauseFor(this.#delays.next().value);
  }

  /** A transaction failed for a reason that is not a user's: wait, longer each time until one is confirmed. */
  pauseAfterFailure(): void {
    this.#pauseFor(this.#failureDelays.next().value);
  }

  /** A short pause does not end a longer one. */
  #pauseFor(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + ms);
  }

  /** An endpoint took a transaction: the next pause is a short one again. */
  answered(): void {
    this.#delays = backoffDelays({ ...PAUSES, random: this.#random });
  }

  /** Halts the writes. Reported once, however often the cause is found again. */
  halt(error: AgentError, cause: HaltCause): void {
    const isReported = [...this.#reported.values()].some(({ code }) => code === error.code);
    this.#halts.set(cause, error);
    this.#reported.set(cause, error);
    if (!isReported) this.#reporter.halted(error);
  }

  /** The watch's cause is gone; a halt of another cause goes on, and is reported again. */
  resume(watch: HaltWatch): void {
    const isSameCause = this.#halts.get('failure')?.code === this.#halts.get(watch)?.code;
    this.#halts.delete(watch);
    if (watch === 'authority' || isSameCause) this.#halts.delete('failure');
    this.#reportEnd(watch);
  }

  /** A transaction was confirmed: the halt of a failed one is over, unless another failed since. */
  confirmed(): void {
    this.#failureDelays = backoffDelays({ ...FAILURE_PAUSES, random: this.#random });
    if (!this.#halts.has('failure')) this.#reportEnd('failure');
  }

  /**
   * Reports the end of a failed transaction's halt once a retry is allowed, because no write is left to retry, unless only a
   * confirmed transaction can show it. A new failure reports the halt again.
   */
  nothingToWrite(): void {
    const code = this.#reported.get('failure')?.code ?? '';
    if (!this.#halts.has('failure') && !UNWATCHED.has(code)) this.#reportEnd('failure');
  }

  #reportEnd(cause: HaltCause): void {
    const ended = this.#reported.get(cause);
    if (ended === undefined) return;
    // A watch and a transaction may have found the same cause. It is reported once, and its end once neither finds it.
    const isSame = ({ code }: AgentError): boolean => code === ended.code;
    if ([...this.#halts.values()].some(isSame)) return void this.#reported.delete(cause);
    for (const [other, error] of this.#reported) if (isSame(error)) this.#reported.delete(other);
    const rest = [...this.#reported.values()].at(-1);
    if (rest === undefined) this.#reporter.resumed();
    else this.#reporter.halted(rest);
  }
}

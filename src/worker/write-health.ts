import { AgentError, type Clock, type MonotonicMs } from '../lib/index.ts';
import { type SlotProgress, standstillSince } from '../rpc/index.ts';
import type { WorkerReporter } from './gate.ts';

/** Writes that do not land are reported after this long, within a minute of the beginning … */
const STALLED_AFTER_MS = 45_000;
/** … and once more after this long. */
const REPEATED_AFTER_MS = 5 * 60_000;
/** A stall ends without a confirmation only after so many decisions in a row that need no write. */
const IDLE_DECISIONS_TO_END = 3;
/** An older error does not explain why nothing lands now. */
const CAUSE_MAX_AGE_MS = 60_000;

interface WriteHealthOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly reporter: Pick<WorkerReporter, 'writesStalled' | 'writesResumed'>;
  /** Transactions in flight. */
  readonly inFlight: () => number;
  /** Whether a write waits that should have gone. */
  readonly isNeeded: () => boolean;
  /** Whether the spend limits keep everything from going. */
  readonly isBudgetSpent: () => boolean;
  readonly slotProgress: () => SlotProgress | undefined;
  /** Halted writes are reported as such. */
  readonly isHalted: () => boolean;
}

/** Something has waited since then, and nothing was confirmed. */
export interface NotLanding {
  readonly since: MonotonicMs;
  /** The newest error that may explain it. */
  readonly cause: { readonly error: AgentError; readonly at: MonotonicMs } | undefined;
}

/**
 * The one place that decides that writes do not land: something waits or is in flight and nothing was confirmed, whatever the cause. A ledger that
 * makes no progress is reported as well, also while nothing has to be written.
 *
 *   errors of sends and reads ──► newest cause ─┐
 *   waiting, in flight, confirmed ──► since when ├──► writesStalled after 45 s and 5 min, writesResumed
 *   slots of answers ──► no progress since ──────┘
 */
export class WriteHealth {
  readonly #options: WriteHealthOptions;
  /** Since when something has waited without any confirmation. */
  #waitingSince: MonotonicMs | undefined;
  #cause: NotLanding['cause'];
  #stall: { readonly since: MonotonicMs; isRepeated: boolean; nothingToWrite: boolean } | undefined;
  /** Decisions in a row after which nothing waited. */
  #idleDecisions = 0;
  /** Whether a transaction was in flight since the last confirmation or stall. */
  #hasSent = false;

  constructor(options: WriteHealthOptions) {
    this.#options = options;
  }

  /** For the next worker of the key: a reload makes no write land. */
  get notLanding(): NotLanding | undefined {
    return this.#waitingSince === undefined ? undefined : { since: this.#waitingSince, cause: this.#cause };
  }

  continue({ since, cause }: NotLanding): void {
    this.#waitingSince = since;
    this.#cause = cause;
    this.check();
  }

  /** An endpoint refused or failed a send or a read that a write needs, or a transaction failed or expired. */
  failed(error: AgentError): void {
    this.#cause = { error, at: this.#options.clock.monotonic() };
  }

  /** Writes may be needed, but are not handed over: the ledger cannot be read, or the authority is not verified yet. */
  withheld(error: AgentError | undefined): void {
    if (error !== undefined) this.failed(error);
    this.#waitingSince ??= this.#options.clock.monotonic();
    this.check();
  }

  /** A tick has decided on a usable view: what it does not desire no longer waits. */
  decided(): void {
    this.#idleDecisions = this.#isBusy ? 0 : this.#idleDecisions + 1;
    // A stall of transactions outlasts one poll without their users, and the moment between an expiry and the next send.
    const needed = this.#stall !== undefined && this.#hasSent ? IDLE_DECISIONS_TO_END : 1;
    if (this.#idleDecisions >= needed) this.#waitingSince = undefined;
    this.check();
  }

  confirmed(): void {
    this.#waitingSince = undefined;
    this.#cause = undefined;
    this.#hasSent = false;
    this.#end();
  }

  /** Reports a stall that has lasted long enough, and the end of one. */
  check(): void {
    const { clock, reporter, isHalted } = this.#options;
    if (isHalted()) {
      this.#waitingSince = undefined;
      return;
    }
    const now = clock.monotonic();
    if (this.#isBusy) this.#waitingSince ??= now;
    this.#hasSent ||= this.#options.inFlight() > 0;
    const since = this.#notLandingSince();
    const forMs = since === undefined ? 0 : now - since;
    if (this.#stall === undefined) {
      if (since === undefined || forMs < STALLED_AFTER_MS) return;
      this.#stall = { since, isRepeated: false, nothingToWrite: this.#hasNothingToWrite };
      reporter.writesStalled(this.#stalled(now, forMs, false));
    } else if (since === undefined) {
      this.#end();
    } else if (!this.#stall.isRepeated && now - this.#stall.since >= REPEATED_AFTER_MS) {
      this.#stall.isRepeated = true;
      this.#stall.nothingToWrite = this.#hasNothingToWrite;
      reporter.writesStalled(this.#stalled(now, now - this.#stall.since, true));
    } else if (this.#stall.nothingToWrite && this.#waitingSince !== undefined && now - this.#waitingSince >= STALLED_AFTER_MS) {
      // The same standstill now keeps writes from landing.
      this.#stall.nothingToWrite = false;
      reporter.writesStalled(this.#stalled(now, now - this.#stall.since, this.#stall.isRepeated));
    }
  }

  #stalled(now: MonotonicMs, forMs: number, repeated: boolean): Parameters<WorkerReporter['writesStalled']>[0] {
    return { error: this.#explain(now), forMs, repeated, nothingToWrite: this.#hasNothingToWrite || undefined };
  }

  #end(): void {
    const { clock, reporter } = this.#options;
    const stall = this.#stall;
    if (stall !== undefined)
      reporter.writesResumed({ forMs: clock.monotonic() - stall.since, nothingToWrite: stall.nothingToWrite || undefined });
    this.#stall = undefined;
    this.#hasSent = false;
  }

  /** Only the standstill of the ledger is a problem then. */
  get #hasNothingToWrite(): boolean {
    return this.#waitingSince === undefined && !this.#isBusy;
  }

  get #isBusy(): boolean {
    return this.#options.inFlight() > 0 || this.#options.isNeeded();
  }

  #notLandingSince(): MonotonicMs | undefined {
    const stillSince = this.#standstill?.advancedAt;
    if (this.#waitingSince === undefined || stillSince === undefined) return this.#waitingSince ?? stillSince;
    return this.#waitingSince < stillSince ? this.#waitingSince : stillSince;
  }

  /** The progress of a ledger that stands still. */
  get #standstill(): SlotProgress | undefined {
    const progress = this.#options.slotProgress();
    return progress === undefined || standstillSince(progress) === undefined ? undefined : progress;
  }

  /** The newest error of an endpoint; without one, what is known. An error explains no standstill, but why a write does not land. */
  #explain(now: MonotonicMs): AgentError {
    if (!this.#hasNothingToWrite && this.#cause !== undefined && now - this.#cause.at < CAUSE_MAX_AGE_MS) return this.#cause.error;
    const standstill = this.#standstill;
    if (standstill !== undefined) return new AgentError('LEDGER__STANDS_STILL', { slot: standstill.slot });
    return new AgentError('WRITE__NOT_LANDING', { problem: this.#silence() });
  }

  #silence(): string {
    const { inFlight, isBudgetSpent } = this.#options;
    if (inFlight() > 0) return `no endpoint reports an error, but transactions stay unconfirmed (${inFlight()} in flight)`;
    return isBudgetSpent()
      ? 'the spend limits worker.maxTransactionsPerMinute and worker.maxLamportsPerDay leave no room'
      : 'nothing was sent';
  }
}

import type { LedgerStatus, LedgerView, ReportableStatus, StatusIntent } from '../bgp/index.ts';
import { type AgentError, type Clock, createAbortController, createNotifier, isAgentError, type Random, Stopped } from '../lib/index.ts';
import { ComputeModel, isEarlyRefresh, type Signer } from '../publisher/index.ts';
import type { LedgerRpc } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import { Confirmer } from './confirm.ts';
import { FailureHandler } from './failures.ts';
import { type Allowance, type HaltWatch, SpendBudget, type SpendLimits, SubmissionGate, type WorkerReporter } from './gate.ts';
import { BlockhashCache, Confirmations, type InFlightTransaction, InFlightTransactions } from './in-flight.ts';
import { BackedOffUsers, DesiredStatuses, FailureBisector } from './pending.ts';
import { SendQueue, Submitter, type WorkerTiming } from './submit.ts';
import { type NotLanding, WriteHealth } from './write-health.ts';

interface WorkerOptions {
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  readonly random: Random;
  readonly programId: Address;
  readonly device: Address;
  readonly signer: Signer;
  readonly timing: WorkerTiming;
  readonly limits: SpendLimits;
  readonly reporter: WorkerReporter;
  /** Throws the AgentError for which this key may not write for this device; resolves when it may. */
  readonly verifyAuthority: (signal: AbortSignal) => Promise<void>;
  /** A transaction expired or failed, and its users need a new decision before anything else is written for them. */
  readonly onUndecided: () => void;
  /** An unexpected error: a bug, which the worker survives. */
  readonly onInternalError: (error: unknown) => void;
}

/** What a worker leaves to the next one of its key. */
export interface Handover {
  /** Transactions that may still be confirmed. */
  readonly unresolved: readonly InFlightTransaction[];
  /** What was spent; absent after a dry run. */
  readonly budget?: SpendBudget;
  /** Absent while nothing waits, or writes land. */
  readonly notLanding?: NotLanding | undefined;
}

const IDLE_POLL_MS = 20;
/** Between two checks whether a used-up budget has room again. */
const BUDGET_POLL_MS = 1_000;

/**
 * Writes the newest desired status of each user to the ledger.
 *
 *   setDesired ─► desired statuses ─► pack ─► simulate once ─► sign ─► in flight ─► send to all endpoints
 *                      ▲                                          │  one status poll for all, rebroadcast
 *                      │ others of a failed batch, at once        ▼
 *                      └─────── confirmed · rejected user · expired (re-evaluated) · halted
 *
 * One loop does everything but the sending itself, so that no two steps race. At most one unresolved status a user, ever (rule 17).
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #controller = createAbortController();
  readonly #notifier;
  readonly #desired: DesiredStatuses;
  readonly #inFlight = new InFlightTransactions();
  readonly #confirmations = new Confirmations();
  readonly #backedOffUsers: BackedOffUsers;
  readonly #bisector = new FailureBisector(this.#confirmations);
  readonly #gate: SubmissionGate;
  readonly #health: WriteHealth;
  readonly #budget: SpendBudget;
  readonly #queue: SendQueue;
  readonly #submitter: Submitter;
  readonly #confirmer: Confirmer;
  #polledAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    const { rpc, clock, random, signer, timing, limits, reporter } = options;
    this.#options = options;
    this.#notifier = createNotifier(clock);
    this.#desired = new DesiredStatuses(clock);
    this.#backedOffUsers = new BackedOffUsers(clock);
    this.#gate = new SubmissionGate(clock, random, reporter);
    this.#budget = new SpendBudget(limits, clock);
    this.#health = new WriteHealth({
      clock,
      reporter,
      inFlight: () => this.#inFlight.size,
      isNeeded: () => this.#submitter.isNeeded,
      isBudgetSpent: () => this.#budget.allowance === 'none',
      slotProgress: () => rpc.slotProgress(),
      isHalted: () => this.#gate.halted !== undefined,
    });
    this.#queue = new SendQueue({
      concurrency: timing.maxInFlight,
      onSettled: () => this.#notifier.signal(),
      onError: (error) => this.#reportUnlessStopped(error),
    });
    const shared = {
      ...options,
      publisher: signer.address,
      desired: this.#desired,
      inFlight: this.#inFlight,
      backedOffUsers: this.#backedOffUsers,
      bisector: this.#bisector,
      compute: new ComputeModel(),
      blockhashes: new BlockhashCache(rpc, clock, timing.blockhashMaxAgeMs),
      gate: this.#gate,
      health: this.#health,
      budget: this.#budget,
      queue: this.#queue,
    };
    const parts = { ...shared, failures: new FailureHandler(shared) };
    this.#submitter = new Submitter(parts);
    this.#confirmer = new Confirmer({ ...parts, confirmations: this.#confirmations });
  }

  /** Call before `start`: takes over from another worker of this key. Users of its unresolved transactions wait until those are resolved. */
  adopt({ unresolved, budget, notLanding }: Handover): void {
    for (const transaction of unresolved) this.#inFlight.add({ ...transaction, hasOldHeights: true });
    if (budget !== undefined) this.#budget.continue(budget);
    if (notLanding !== undefined) this.#health.continue(notLanding);
  }

  start(): void {
    this.#running ??= this.#loop(this.#controller.signal).catch((error: unknown) => this.#reportUnlessStopped(error));
  }

  /** Sends nothing new, waits up to `drainMs` for the transactions in flight, and returns what the next worker takes over. */
  async stop(drainMs: number): Promise<Handover> {
    const { clock } = this.#options;
    this.#submitter.drain();
    this.#notifier.signal();
    const deadline = clock.monotonic() + drainMs;
    while (this.#running !== undefined && this.#inFlight.size > 0 && clock.monotonic() < deadline) await clock.sleep(IDLE_POLL_MS);
    this.#controller.abort(new Stopped('the worker stops'));
    await this.#running;
    await this.#queue.close();
    return { unresolved: this.#inFlight.all(), budget: this.#budget, notLanding: this.#health.notLanding };
  }

  /**
   * Replaces everything that waits by what the newest tick desires. `withheld`: writes may be needed, but could not be decided or may not go yet, and
   * why, where that is known. Never waits, never throws.
   */
  setDesired(
    intents: readonly StatusIntent[],
    view: Pick<LedgerView, 'slot' | 'readAt'> & { readonly users: { has(user: Address): boolean } },
    withheld?: { readonly error: AgentError | undefined },
  ): void {
    const isKnown = (user: Address): boolean => view.users.has(user);
    // A view is older than the one before only when the ledger was rolled back.
    if (this.#desired.viewSlot !== undefined && view.slot < this.#desired.viewSlot) {
      this.#confirmations.clear();
      this.#inFlight.rolledBack(view.slot);
    }
    this.#inFlight.forgetAbandoned(view.slot);
    this.#backedOffUsers.keepOnly(isKnown);
    this.#bisector.keepOnly(isKnown);
    this.#confirmations.keepOnly(isKnown);
    this.#confirmations.shownBy(view);
    this.#desired.replace(
      intents.filter((intent) => !this.#backedOffUsers.holds(intent) && !this.#confirmations.covers(intent, view.slot)),
      view.slot,
    );
    if (withheld === undefined) this.#health.decided();
    else this.#health.withheld(withheld.error);
    const isNeeded = this.#inFlight.size > 0 || intents.some((intent) => !isEarlyRefresh(intent));
    if (withheld === undefined && !isNeeded) this.#gate.nothingToWrite();
    this.#notifier.signal();
  }

  /** There is no view of the ledger to decide on, and why, where that is known. */
  withhold(error: AgentError | undefined): void {
    this.#health.withheld(error);
  }

  /** Whether this status of a user's record, of this slot, is or may be a write of this process. */
  isOwnWrite(user: Address, status: LedgerStatus, slot: Slot): boolean {
    const confirmedIn = this.#confirmations.slotOf(user);
    if (confirmedIn !== undefined && slot <= confirmedIn) return true;
    return status !== 'unknown' && this.#inFlight.mayHaveWritten(user, status, slot);
  }

  /** Statuses that are neither confirmed nor failed nor expired. */
  inFlight(): ReadonlyMap<Address, ReportableStatus> {
    return this.#inFlight.statuses();
  }

  /** Users that the program rejected, and why. */
  backedOffUsers(): ReadonlyMap<Address, AgentError> {
    return this.#backedOffUsers.all();
  }

  /** The newest slot in which a write was confirmed: a view from before it does not show the write. */
  get lastConfirmedSlot(): Slot | undefined {
    return this.#confirmations.lastSlot;
  }

  /** The newest slot in which a write was confirmed for this user, since this process began or the ledger's last rollback. */
  confirmedIn(user: Address): Slot | undefined {
    return this.#confirmations.slotOf(user);
  }

  /** Halts new writes until this watch resumes them; transactions in flight are followed to their end. */
  halt(error: AgentError, watch: HaltWatch = 'authority'): void {
    this.#gate.halt(error, watch);
  }

  resume(watch: HaltWatch = 'authority'): void {
    this.#gate.resume(watch);
    this.#notifier.signal();
  }

  get halted(): AgentError | undefined {
    return this.#gate.halted;
  }

  /** Fees of the last 24 hours, of this process. */
  get lamportsOfTheDay(): number {
    return this.#budget.lamportsOfTheDay;
  }

  /** Their mean; 0 in the first hour of this process. */
  get lamportsPerHour(): number {
    return this.#budget.lamportsPerHour;
  }

  get allowance(): Allowance {
    return this.#budget.allowance;
  }

  /** Resolves when nothing but early refreshes waits and nothing is in flight, or when writes are halted and nothing is in flight. */
  async whenIdle(signal: AbortSignal): Promise<void> {
    const isBusy = (): boolean => this.#inFlight.size > 0 || (this.#gate.halted === undefined && this.#submitter.hasWork);
    while (isBusy()) await this.#options.clock.sleep(IDLE_POLL_MS, signal);
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#step(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.onInternalError(error);
        this.#gate.pause();
      }
      await this.#notifier.wait(this.#msUntilNextStep(), signal);
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { clock, timing, reporter } = this.#options;
    await this.#submitter.submitAll(signal);
    this.#health.check();
    const allowance = this.#budget.changedAllowance();
    if (allowance !== undefined) reporter.budget({ allowance });
    if (clock.monotonic() - this.#polledAt < timing.statusPollIntervalMs) return;
    this.#polledAt = clock.monotonic();
    try {
      await this.#confirmer.poll(signal);
    } catch (error) {
      // The endpoints report it themselves; transactions stay in flight until there is proof.
      if (!isAgentError(error)) throw error;
      this.#health.failed(error);
    }
  }

  #msUntilNextStep(): number {
    const { clock, timing } = this.#options;
    const never = Number.POSITIVE_INFINITY;
    const poll = this.#inFlight.size > 0 ? Math.max(0, this.#polledAt + timing.statusPollIntervalMs - clock.monotonic()) : never;
    if (!this.#submitter.hasRoom) return poll;
    if (this.#submitter.hasWork) return Math.min(poll, Math.max(this.#gate.pausedForMs, timing.sendStaggerMs));
    return this.#budget.allowance === 'all' ? poll : Math.min(poll, BUDGET_POLL_MS);
  }

  #reportUnlessStopped(error: unknown): void {
    if (!this.#controller.signal.aborted) this.#options.onInternalError(error);
  }
}

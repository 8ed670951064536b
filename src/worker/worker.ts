import type { ReportableStatus, StatusIntent } from '../bgp/index.ts';
import { type AgentError, type Clock, createWakeUp, isAgentError, lifeController, type Random, Stopped } from '../lib/index.ts';
import { ComputeModel, type Signer } from '../publisher/index.ts';
import type { LedgerRpc } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import { createConfirmer } from './confirm.ts';
import type { WorkerContext, WorkerTiming } from './context.ts';
import { type Allowance, createSpendBudget, createSubmissionGate, type HaltWatch, type SpendLimits, type WorkerReporter } from './gate.ts';
import { createBlockhashCache, createInFlightTransactions, type InFlightTransaction } from './in-flight.ts';
import { createBackedOffUsers, createDesiredStates, createFailureBisector } from './pending.ts';
import { hasWork, submit } from './submit.ts';

export interface WorkerOptions {
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  readonly random: Random;
  readonly programId: Address;
  readonly device: Address;
  readonly signer: Signer;
  readonly timing: WorkerTiming;
  readonly limits: SpendLimits;
  readonly reporter: WorkerReporter;
  /** Throws the AgentError that tells why this key may not write for this device; resolves when it may. */
  readonly verifyAuthority: (signal: AbortSignal) => Promise<void>;
  /** Called when users need a new decision before anything else is written for them: a transaction of theirs expired. */
  readonly onRedecide: () => void;
  /** Something threw that should not: a defect, survived. */
  readonly onInternalError: (error: unknown) => void;
}

/** Transactions that may land yet. */
export interface LeftInFlight {
  readonly unresolved: readonly InFlightTransaction[];
}

export interface Worker {
  /** Takes over, before `start`, what another worker of this key left in the air: nothing is written for its users before it is resolved. */
  adopt(left: readonly InFlightTransaction[]): void;
  start(): void;
  /** Sends nothing new, waits up to `drainMs` for what is in the air, and tells what was left there. */
  stop(drainMs: number): Promise<LeftInFlight>;
  /** Hands over what the newest tick wants; everything that waited before is replaced. Never waits, never throws. */
  setDesired(intents: readonly StatusIntent[], view: { readonly slot: Slot; readonly users: { has(user: Address): boolean } }): void;
  /** Statuses that are neither landed nor provably dead. */
  inFlight(): ReadonlyMap<Address, ReportableStatus>;
  /** Users that the program rejected, and why. */
  backedOffUsers(): ReadonlyMap<Address, AgentError>;
  /** The newest slot in which a write of ours landed: a view from before it does not show the write. */
  readonly lastConfirmedSlot: Slot | undefined;
  /** The newest slot in which a write of ours landed for this user, since this process began. */
  confirmedIn(user: Address): Slot | undefined;
  /** Stops writing until this watch, the one over the device's account unless told, resumes it; what is in the air is followed to its end. */
  halt(error: AgentError, watch?: HaltWatch): void;
  resume(watch?: HaltWatch): void;
  readonly halted: AgentError | undefined;
  /** Fees of the last 24 hours, of this process. */
  readonly lamportsOfTheDay: number;
  readonly allowance: Allowance;
  /** Resolves when nothing but ride-alongs waits and nothing is in the air, or writing has halted. */
  whenIdle(signal: AbortSignal): Promise<void>;
}

const IDLE_POLL_MS = 20;
/** How often a spent budget is asked whether it has room again. */
const BUDGET_POLL_MS = 1_000;

/**
 * Lands the newest desired status of each user.
 *
 *   offer ─► desired states ─► pack ─► simulate once ─► sign ─► flights ─► send to all endpoints
 *                 ▲                                       │  one status poll for all, rebroadcast
 *                 │ others of a failed batch, at once     ▼
 *                 └────────── landed · rejected user · expired (decided anew) · halted
 *
 * One loop does everything but the sending itself, so that no two steps race. At most one unresolved status a user, ever (rule 17).
 */
export function createWorker(options: WorkerOptions): Worker {
  const { rpc, clock, random, timing, reporter, onInternalError } = options;
  const wake = createWakeUp(clock);
  const controller = lifeController();
  const background = new Set<Promise<void>>();
  const context: WorkerContext = {
    ...options,
    desired: createDesiredStates(clock),
    flights: createInFlightTransactions(),
    backedOffUsers: createBackedOffUsers(clock),
    compute: new ComputeModel(),
    blockhashes: createBlockhashCache({ rpc, clock, maxAgeMs: timing.blockhashMaxAgeMs }),
    gate: createSubmissionGate({ clock, random, reporter }),
    budget: createSpendBudget(options.limits, clock),
    bisector: createFailureBisector(),
    inBackground(work) {
      const settled = work
        .catch((error: unknown) => {
          if (!controller.signal.aborted) onInternalError(error);
        })
        .finally(() => {
          background.delete(settled);
          wake.signal();
        });
      background.add(settled);
    },
  };
  const { desired, flights, backedOffUsers, gate } = context;
  const confirmer = createConfirmer({ context, onExpired: options.onRedecide });
  let draining = false;
  let toldAllowance: Allowance = 'everything';
  let running: Promise<void> | undefined;
  let followedAt = Number.NEGATIVE_INFINITY;

  async function step(signal: AbortSignal): Promise<void> {
    await submit(context, () => draining, signal);
    const allowance = context.budget.allowance();
    if (allowance !== toldAllowance) reporter.budget({ allowance });
    toldAllowance = allowance;
    if (clock.monotonic() - followedAt < timing.statusPollIntervalMs) return;
    followedAt = clock.monotonic();
    try {
      await confirmer.confirm(signal);
    } catch (error) {
      // The endpoints' own reporter has told of it; what is in the air stays there until there is proof.
      if (!isAgentError(error)) throw error;
    }
  }

  function msUntilNextStep(): number {
    const never = Number.POSITIVE_INFINITY;
    const poll = flights.size > 0 ? Math.max(0, followedAt + timing.statusPollIntervalMs - clock.monotonic()) : never;
    if (draining || gate.halted !== undefined || flights.size >= timing.maxInFlight) return poll;
    if (hasWork(context)) return Math.min(poll, Math.max(gate.pausedForMs, timing.sendStaggerMs));
    return context.budget.allowance() === 'everything' ? poll : Math.min(poll, BUDGET_POLL_MS);
  }

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await step(signal);
      } catch (error) {
        signal.throwIfAborted();
        onInternalError(error);
        gate.pause();
      }
      await wake.wait(msUntilNextStep(), signal);
    }
  }

  return {
    adopt: confirmer.adopt,
    start() {
      running ??= loop(controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) onInternalError(error);
      });
    },
    async stop(drainMs) {
      draining = true;
      wake.signal();
      const deadline = clock.monotonic() + drainMs;
      while (running !== undefined && flights.size > 0 && clock.monotonic() < deadline) await clock.sleep(IDLE_POLL_MS);
      controller.abort(new Stopped('the worker stops'));
      await running;
      await Promise.allSettled(background);
      return { unresolved: flights.all() };
    },
    setDesired(intents, view) {
      const isKnown = (user: Address): boolean => view.users.has(user);
      backedOffUsers.keepOnly(isKnown);
      context.bisector.keepOnly(isKnown);
      if (desired.viewSlot !== undefined && view.slot < desired.viewSlot) confirmer.startOver();
      confirmer.forgetOthers(isKnown);
      desired.replace(
        intents.filter((intent) => !backedOffUsers.holds(intent)),
        view.slot,
      );
      wake.signal();
    },
    inFlight: () => flights.statuses(),
    backedOffUsers: () => backedOffUsers.all(),
    get lastConfirmedSlot() {
      return confirmer.lastConfirmedSlot;
    },
    confirmedIn: confirmer.confirmedIn,
    halt: (error, watch = 'authority') => gate.halt(error, watch),
    resume(watch = 'authority') {
      gate.resume(watch);
      wake.signal();
    },
    get halted() {
      return gate.halted;
    },
    get lamportsOfTheDay() {
      return context.budget.lamportsOfTheDay;
    },
    get allowance() {
      return context.budget.allowance();
    },
    async whenIdle(signal) {
      while (flights.size > 0 || (gate.halted === undefined && hasWork(context))) await clock.sleep(IDLE_POLL_MS, signal);
    },
  };
}

import PQueue from 'p-queue';
import type { StatusIntent } from '../bgp/index.ts';
import { type Clock, DeadlineExceeded, isAgentError, withDeadline } from '../lib/index.ts';
import {
  buildTransaction,
  type ComputeRequest,
  isEarlyRefresh,
  type Packed,
  packNext,
  type SignedTransaction,
  type Signer,
  type WaitingIntent,
} from '../publisher/index.ts';
import { type LedgerRpc, SendAttempts, type SendOutcome } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { FailureHandler, FailureHandlerParts } from './failures.ts';
import type { SpendBudget } from './gate.ts';
import type { Blockhash, InFlightTransaction, InFlightTransactions } from './in-flight.ts';

/**
 * Sends and resends, at most `concurrency` at once; sends overtake resends. The queue holds work, never data: a transaction is built only when
 * the queue has a free place, from what is desired then (rule 18). The rate of sends is the worker's, by its own clock: a timer of the queue would
 * be one of real time.
 */
export class SendQueue {
  readonly #queue: PQueue;
  readonly #onError: (error: unknown) => void;

  constructor(options: { readonly concurrency: number; readonly onSettled: () => void; readonly onError: (error: unknown) => void }) {
    this.#queue = new PQueue({ concurrency: options.concurrency });
    this.#queue.on('next', options.onSettled);
    this.#onError = options.onError;
  }

  get isFull(): boolean {
    return this.#queue.size + this.#queue.pending >= this.#queue.concurrency;
  }

  send(work: () => Promise<void>): void {
    this.#queue.add(work, { priority: 1 }).catch(this.#onError);
  }

  resend(work: () => Promise<void>): void {
    this.#queue.add(work, { priority: 0 }).catch(this.#onError);
  }

  /** Drops what has not begun and waits for the rest. */
  async close(): Promise<void> {
    this.#queue.clear();
    await this.#queue.onIdle();
  }
}

export interface WorkerTiming {
  /** Between two polls for the statuses of all transactions in flight, milliseconds. */
  readonly statusPollIntervalMs: number;
  /** After which an unconfirmed transaction is sent again, milliseconds. */
  readonly rebroadcastIntervalMs: number;
  readonly blockhashMaxAgeMs: number;
  /** Between two sends, milliseconds. */
  readonly sendStaggerMs: number;
  /** Transactions in flight at once. */
  readonly maxInFlight: number;
  readonly skipPreflight: boolean;
}

export interface SubmitterParts extends FailureHandlerParts {
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  readonly device: Address;
  readonly signer: Signer;
  readonly timing: WorkerTiming;
  readonly inFlight: InFlightTransactions;
  readonly budget: SpendBudget;
  readonly failures: FailureHandler;
  readonly queue: SendQueue;
  /** Users of a transaction that did not land need a new decision. */
  readonly onUndecided: () => void;
}

/** After this many in a row, transactions carry no limit for a while. */
const MAX_FAILED_SIMULATIONS = 3;
const SIMULATE_AGAIN_AFTER_MS = 60_000;
/** The write waits this long for its simulation. */
const SIMULATE_WITHIN_MS = 3_000;

/** Packs, signs and sends what is desired. */
export class Submitter {
  readonly #parts: SubmitterParts;
  #isDraining = false;
  /** In a row. */
  #failedSimulations = 0;
  #simulatesFrom = Number.NEGATIVE_INFINITY;

  constructor(parts: SubmitterParts) {
    this.#parts = parts;
  }

  /** Sends nothing new from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Whether a pause is all that a new transaction may have to wait for. */
  get hasRoom(): boolean {
    const { gate, inFlight, timing, queue } = this.#parts;
    return !this.#isDraining && gate.halted === undefined && inFlight.size < timing.maxInFlight && !queue.isFull;
  }

  /** Whether anything waits that is worth a transaction. */
  get hasWork(): boolean {
    for (const { intent } of this.#sendable()) if (!isEarlyRefresh(intent)) return true;
    return false;
  }

  /** Whether a change waits, or a refresh that the spend limits have room for. */
  get isNeeded(): boolean {
    const { budget, desired, inFlight } = this.#parts;
    const { allowance } = budget;
    for (const { intent } of desired.all()) {
      const isNeeded = intent.reason === 'change' || (intent.reason === 'refresh' && allowance === 'all');
      if (isNeeded && !inFlight.hasUser(intent.user)) return true;
    }
    return false;
  }

  /** Sends transactions until nothing waits that may be sent. Throws what the signal throws, and what is a bug. */
  async submitAll(signal: AbortSignal): Promise<void> {
    const { blockhashes, compute, gate, health, clock, timing } = this.#parts;
    while (this.#maySubmit && this.hasWork) {
      let blockhash: Blockhash;
      try {
        blockhash = await blockhashes.get(signal);
        if (compute.needsMeasurement && clock.monotonic() >= this.#simulatesFrom) await this.#measure(blockhash, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isAgentError(error)) throw error;
        health.failed(error);
        gate.pause();
        return;
      }
      // Packed after the last wait: a transaction holds what is desired now (rule 18).
      const packed = this.#maySubmit ? this.#packNext() : undefined;
      if (packed === undefined) return;
      this.#submit(packed, blockhash, signal);
      await clock.sleep(timing.sendStaggerMs, signal);
    }
  }

  get #maySubmit(): boolean {
    return this.hasRoom && this.#parts.gate.isOpen;
  }

  /** What may be sent now: no user in flight, and changes only where the budget has no room for refreshes. */
  *#sendable(): Generator<WaitingIntent, void, void> {
    const { budget, desired, inFlight } = this.#parts;
    const { allowance } = budget;
    if (allowance === 'none') return;
    for (const waiting of desired.all()) {
      const { user, reason } = waiting.intent;
      if ((allowance === 'all' || reason === 'change') && !inFlight.hasUser(user)) yield waiting;
    }
  }

  #packNext(): Packed | undefined {
    const { bisector, compute } = this.#parts;
    return packNext(bisector.select(this.#sendable()), compute);
  }

  #submit({ intents, compute }: Packed, blockhash: Blockhash, signal: AbortSignal): void {
    const { clock, inFlight, budget, reporter, queue } = this.#parts;
    const now = clock.monotonic();
    const signed = this.#sign(intents, compute, blockhash);
    const transaction: InFlightTransaction = {
      ...signed,
      intents,
      attempts: new SendAttempts(signed.wire),
      slot: blockhash.slot,
      blockHeight: blockhash.blockHeight,
      lastValidBlockHeight: blockhash.lastValidBlockHeight,
      sentAt: now,
      lastSentAt: now,
      sends: 1,
    };
    inFlight.add(transaction);
    budget.spendTransaction();
    reporter.sent({ signature: transaction.signature, intents });
    queue.send(() => this.#send(transaction, signal));
  }

  #sign(intents: readonly StatusIntent[], compute: ComputeRequest, { blockhash }: Blockhash): SignedTransaction {
    const { programId, device, signer } = this.#parts;
    const writes = intents.map(({ user, to, rttNs }) => ({ user, status: to, rttNs }));
    return buildTransaction({ programId, device, signer, blockhash, writes, compute });
  }

  /** Simulates the next transaction: for its compute units, and for a user that would fail it. */
  async #measure(blockhash: Blockhash, signal: AbortSignal): Promise<void> {
    const { rpc, clock, compute, desired, failures } = this.#parts;
    const packed = this.#packNext();
    if (packed === undefined) return;
    const transaction = this.#sign(packed.intents, packed.compute, blockhash);
    try {
      const simulate = (inner: AbortSignal) => rpc.simulateTransaction(transaction.wire, inner, { minContextSlot: desired.viewSlot });
      const { err, unitsConsumed, logs } = await withDeadline(SIMULATE_WITHIN_MS, signal, simulate, clock);
      this.#failedSimulations = 0;
      if (err !== null) await failures.handle({ ...transaction, intents: packed.intents }, err, logs, signal);
      // Without the units, transactions request no limit.
      else if (unitsConsumed !== undefined) compute.learn(packed.intents.length, unitsConsumed);
    } catch (error) {
      // A node that cannot simulate costs the limit, not the write.
      if (isAgentError(error) && error.code === 'LEDGER__UNSUPPORTED') return;
      const isTooSlow = error instanceof DeadlineExceeded;
      this.#failedSimulations += 1;
      if (!isTooSlow && (!isAgentError(error) || this.#failedSimulations < MAX_FAILED_SIMULATIONS)) throw error;
      this.#simulatesFrom = clock.monotonic() + SIMULATE_AGAIN_AFTER_MS;
    }
  }

  /** The first send. A node that lags behind the view would reject users that it does not know yet. */
  async #send(transaction: InFlightTransaction, signal: AbortSignal): Promise<void> {
    const { rpc, timing, desired } = this.#parts;
    const options = { skipPreflight: timing.skipPreflight, minContextSlot: desired.viewSlot };
    await handleOutcome(this.#parts, transaction, await rpc.sendTransaction(transaction.attempts, options, signal), signal);
  }
}

/**
 * Acts on the outcome of all attempts so far, after a send or a resend. While one attempt is open or may land, the outcome is `unknown` or `accepted`,
 * and the transaction stays in flight.
 */
export async function handleOutcome(
  { desired, inFlight, budget, gate, health, reporter, failures, onUndecided }: SubmitterParts,
  transaction: InFlightTransaction,
  outcome: SendOutcome,
  signal: AbortSignal,
): Promise<void> {
  const { signature, intents } = transaction;
  const isUndecided = desired.lacksAny(intents);
  switch (outcome.kind) {
    case 'accepted':
    case 'unknown':
      // What was taken once may be refused at every repeat.
      if (outcome.error !== undefined) health.failed(outcome.error);
      else if (outcome.kind === 'accepted') gate.answered();
      return;
    case 'not-sent':
      health.failed(outcome.error);
      if (!inFlight.abandon(transaction)) return;
      budget.refundTransaction();
      gate.pause();
      reporter.withdrawn({ signature, intents });
      break;
    case 'rejected':
      if (!inFlight.abandon(transaction)) return;
      budget.refundFee();
      await failures.handle(transaction, outcome.err, outcome.logs, signal, outcome.error);
      break;
  }
  if (isUndecided) onUndecided();
}

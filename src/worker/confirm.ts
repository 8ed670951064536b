import { AgentError } from '../lib/index.ts';
import type { SignatureStatus } from '../rpc/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { Confirmations, InFlightTransaction } from './in-flight.ts';
import { handleOutcome, type SubmitterParts } from './submit.ts';

/** A slot of Solana takes 400 ms; half as long again is slow. */
const LONG_SLOT_MS = 600;

/**
 * So many blocks after the first check that follows a rollback, no older blockhash is valid: 150 blocks are the life of a blockhash, and as many are
 * added for a check at a node that lags.
 */
const BLOCKS_AFTER_ROLLBACK = 300n;

/** After the statuses of this many transactions, of up to 19 users each, a poll yields to the event loop. */
const TRANSACTIONS_PER_TURN = 16;

interface ConfirmerParts extends SubmitterParts {
  readonly confirmations: Confirmations;
}

/** Follows each transaction until it is confirmed, failed or expired, and rebroadcasts it until then. */
export class Confirmer {
  readonly #parts: ConfirmerParts;
  /** Their rebroadcast waits or runs. */
  readonly #resending = new Set<InFlightTransaction>();
  #lastExpiryCheckAt = Number.NEGATIVE_INFINITY;

  constructor(parts: ConfirmerParts) {
    this.#parts = parts;
  }

  /** Polls the statuses of all transactions in flight with one request. Throws what the ledger throws. */
  async poll(signal: AbortSignal): Promise<void> {
    const { rpc, clock, inFlight, timing } = this.#parts;
    const all = inFlight.all();
    if (all.length === 0) return;
    const { slot, statuses } = await rpc.signatureStatuses(
      all.map(({ signature }) => signature),
      signal,
    );
    const overdue: InFlightTransaction[] = [];
    for (const [index, transaction] of all.entries()) {
      if (index > 0 && index % TRANSACTIONS_PER_TURN === 0) await clock.sleep(0, signal);
      // Preflight rejected it meanwhile: a rebroadcast could be confirmed as well as its successor (rule 17).
      if (!inFlight.holds(transaction)) continue;
      const status = statuses[index];
      if (status !== null && status !== undefined) {
        await this.#handleStatus(transaction, status, signal);
        continue;
      }
      if (this.#mayHaveExpired(transaction, slot)) overdue.push(transaction);
      this.#rebroadcast(transaction, signal);
    }
    if (overdue.length > 0 && clock.monotonic() - this.#lastExpiryCheckAt >= timing.rebroadcastIntervalMs)
      await this.#checkExpiry(overdue, slot, signal);
  }

  async #handleStatus(
    transaction: InFlightTransaction,
    { slot, confirmationStatus, err }: SignatureStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const { rpc, clock, desired, inFlight, confirmations, backedOffUsers, bisector, gate, health, failures, reporter, onUndecided } =
      this.#parts;
    const { intents, signature } = transaction;
    // A processed transaction may still be forked away.
    if (confirmationStatus === 'processed' || !inFlight.remove(transaction)) return;
    if (err !== null) {
      const isUndecided = desired.lacksAny(intents);
      await failures.handle(transaction, err, [], signal);
      if (isUndecided) onUndecided();
      return;
    }
    const at = clock.monotonic();
    confirmations.add(intents, slot, at);
    bisector.clear(intents.map(({ user }) => user));
    gate.confirmed();
    rpc.noteConfirmation();
    health.confirmed();
    const latencyMs = at - transaction.sentAt;
    for (const intent of intents) {
      desired.confirmed(intent.user, intent.to);
      backedOffUsers.release(intent.user);
      reporter.confirmed({ intent, signature, slot, latencyMs });
    }
  }

  /**
   * Whether an expiry check is worth a request. Slots pass at least as fast as block heights, so nothing expires within this many slots. Time counts as
   * well: a reported slot may be wrong, or from before a rollback.
   */
  #mayHaveExpired(transaction: InFlightTransaction, slot: Slot): boolean {
    if (transaction.hasOldHeights) return true;
    const blocks = transaction.lastValidBlockHeight - transaction.blockHeight;
    return slot - transaction.slot > blocks || this.#parts.clock.monotonic() - transaction.sentAt > Number(blocks) * LONG_SLOT_MS;
  }

  #rebroadcast(transaction: InFlightTransaction, signal: AbortSignal): void {
    const { rpc, clock, inFlight, queue, reporter, timing } = this.#parts;
    const { signature, attempts } = transaction;
    if (clock.monotonic() - transaction.lastSentAt < timing.rebroadcastIntervalMs || this.#resending.has(transaction)) return;
    this.#resending.add(transaction);
    queue.resend(async () => {
      this.#resending.delete(transaction);
      // Its outcome may have been decided while it waited for a place.
      if (!inFlight.holds(transaction)) return;
      transaction.lastSentAt = clock.monotonic();
      transaction.sends += 1;
      reporter.rebroadcast({ signature });
      // The first send may have been open when it returned; the last attempt to end decides.
      await handleOutcome(this.#parts, transaction, await rpc.sendTransaction(attempts, { skipPreflight: true }, signal), signal);
    });
  }

  /** Expiry is proven by a block height above the last valid one, and a status that is still missing after that. */
  async #checkExpiry(overdue: readonly InFlightTransaction[], slot: Slot, signal: AbortSignal): Promise<void> {
    const { rpc, clock, desired, inFlight, budget, health, reporter, onUndecided } = this.#parts;
    const toRenew = new Set(overdue.filter(({ hasOldHeights }) => hasOldHeights));
    this.#lastExpiryCheckAt = clock.monotonic();
    const { blockHeight, statuses } = await rpc.checkExpiry(
      overdue.map(({ signature }) => signature),
      signal,
    );
    for (const [index, transaction] of overdue.entries()) {
      const status = statuses[index];
      if (status !== null && status !== undefined) await this.#handleStatus(transaction, status, signal);
      else if (toRenew.has(transaction)) renewHeights(transaction, slot, blockHeight);
      else if (blockHeight > transaction.lastValidBlockHeight && inFlight.abandon(transaction)) {
        const { signature, intents } = transaction;
        budget.refundFee();
        for (const { user } of intents) desired.remove(user);
        health.failed(new AgentError('WRITE__NOT_LANDING', { problem: `transaction ${signature} expired unconfirmed` }));
        reporter.expired({ signature, intents });
        // The old transaction is never sent again.
        onUndecided();
      }
    }
  }
}

/** Counts the life of a transaction from this check of the ledger on. */
function renewHeights(transaction: InFlightTransaction, slot: Slot, blockHeight: bigint): void {
  const bound = blockHeight + BLOCKS_AFTER_ROLLBACK;
  transaction.hasOldHeights = false;
  transaction.slot = slot;
  transaction.blockHeight = blockHeight;
  if (bound < transaction.lastValidBlockHeight) transaction.lastValidBlockHeight = bound;
}

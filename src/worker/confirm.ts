import { timeSlices } from '../lib/index.ts';
import type { SignatureStatus } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import type { WorkerContext } from './context.ts';
import { handleFailure } from './failures.ts';
import type { InFlightTransaction } from './in-flight.ts';

interface Confirmer {
  /** Looks once at everything in the air, with one request for all. Throws what the ledger throws. */
  confirm(signal: AbortSignal): Promise<void>;
  readonly lastConfirmedSlot: Slot | undefined;
  confirmedIn(user: Address): Slot | undefined;
  /** Follows these to their end as well: another worker sent them, perhaps to another ledger. Their users are in the air from here on. */
  adopt(left: readonly InFlightTransaction[]): void;
  /** The ledger was set back: landings may have gone with it, and the heights of what is in the air are those of another ledger. */
  startOver(): void;
  /** Forgets the landings of users that are no longer on the ledger. */
  forgetOthers(isKnown: (user: Address) => boolean): void;
}

interface ConfirmerOptions {
  readonly context: WorkerContext;
  /** Users of an expired transaction are decided anew; the old payload is never sent again. */
  readonly onExpired: () => void;
}

/** Half as long again as Solana's slots take. */
const LONG_SLOT_MS = 600;

/**
 * So many blocks after a first look at a ledger that was set back, no blockhash of before is good for anything: 150 blocks are its life, and as
 * many are left for a look that came from a node that lags.
 */
const BLOCKS_AFTER_ROLLBACK = 300n;

/** Follows each transaction until it is landed, failed or provably dead. */
export function createConfirmer({ context, onExpired }: ConfirmerOptions): Confirmer {
  const { rpc, clock, timing, flights, desired, backedOffUsers, gate, bisector, reporter } = context;
  const confirmations = new Map<Address, Slot>();
  /** In the air since before the ledger was set back, or another worker's, and not yet measured by the heights that the ledger has now. */
  const ofBefore = new Set<InFlightTransaction>();
  let lastConfirmedSlot: Slot | undefined;
  let lastExpiryCheckAt = Number.NEGATIVE_INFINITY;

  async function checkExpiry(overdue: readonly InFlightTransaction[], slot: Slot, signal: AbortSignal): Promise<void> {
    const toMeasure = new Set(overdue.filter((flight) => ofBefore.has(flight)));
    lastExpiryCheckAt = clock.monotonic();
    const { blockHeight, statuses } = await rpc.checkExpiry(
      overdue.map(({ signature }) => signature),
      signal,
    );
    for (const [index, flight] of overdue.entries()) {
      const status = statuses[index];
      if (status !== null && status !== undefined) await handleStatus(flight, status, signal);
      else if (toMeasure.has(flight)) measure(flight, slot, blockHeight);
      else if (blockHeight > flight.lastValidBlockHeight && flights.remove(flight)) {
        for (const { user } of flight.intents) desired.remove(user);
        reporter.expired({ signature: flight.signature, intents: flight.intents });
        onExpired();
      }
    }
  }

  function measure(flight: InFlightTransaction, slot: Slot, blockHeight: bigint): void {
    ofBefore.delete(flight);
    const bound = blockHeight + BLOCKS_AFTER_ROLLBACK;
    flight.slot = slot;
    flight.blockHeight = blockHeight;
    if (bound < flight.lastValidBlockHeight) flight.lastValidBlockHeight = bound;
  }

  async function handleStatus(
    flight: InFlightTransaction,
    { slot, confirmationStatus, err }: SignatureStatus,
    signal: AbortSignal,
  ): Promise<void> {
    // A processed transaction may still be forked away.
    if (confirmationStatus === 'processed' || !flights.remove(flight)) return;
    if (err !== null) return handleFailure(context, flight, err, [], signal);
    if (lastConfirmedSlot === undefined || slot > lastConfirmedSlot) lastConfirmedSlot = slot;
    gate.confirmed();
    bisector.clear(flight.intents.map(({ user }) => user));
    bisector.ledgerWorks();
    const latencyMs = clock.monotonic() - flight.sentAt;
    for (const intent of flight.intents) {
      desired.confirmed(intent.user, intent.to, slot);
      confirmations.set(intent.user, slot);
      backedOffUsers.release(intent.user);
      reporter.confirmed({ intent, signature: flight.signature, slot, latencyMs });
    }
  }

  /**
   * Whether it is worth a last look. Slots pass at least as fast as block heights, so that before this many slots nothing can have expired. But a
   * slot may have been told wrong, or the ledger set back since: time passes all the same.
   */
  function mayHaveExpired(flight: InFlightTransaction, slot: Slot): boolean {
    const blocks = flight.lastValidBlockHeight - flight.blockHeight;
    return slot - flight.slot > blocks || clock.monotonic() - flight.sentAt > Number(blocks) * LONG_SLOT_MS;
  }

  function rebroadcast(flight: InFlightTransaction, signal: AbortSignal): void {
    const now = clock.monotonic();
    if (now - flight.lastSentAt < timing.rebroadcastIntervalMs) return;
    flight.lastSentAt = now;
    flight.sends += 1;
    reporter.rebroadcast({ signature: flight.signature });
    context.inBackground(rpc.sendTransaction(flight.wire, { skipPreflight: true }, signal).then(() => undefined));
  }

  return {
    async confirm(signal) {
      const all = flights.all();
      if (all.length === 0) return;
      const { slot, statuses } = await rpc.signatureStatuses(
        all.map(({ signature }) => signature),
        { searchHistory: false },
        signal,
      );
      gate.answered();
      const overdue: InFlightTransaction[] = [];
      const breathe = timeSlices(clock, signal);
      for (const [index, flight] of all.entries()) {
        // Refused in preflight while we asked: what is offered again now could land beside the transaction that follows it (rule 17).
        if (!flights.holds(flight)) continue;
        const status = statuses[index];
        if (status !== null && status !== undefined) await handleStatus(flight, status, signal);
        else {
          if (ofBefore.has(flight) || mayHaveExpired(flight, slot)) overdue.push(flight);
          rebroadcast(flight, signal);
        }
        await breathe();
      }
      if (overdue.length > 0 && clock.monotonic() - lastExpiryCheckAt >= timing.rebroadcastIntervalMs)
        await checkExpiry(overdue, slot, signal);
    },
    get lastConfirmedSlot() {
      return lastConfirmedSlot;
    },
    confirmedIn: (user) => confirmations.get(user),
    adopt(left) {
      for (const flight of left) {
        flights.add(flight);
        ofBefore.add(flight);
      }
    },
    startOver() {
      ofBefore.clear();
      for (const flight of flights.all()) ofBefore.add(flight);
      confirmations.clear();
      lastConfirmedSlot = undefined;
    },
    forgetOthers(isKnown) {
      for (const user of confirmations.keys()) {
        if (!isKnown(user)) confirmations.delete(user);
      }
    },
  };
}

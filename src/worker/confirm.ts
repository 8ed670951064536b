import { timeSlices } from '../lib/index.ts';
import type { SignatureStatus } from '../rpc/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import type { WorkerContext } from './context.ts';
import { settleFailure } from './failures.ts';
import type { Flight } from './in-flight.ts';

interface Follower {
  /** Looks once at everything in the air, with one request for all. Throws what the ledger throws. */
  follow(signal: AbortSignal): Promise<void>;
  readonly lastLandedSlot: Slot | undefined;
  landedIn(user: Address): Slot | undefined;
  /** Follows these to their end as well: another worker sent them, perhaps to another ledger. Their users are in the air from here on. */
  adopt(left: readonly Flight[]): void;
  /** The ledger was set back: landings may have gone with it, and the heights of what is in the air are those of another ledger. */
  startOver(): void;
  /** Forgets the landings of users that are no longer on the ledger. */
  forgetOthers(isKnown: (user: Address) => boolean): void;
}

interface FollowerOptions {
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
const BLOCKS_AFTER_SET_BACK = 300n;

/** Follows each transaction until it is landed, failed or provably dead. */
export function createFollower({ context, onExpired }: FollowerOptions): Follower {
  const { rpc, clock, timing, flights, desired, parked, gate, suspects, reporter } = context;
  const landings = new Map<Address, Slot>();
  /** In the air since before the ledger was set back, or another worker's, and not yet measured by the heights that the ledger has now. */
  const ofBefore = new Set<Flight>();
  let lastLandedSlot: Slot | undefined;
  let lastLookAt = Number.NEGATIVE_INFINITY;

  async function lookLast(overdue: readonly Flight[], slot: Slot, signal: AbortSignal): Promise<void> {
    const toMeasure = new Set(overdue.filter((flight) => ofBefore.has(flight)));
    lastLookAt = clock.monotonic();
    const { blockHeight, statuses } = await rpc.lastLook(
      overdue.map(({ signature }) => signature),
      signal,
    );
    for (const [index, flight] of overdue.entries()) {
      const status = statuses[index];
      if (status !== null && status !== undefined) await settle(flight, status, signal);
      else if (toMeasure.has(flight)) measure(flight, slot, blockHeight);
      else if (blockHeight > flight.lastValidBlockHeight && flights.remove(flight)) {
        for (const { user } of flight.intents) desired.remove(user);
        reporter.expired({ signature: flight.signature, intents: flight.intents });
        onExpired();
      }
    }
  }

  function measure(flight: Flight, slot: Slot, blockHeight: bigint): void {
    ofBefore.delete(flight);
    const bound = blockHeight + BLOCKS_AFTER_SET_BACK;
    flight.slot = slot;
    flight.blockHeight = blockHeight;
    if (bound < flight.lastValidBlockHeight) flight.lastValidBlockHeight = bound;
  }

  async function settle(flight: Flight, { slot, confirmationStatus, err }: SignatureStatus, signal: AbortSignal): Promise<void> {
    // A processed transaction may still be forked away.
    if (confirmationStatus === 'processed' || !flights.remove(flight)) return;
    if (err !== null) return settleFailure(context, flight, err, [], signal);
    if (lastLandedSlot === undefined || slot > lastLandedSlot) lastLandedSlot = slot;
    gate.landed();
    suspects.clear(flight.intents.map(({ user }) => user));
    suspects.ledgerWorks();
    const latencyMs = clock.monotonic() - flight.sentAt;
    for (const intent of flight.intents) {
      desired.landed(intent.user, intent.to, slot);
      landings.set(intent.user, slot);
      parked.release(intent.user);
      reporter.landed({ intent, signature: flight.signature, slot, latencyMs });
    }
  }

  /**
   * Whether it is worth a last look. Slots pass at least as fast as block heights, so that before this many slots nothing can have expired. But a
   * slot may have been told wrong, or the ledger set back since: time passes all the same.
   */
  function mayHaveExpired(flight: Flight, slot: Slot): boolean {
    const blocks = flight.lastValidBlockHeight - flight.blockHeight;
    return slot - flight.slot > blocks || clock.monotonic() - flight.sentAt > Number(blocks) * LONG_SLOT_MS;
  }

  function rebroadcast(flight: Flight, signal: AbortSignal): void {
    const now = clock.monotonic();
    if (now - flight.lastSentAt < timing.rebroadcastIntervalMs) return;
    flight.lastSentAt = now;
    flight.sends += 1;
    reporter.rebroadcast({ signature: flight.signature });
    context.inBackground(rpc.sendTransaction(flight.wire, { skipPreflight: true }, signal).then(() => undefined));
  }

  return {
    async follow(signal) {
      const all = flights.all();
      if (all.length === 0) return;
      const { slot, statuses } = await rpc.signatureStatuses(
        all.map(({ signature }) => signature),
        { searchHistory: false },
        signal,
      );
      gate.answered();
      const overdue: Flight[] = [];
      const breathe = timeSlices(clock, signal);
      for (const [index, flight] of all.entries()) {
        // Refused in preflight while we asked: what is offered again now could land beside the transaction that follows it (rule 17).
        if (!flights.holds(flight)) continue;
        const status = statuses[index];
        if (status !== null && status !== undefined) await settle(flight, status, signal);
        else {
          if (ofBefore.has(flight) || mayHaveExpired(flight, slot)) overdue.push(flight);
          rebroadcast(flight, signal);
        }
        await breathe();
      }
      if (overdue.length > 0 && clock.monotonic() - lastLookAt >= timing.rebroadcastIntervalMs) await lookLast(overdue, slot, signal);
    },
    get lastLandedSlot() {
      return lastLandedSlot;
    },
    landedIn: (user) => landings.get(user),
    adopt(left) {
      for (const flight of left) {
        flights.add(flight);
        ofBefore.add(flight);
      }
    },
    startOver() {
      ofBefore.clear();
      for (const flight of flights.all()) ofBefore.add(flight);
      landings.clear();
      lastLandedSlot = undefined;
    },
    forgetOthers(isKnown) {
      for (const user of landings.keys()) {
        if (!isKnown(user)) landings.delete(user);
      }
    },
  };
}

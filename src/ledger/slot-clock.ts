import { type Clock, type MonotonicMs, withDeadline } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import { plausibleSlotTime } from './slot-time.ts';

/** How long a slot takes on this ledger, measured: it differs between networks, and changes with their upgrades. */
export interface SlotClock {
  /** Notes that the ledger answered for `slot` at `at`. */
  note(slot: Slot, at: MonotonicMs): void;
  /** Asks the ledger for its own samples when the last ones are a minute old. Rejects only for an aborted signal. */
  refresh(signal: AbortSignal): Promise<void>;
  /** Forgets the sightings: the slots were counted back. */
  restart(): void;
  /** Milliseconds a slot; undefined until something has been measured. */
  slotTimeMs(): number | undefined;
}

export interface SlotClockOptions {
  readonly rpc: Pick<LedgerRpc, 'recentSlotTimeMs'>;
  readonly clock: Clock;
}

interface Sighting {
  readonly slot: Slot;
  readonly at: MonotonicMs;
}

const REFRESH_MS = 60_000;
const RETRY_MS = 10_000;
const ANSWER_WITHIN_MS = 2_000;
/** Two sightings this far apart make a slot's 400 ms stand out from the answers' own delays. */
const SHORTEST_SPAN_MS = 5_000;
/** Sightings older than this make room, so that a change of the slot time shows. */
const LONGEST_SPAN_MS = 600_000;

/** Prefers the node's own samples; without them it measures between the slots that other answers carried. */
export function createSlotClock({ rpc, clock }: SlotClockOptions): SlotClock {
  let sampled: number | undefined;
  let nextRefresh: number = Number.NEGATIVE_INFINITY;
  let first: Sighting | undefined;
  let middle: Sighting | undefined;
  let last: Sighting | undefined;

  return {
    note(slot, at) {
      const sighting = { slot, at };
      // An answer that lags measures nothing.
      if (last !== undefined && (slot < last.slot || at <= last.at)) return;
      if (first === undefined || middle === undefined) {
        first = sighting;
        middle = sighting;
      } else if (at - first.at > LONGEST_SPAN_MS) {
        first = middle;
        middle = sighting;
      }
      last = sighting;
    },

    async refresh(signal) {
      const now = clock.monotonic();
      if (now < nextRefresh) return;
      nextRefresh = now + RETRY_MS;
      try {
        sampled = await withDeadline(ANSWER_WITHIN_MS, signal, (inner) => rpc.recentSlotTimeMs(inner), clock);
        nextRefresh = now + REFRESH_MS;
      } catch {
        // The last samples stay good for a while, and the next read asks again.
        signal.throwIfAborted();
      }
    },

    restart() {
      first = undefined;
      middle = undefined;
      last = undefined;
    },

    slotTimeMs() {
      return sampled ?? measured(first, last);
    },
  };
}

function measured(first: Sighting | undefined, last: Sighting | undefined): number | undefined {
  if (first === undefined || last === undefined || last.at - first.at < SHORTEST_SPAN_MS || last.slot === first.slot) return undefined;
  return plausibleSlotTime((last.at - first.at) / Number(last.slot - first.slot));
}

import { type Clock, type MonotonicMs, withDeadline } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import { asArray, asCount, asRecord } from './json.ts';
import type { LedgerRpc } from './ledger-rpc.ts';

/** Tells a ledger that was set back (a restart from a snapshot, a fork of the cluster) from an endpoint that lags. */
interface RollbackWatch {
  /**
   * An answer asked for at `at` was older than one before it. True when such answers have been all there was for two minutes and move on: who
   * lags by less has caught up by then, and who stands still has no news.
   */
  isProvenBy(slot: Slot, at: MonotonicMs): boolean;
  /** An answer was new enough, or the set-back is accepted. */
  clear(): void;
}

/** Long, because an endpoint lags every day and a ledger is set back once in years; meanwhile nothing is written. */
const PROVEN_AFTER_MS = 120_000;
/** Answers further apart than this do not make one run. */
const LONGEST_GAP_MS = 60_000;
/** Several nodes behind one address are a few slots apart. */
const LEEWAY = 50n;

export function createRollbackWatch(): RollbackWatch {
  let run: { readonly slot: Slot; readonly since: MonotonicMs; readonly heardAt: MonotonicMs } | undefined;
  return {
    isProvenBy(slot, at) {
      const goesOn = run !== undefined && at - run.heardAt <= LONGEST_GAP_MS && slot + LEEWAY >= run.slot;
      run = run !== undefined && goesOn ? { ...run, heardAt: at } : { slot, since: at, heardAt: at };
      return at - run.since >= PROVEN_AFTER_MS && slot > run.slot;
    },
    clear() {
      run = undefined;
    },
  };
}

/** A slot takes between 50 ms and 5 s on any network that works; a measurement outside says that the measurement is wrong. */
const SHORTEST_MS = 50;
const LONGEST_MS = 5_000;

/** One span of time and how many slots it held. */
interface SlotSample {
  readonly slots: number;
  readonly ms: number;
}

function plausibleSlotTime(ms: number): number | undefined {
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}

/**
 * Milliseconds a slot: the median over the samples, each as heavy as the slots that it counted, so that one minute of a stalled cluster does
 * not move it. Undefined when there are none, or when what comes out is no slot time.
 */
export function medianSlotTime(samples: readonly SlotSample[]): number | undefined {
  const sorted = samples
    .filter(({ slots, ms }) => slots > 0 && ms > 0)
    .map(({ slots, ms }) => ({ weight: slots, slotMs: ms / slots }))
    .sort((a, b) => a.slotMs - b.slotMs);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let passed = 0;
  for (const { weight, slotMs } of sorted) {
    passed += weight;
    if (passed >= half) return plausibleSlotTime(slotMs);
  }
  return undefined;
}

/** getRecentPerformanceSamples. */
export function readPerformanceSamples(result: unknown): readonly SlotSample[] {
  return asArray(result, 'the list of samples').map((entry) => {
    const sample = asRecord(entry, 'a sample');
    return { slots: asCount(sample.numSlots, 'numSlots'), ms: asCount(sample.samplePeriodSecs, 'samplePeriodSecs') * 1000 };
  });
}

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

import { type Clock, type MonotonicMs, withDeadline } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import { asArray, asCount, asRecord } from './responses.ts';

/**
 * An endpoint that lags by less has caught up by then. Long, because an endpoint lags every day and a ledger rolls back once in years; meanwhile
 * nothing is written.
 */
export const ROLLBACK_AFTER_MS = 120_000;
/** Answers further apart than this do not make one run. */
const LONGEST_GAP_MS = 60_000;
/** Several nodes behind one address are a few slots apart. */
const LEEWAY = 50n;

/** Distinguishes a rollback of the ledger (a restart from a snapshot, a fork of the cluster) from an endpoint that lags. */
export class RollbackWatch {
  #run: { readonly slot: Slot; readonly since: MonotonicMs; readonly lastAt: MonotonicMs } | undefined;

  /**
   * Notes an answer, asked for at `at`, that is older than one before it. True when such answers have been all there was for two minutes and
   * move on: an endpoint that lags by less has caught up by then, and one that stands still proves nothing.
   */
  isRollback(slot: Slot, at: MonotonicMs): boolean {
    const run = this.#run;
    const continues = run !== undefined && at - run.lastAt <= LONGEST_GAP_MS && slot + LEEWAY >= run.slot;
    this.#run = continues ? { ...run, lastAt: at } : { slot, since: at, lastAt: at };
    return at - this.#run.since >= ROLLBACK_AFTER_MS && slot > this.#run.slot;
  }

  /** An answer was new enough, or the rollback is accepted. */
  clear(): void {
    this.#run = undefined;
  }
}

/** How far the ledger has come, by the answers of all endpoints. */
export interface SlotProgress {
  /** The newest slot of an endpoint. */
  readonly slot: Slot;
  /** When an endpoint last answered for a newer slot than it had before, or a write was confirmed. */
  readonly advancedAt: MonotonicMs;
  /** When an endpoint last answered at all. Between two answers nothing is known: without requests a ledger seems to stand still. */
  readonly answeredAt: MonotonicMs;
}

/** Answers without progress over this time show that the ledger stands still: 50 slots are missing. */
const STANDSTILL_MS = 20_000;

/** Since when a ledger stands still, by either clock; undefined while it makes progress, or is not asked. */
export function standstillSince<Ms extends number>(progress: { readonly advancedAt: Ms; readonly answeredAt: Ms }): Ms | undefined {
  return progress.answeredAt - progress.advancedAt >= STANDSTILL_MS ? progress.advancedAt : undefined;
}

/**
 * Finds a ledger that stands still. Several nodes behind one address are a few slots apart, so only a slot above the highest of an endpoint counts,
 * and of the others, but for one that is further ahead than healthy nodes are: it may have named a false slot. After a rollback the comparison
 * begins anew, when RollbackWatch accepts it.
 */
export class SlotProgressWatch {
  readonly #highest = new Map<unknown, { slot: Slot; readonly rollback: RollbackWatch }>();
  #advancedAt: MonotonicMs | undefined;
  #answeredAt: MonotonicMs | undefined;

  /** `endpoint`: its identity. */
  note(endpoint: unknown, slot: Slot, at: MonotonicMs): void {
    this.#answeredAt = at;
    const own = this.#highest.get(endpoint);
    // What another endpoint has answered for before is old news.
    const isKnown = [...this.#highest.values()].some((other) => other !== own && other.slot >= slot && other.slot - slot <= LEEWAY);
    if (own === undefined) this.#highest.set(endpoint, { slot, rollback: new RollbackWatch() });
    else if (slot >= own.slot) own.rollback.clear();
    else if (!own.rollback.isRollback(slot, at)) return;
    else own.rollback.clear();
    if (own?.slot === slot) return;
    if (own !== undefined) own.slot = slot;
    if (!isKnown || this.#advancedAt === undefined) this.#advancedAt = at;
  }

  /** A write was confirmed: the ledger makes progress, although every endpoint may have named a slot far ahead. */
  confirmed(at: MonotonicMs): void {
    this.#advancedAt = at;
  }

  /** Undefined before the first answer. */
  get progress(): SlotProgress | undefined {
    const slots = [...this.#highest.values()].map(({ slot }) => slot);
    if (this.#advancedAt === undefined || this.#answeredAt === undefined) return undefined;
    return { slot: slots.reduce((a, b) => (a > b ? a : b)), advancedAt: this.#advancedAt, answeredAt: this.#answeredAt };
  }
}

/** A slot takes between 50 ms and 5 s on any network that works; a measurement outside is wrong. */
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
 * not move it. Undefined without samples, or when the result is not plausible.
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

interface SlotClockOptions {
  readonly rpc: { recentSlotTimeMs(signal: AbortSignal): Promise<number | undefined> };
  readonly clock: Clock;
}

/** An answer of the ledger for a slot. */
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

/**
 * Measures how long a slot takes on this ledger: networks differ, and upgrades change it. Prefers the node's own samples; without them it
 * measures between the slots of other answers.
 */
export class SlotClock {
  readonly #options: SlotClockOptions;
  #sampled: number | undefined;
  #nextRefresh: number = Number.NEGATIVE_INFINITY;
  #first: Sighting | undefined;
  #middle: Sighting | undefined;
  #last: Sighting | undefined;

  constructor(options: SlotClockOptions) {
    this.#options = options;
  }

  /** Notes that the ledger answered for `slot` at `at`. */
  note(slot: Slot, at: MonotonicMs): void {
    const sighting = { slot, at };
    // An answer that lags measures nothing.
    if (this.#last !== undefined && (slot < this.#last.slot || at <= this.#last.at)) return;
    if (this.#first === undefined) {
      this.#first = sighting;
      this.#middle = sighting;
    } else if (at - this.#first.at > LONGEST_SPAN_MS) {
      this.#first = this.#middle;
      this.#middle = sighting;
    }
    this.#last = sighting;
  }

  /** Asks the ledger for its own samples when the last ones are a minute old. Rejects only for an aborted signal. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { rpc, clock } = this.#options;
    const now = clock.monotonic();
    if (now < this.#nextRefresh) return;
    this.#nextRefresh = now + RETRY_MS;
    try {
      this.#sampled = await withDeadline(ANSWER_WITHIN_MS, signal, (inner) => rpc.recentSlotTimeMs(inner), clock);
      this.#nextRefresh = now + REFRESH_MS;
    } catch {
      // The last samples stay good for a while, and the next read asks again.
      signal.throwIfAborted();
    }
  }

  /** Forgets the sightings: the ledger rolled back. */
  restart(): void {
    this.#first = undefined;
    this.#middle = undefined;
    this.#last = undefined;
  }

  /** Milliseconds a slot; undefined until something has been measured. */
  slotTimeMs(): number | undefined {
    return this.#sampled ?? this.#measured();
  }

  #measured(): number | undefined {
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined || last.at - first.at < SHORTEST_SPAN_MS || last.slot === first.slot) return undefined;
    return plausibleSlotTime((last.at - first.at) / Number(last.slot - first.slot));
  }
}

import type { MonotonicMs } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';

/** Tells a ledger that was set back (a restart from a snapshot, a fork of the cluster) from an endpoint that lags. */
export interface SetBackWatch {
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

export function createSetBackWatch(): SetBackWatch {
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

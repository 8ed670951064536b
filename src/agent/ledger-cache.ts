import type { LedgerView } from '../bgp/index.ts';
import { AgentError, type Clock, describeError, isAgentError, type MonotonicMs, waitAtMost } from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { TickReporter } from './events.ts';

/** How old a view of the ledger may be, milliseconds. */
export interface LedgerTiming {
  /** A decision to write needs a view at most this old. */
  readonly viewMaxAgeMs: number;
  /** With nothing to write the view is read again after this. */
  readonly viewIdleIntervalMs: number;
  /** An older view is not decided on. */
  readonly maxLedgerAgeMs: number;
}

interface LedgerCacheOptions extends LedgerTiming {
  readonly read: (options: { readonly minContextSlot?: Slot }, signal: AbortSignal) => Promise<LedgerView>;
  readonly clock: Clock;
  readonly reporter: Pick<TickReporter, 'ledgerView'>;
  /** How long a tick waits for a reading, milliseconds; a late one goes on and serves the next tick. */
  readonly maxWaitMs: number;
}

export type LedgerCache = ReturnType<typeof createLedgerCache>;

/** A view past this share of its age limit could pass the limit during the decision: it is read again first. */
const RENEW_FROM_SHARE = 0.8;

/** Decides when the users are read from the ledger again, and how old a view may be for what (rule 9). */
export function createLedgerCache(options: LedgerCacheOptions) {
  const { read, clock, reporter, viewMaxAgeMs, viewIdleIntervalMs, maxLedgerAgeMs, maxWaitMs } = options;
  let view: LedgerView | undefined;
  let problem: AgentError | undefined;
  let standsStill = false;
  let reportedTooOld = false;
  let reading: Promise<void> | undefined;
  let hasNextTick = true;

  const ageMs = (of: LedgerView): number => clock.monotonic() - of.readAt;

  async function readOnce(minContextSlot: Slot | undefined, signal: AbortSignal): Promise<void> {
    try {
      const before = view;
      view = await read({ minContextSlot }, signal);
      standsStill = before !== undefined && view.slot <= before.slot;
      if (before !== undefined && view.slot < before.slot) reporter.ledgerView({ state: 'rollback' });
      if (problem !== undefined) reporter.ledgerView({ state: 'back' });
      problem = undefined;
      reportedTooOld = false;
    } catch (error) {
      if (signal.aborted) return;
      const agentError = isAgentError(error)
        ? error
        : new AgentError('LEDGER__VIEW_FAILED', { problem: describeError(error) }, { cause: error });
      if (problem?.code !== agentError.code) reporter.ledgerView({ state: 'lost', error: agentError, again: problem !== undefined });
      problem = agentError;
    }
  }

  /** One reading at a time, shared by all callers. */
  function startReading(minContextSlot: Slot | undefined, signal: AbortSignal): Promise<void> {
    reading ??= readOnce(minContextSlot, signal).finally(() => {
      reading = undefined;
    });
    return reading;
  }

  /** Resolves to whether a new view arrived while this caller waited. */
  async function attempt(minContextSlot: Slot | undefined, signal: AbortSignal): Promise<boolean> {
    const before = view;
    const now = startReading(minContextSlot, signal);
    if (hasNextTick) await waitAtMost(clock, now, maxWaitMs, signal);
    else await now;
    return view !== before;
  }

  return {
    /** The last view read, however old. */
    latest: () => view,
    /** The view to decide on, read again when it is due or older than slot `notBefore`; undefined while there is none or it is too old. */
    async current({ notBefore }: { readonly notBefore?: Slot }, signal: AbortSignal): Promise<LedgerView | undefined> {
      const behind = view !== undefined && notBefore !== undefined && view.slot < notBefore;
      // A ledger that makes no progress is read more often, to know soon that it stands still.
      const maxAgeMs = standsStill ? Math.min(viewMaxAgeMs, viewIdleIntervalMs) : viewIdleIntervalMs;
      const due = view === undefined || problem !== undefined || behind || ageMs(view) >= maxAgeMs;
      if (due) await attempt(notBefore, signal);
      if (view === undefined || ageMs(view) <= maxLedgerAgeMs) return view;
      if (!reportedTooOld) reporter.ledgerView({ state: 'too-old' });
      reportedTooOld = true;
      return undefined;
    },
    /** A view young enough to write on and read after `notBefore`: the current one or a new one; undefined when it cannot be read. */
    async renew(signal: AbortSignal, notBefore?: MonotonicMs): Promise<LedgerView | undefined> {
      const isLateEnough = notBefore === undefined || (view !== undefined && view.readAt >= notBefore);
      if (view !== undefined && problem === undefined && isLateEnough && ageMs(view) < viewMaxAgeMs * RENEW_FROM_SHARE) return view;
      return (await attempt(undefined, signal)) ? view : undefined;
    },
    /** Reads it now, without a time limit, and waits for every later reading in the same way. For `--once`, which has no next tick. */
    readNow(signal: AbortSignal): Promise<void> {
      hasNextTick = false;
      return startReading(undefined, signal);
    },
    isFreshEnoughToWrite: (of: LedgerView): boolean => ageMs(of) <= viewMaxAgeMs,
    /** Why the last attempt to read failed; undefined where it succeeded. */
    get problem(): AgentError | undefined {
      return problem;
    },
  };
}

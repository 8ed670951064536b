import type { LedgerView, Observation, StatusIntent, UserOutcome, VrfName } from './bgp/index.ts';
import type { AgentError, MonotonicMs } from './lib/index.ts';
import type { Address, Slot } from './serviceability/index.ts';

/** What one tick saw and wanted. */
export interface TickReport {
  readonly startedAt: MonotonicMs;
  readonly durationMs: number;
  /** How long its two readings took, which run side by side; what is left of `durationMs` is deciding, and asking again. */
  readonly phases: { readonly switchMs: number; readonly ledgerMs: number };
  /** Absent when there is no view fresh enough to decide on. */
  readonly view?: LedgerView;
  /** The view's slot. */
  readonly viewSlot?: Slot;
  readonly outcomes: ReadonlyMap<Address, UserOutcome>;
  /** What was handed to the worker; in a dry run, what would have been. */
  readonly intents: readonly StatusIntent[];
  readonly switchRead: boolean;
  /** VRFs that the switch could not tell of, and why; absent where there are none. */
  readonly failedVrfs?: ReadonlyMap<VrfName, string>;
  /** Users found at more than one neighbor (rule 2). */
  readonly ambiguous: number;
}

export interface TickReporter {
  tick(report: TickReport): void;
  /** A user's observation is not what it was in the last tick. */
  observed(event: { readonly user: Address; readonly before: Observation | undefined; readonly outcome: UserOutcome }): void;
  /** Most sessions read down at once; told before and after the second look (rule 8). */
  massDown(event: { readonly wentDown: number; readonly wereUp: number; readonly confirmed: number }): void;
  /** A user has begun, or ceased, to flap more than damping tolerates; in mode `observe` that is all that happens. */
  damping(event: {
    readonly user: Address;
    readonly state: 'suppressed' | 'free';
    readonly penalty: number;
    readonly msUntilReuse: number;
  }): void;
  /** Records of these users were written by somebody else since the last view. */
  foreignWrites(event: { readonly users: readonly Address[] }): void;
  /**
   * The view of the ledger can't be renewed; `too-old` once no decision is made on it any more. `set-back`: the new view is of an older slot,
   * because the ledger was set back, or had been misread.
   */
  ledgerView(event: { readonly state: 'lost' | 'too-old' | 'back' | 'set-back'; readonly error?: AgentError }): void;
}

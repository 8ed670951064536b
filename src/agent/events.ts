import type { LedgerView, Observation, StatusIntent, UserOutcome, VrfName } from '../bgp/index.ts';
import type { CollectorReporter, WakeUpReporter } from '../collector/index.ts';
import type { AgentError, MonotonicMs } from '../lib/index.ts';
import type { Address, Lamports, Slot } from '../serviceability/index.ts';
import type { SnapshotReporter } from '../snapshots/index.ts';
import type { WorkerReporter } from '../worker/index.ts';

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

interface EndpointReporter {
  /** Told once when an RPC endpoint is lost and once when it is back. `endpoint` carries no secret. */
  endpoint(event: { readonly endpoint: string; readonly state: 'lost' | 'back'; readonly error?: AgentError }): void;
}

interface BalanceReporter {
  /** What the metrics publisher holds, read with the device's account each minute, and how long that lasts. */
  balance(event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }): void;
}

interface AuthorityReporter {
  /** The device's account was read and names our key; told once, and again after a time without authority. */
  authorized(event: { readonly device: Address; readonly code: string; readonly publisher: Address }): void;
}

/** Everything that happens to the agent, each told once, where it happens. */
export interface AgentReporter
  extends TickReporter,
    CollectorReporter,
    WakeUpReporter,
    WorkerReporter,
    EndpointReporter,
    AuthorityReporter,
    BalanceReporter,
    SnapshotReporter {
  /** Something threw that should not: a defect, survived. */
  internalError(error: unknown): void;
}

type Handler = (...args: never[]) => void;

/** One reporter that tells several, in order. */
export function teeReporters(reporters: readonly AgentReporter[]): AgentReporter {
  const tell =
    <K extends keyof AgentReporter>(event: K) =>
    (...args: Parameters<AgentReporter[K]>): void => {
      for (const reporter of reporters) (reporter[event] as Handler)(...(args as never[]));
    };
  return {
    tick: tell('tick'),
    observed: tell('observed'),
    massDown: tell('massDown'),
    ledgerView: tell('ledgerView'),
    polled: tell('polled'),
    source: tell('source'),
    trigger: tell('trigger'),
    sent: tell('sent'),
    rebroadcast: tell('rebroadcast'),
    confirmed: tell('confirmed'),
    rejected: tell('rejected'),
    expired: tell('expired'),
    failed: tell('failed'),
    withdrawn: tell('withdrawn'),
    halted: tell('halted'),
    resumed: tell('resumed'),
    budget: tell('budget'),
    endpoint: tell('endpoint'),
    authorized: tell('authorized'),
    balance: tell('balance'),
    damping: tell('damping'),
    foreignWrites: tell('foreignWrites'),
    snapshotStored: tell('snapshotStored'),
    snapshotFailed: tell('snapshotFailed'),
    snapshotRefused: tell('snapshotRefused'),
    snapshotPlace: tell('snapshotPlace'),
    internalError: tell('internalError'),
  };
}

const ignore = (): void => undefined;

/** Hears everything and does nothing; the base for reporters that care for a few events. */
export const SILENT_REPORTER: AgentReporter = {
  tick: ignore,
  observed: ignore,
  massDown: ignore,
  ledgerView: ignore,
  polled: ignore,
  source: ignore,
  trigger: ignore,
  sent: ignore,
  rebroadcast: ignore,
  confirmed: ignore,
  rejected: ignore,
  expired: ignore,
  failed: ignore,
  withdrawn: ignore,
  halted: ignore,
  resumed: ignore,
  budget: ignore,
  endpoint: ignore,
  authorized: ignore,
  balance: ignore,
  damping: ignore,
  foreignWrites: ignore,
  snapshotStored: ignore,
  snapshotFailed: ignore,
  snapshotRefused: ignore,
  snapshotPlace: ignore,
  internalError: ignore,
};

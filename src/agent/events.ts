import type { LedgerView, Observation, StatusIntent, UserOutcome, VrfName, VrfReading } from '../bgp/index.ts';
import type { CollectorReporter, TriggerReporter } from '../collector/index.ts';
import type { AgentError, MonotonicMs } from '../lib/index.ts';
import type { SlotProgress } from '../rpc/index.ts';
import type { Address, Lamports, Slot } from '../serviceability/index.ts';
import type { SnapshotReporter } from '../snapshots/index.ts';
import type { WorkerReporter } from '../worker/index.ts';

/** Observations and intents of one tick. */
export interface TickReport {
  readonly startedAt: MonotonicMs;
  readonly durationMs: number;
  /** Durations of the two readings, which run in parallel; the rest of `durationMs` is deciding, and a confirmation poll. */
  readonly phases: { readonly switchMs: number; readonly ledgerMs: number };
  /** Absent if there is no view fresh enough to decide on. */
  readonly view?: LedgerView;
  /** The view's slot. */
  readonly viewSlot?: Slot;
  readonly outcomes: ReadonlyMap<Address, UserOutcome>;
  /** The intents handed to the worker; in a dry run, those that would have been. */
  readonly intents: readonly StatusIntent[];
  readonly switchRead: boolean;
  /** How far the ledger has come, by the answers of all endpoints; absent before the first. */
  readonly slotProgress?: SlotProgress;
  /** VRFs that could not be read, and why; absent if there are none. */
  readonly failedVrfs?: ReadonlyMap<VrfName, Pick<Extract<VrfReading, { kind: 'failed' }>, 'problem' | 'error'>>;
  /** Tunnel ids of users matched to more than one neighbor (rule 2). */
  readonly ambiguous: readonly number[];
  /** Tunnel ids of Established `USER-…` neighbors of which the view has no user; absent if there are none. */
  readonly unlisted?: readonly number[];
  /** When the earliest grace or interval that holds a user ends; absent if none holds any. */
  readonly nextDueAt?: MonotonicMs;
}

export interface TickReporter {
  tick(report: TickReport): void;
  /** A user's observation has changed since the last tick. */
  observed(event: { readonly user: Address; readonly before: Observation | undefined; readonly outcome: UserOutcome }): void;
  /** Most sessions read down at once; `confirmed` of them also in the confirmation poll (rule 8). */
  massDown(event: { readonly wentDown: number; readonly wereUp: number; readonly confirmed: number }): void;
  /** A user has started or stopped to flap more than damping allows; in mode `observe` this event is the only effect. */
  damping(event: {
    readonly user: Address;
    readonly state: 'suppressed' | 'free';
    readonly penalty: number;
    readonly msUntilReuse: number;
  }): void;
  /** Another process has written the records of these users since the last view. */
  foreignWrites(event: { readonly users: readonly Address[] }): void;
  /**
   * `lost`: the users cannot be read from the ledger. `too-old`: the last view is too old to decide on. `rollback`: the new view is of an older
   * slot, because the ledger was rolled back or the earlier slot was wrong.
   */
  ledgerView(event: {
    readonly state: 'lost' | 'too-old' | 'back' | 'rollback';
    readonly error?: AgentError;
    /** They could not be read before either, for another reason. */
    readonly again?: boolean;
  }): void;
}

/** Every event of the agent; each is emitted once, where the transition happens. */
export interface AgentReporter extends TickReporter, CollectorReporter, TriggerReporter, WorkerReporter, SnapshotReporter {
  /** Emitted once when an RPC endpoint fails and once when it recovers; in between, with `again`, when its error changes. `endpoint` carries no secret. */
  endpoint(event: {
    readonly endpoint: string;
    readonly state: 'lost' | 'back';
    readonly error?: AgentError;
    readonly again?: boolean;
  }): void;
  /** The metrics publisher's balance, read with the device's account, and the hours that it lasts. */
  balance(event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }): void;
  /** The device's account names our key; emitted once, and again after a time without authority. */
  authorized(event: { readonly device: Address; readonly code: string; readonly publisher: Address }): void;
  /** Device.status as a byte; emitted at the first reading and at each change. */
  deviceStatus(event: { readonly status: number }): void;
  /** How far the block time of this slot was behind this host's clock when the ledger answered for it, milliseconds; negative: ahead; undefined: not known. */
  ledgerLag(event: { readonly slot: Slot; readonly behindMs: number | undefined }): void;
  /** Something threw that should not: a defect that the agent survived. */
  internalError(error: unknown): void;
}

/** Names only the events that it needs. */
export type AgentListener = Partial<AgentReporter>;

type Handler = (...args: never[]) => void;

/**
 * The agent's events: whatever is reported goes to the listeners, in the order in which they were added. A listener that throws is an
 * `internalError`, which all listeners get; neither the others nor the reporting room notice.
 */
export function createAgentEvents(...initial: readonly AgentListener[]) {
  const listeners = [...initial];
  const emitter =
    <K extends keyof AgentReporter>(event: K) =>
    (...args: Parameters<AgentReporter[K]>): void => {
      for (const listener of listeners) {
        try {
          (listener[event] as Handler | undefined)?.(...(args as never[]));
        } catch (error) {
          if (event !== 'internalError') reporter.internalError(error);
        }
      }
    };
  const reporter: AgentReporter = {
    tick: emitter('tick'),
    observed: emitter('observed'),
    massDown: emitter('massDown'),
    damping: emitter('damping'),
    foreignWrites: emitter('foreignWrites'),
    ledgerView: emitter('ledgerView'),
    polled: emitter('polled'),
    source: emitter('source'),
    trigger: emitter('trigger'),
    sent: emitter('sent'),
    rebroadcast: emitter('rebroadcast'),
    confirmed: emitter('confirmed'),
    rejected: emitter('rejected'),
    expired: emitter('expired'),
    failed: emitter('failed'),
    withdrawn: emitter('withdrawn'),
    halted: emitter('halted'),
    resumed: emitter('resumed'),
    writesStalled: emitter('writesStalled'),
    writesResumed: emitter('writesResumed'),
    budget: emitter('budget'),
    snapshotStored: emitter('snapshotStored'),
    snapshotFailed: emitter('snapshotFailed'),
    snapshotRefused: emitter('snapshotRefused'),
    snapshotPlace: emitter('snapshotPlace'),
    endpoint: emitter('endpoint'),
    balance: emitter('balance'),
    authorized: emitter('authorized'),
    deviceStatus: emitter('deviceStatus'),
    ledgerLag: emitter('ledgerLag'),
    internalError: emitter('internalError'),
  };
  return {
    /** The rooms of the agent report here. */
    reporter,
    listen: (listener: AgentListener): void => void listeners.push(listener),
  };
}

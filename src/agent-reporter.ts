import type { CollectorReporter, WakeUpReporter } from './collector/index.ts';
import type { AgentError } from './lib/index.ts';
import type { Address, Lamports } from './serviceability/index.ts';
import type { SnapshotReporter } from './snapshots/index.ts';
import type { TickReporter } from './tick-reporter.ts';
import type { WorkerReporter } from './worker/index.ts';

export interface EndpointReporter {
  /** Told once when an RPC endpoint is lost and once when it is back. `endpoint` carries no secret. */
  endpoint(event: { readonly endpoint: string; readonly state: 'lost' | 'back'; readonly error?: AgentError }): void;
}

export interface BalanceReporter {
  /** What the metrics publisher holds, read with the device's account each minute, and how long that lasts. */
  balance(event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }): void;
}

export interface AuthorityReporter {
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
  defect(error: unknown): void;
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
    wakeUp: tell('wakeUp'),
    sent: tell('sent'),
    rebroadcast: tell('rebroadcast'),
    landed: tell('landed'),
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
    defect: tell('defect'),
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
  wakeUp: ignore,
  sent: ignore,
  rebroadcast: ignore,
  landed: ignore,
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
  defect: ignore,
};

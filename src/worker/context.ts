import type { Clock } from '../lib/index.ts';
import type { ComputeModel, Signer } from '../publisher/index.ts';
import type { LedgerRpc } from '../rpc/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { SpendBudget, SubmissionGate, WorkerReporter } from './gate.ts';
import type { BlockhashCache, InFlightTransactions } from './in-flight.ts';
import type { BackedOffUsers, DesiredStates, FailureBisector } from './pending.ts';

export interface WorkerTiming {
  /** Between two looks at the statuses of all that is in the air, milliseconds. */
  readonly statusPollIntervalMs: number;
  /** After which an unseen transaction is offered again, milliseconds. */
  readonly rebroadcastIntervalMs: number;
  readonly blockhashMaxAgeMs: number;
  /** Between two sends, milliseconds. */
  readonly sendStaggerMs: number;
  /** Transactions in the air at once. */
  readonly maxInFlight: number;
  readonly skipPreflight: boolean;
}

/** What the worker's parts share. Only its loop and the outcome of a first send change it, never two at once. */
export interface WorkerContext {
  readonly rpc: LedgerRpc;
  readonly clock: Clock;
  readonly programId: Address;
  readonly device: Address;
  readonly signer: Signer;
  readonly timing: WorkerTiming;
  readonly reporter: WorkerReporter;
  readonly verifyAuthority: (signal: AbortSignal) => Promise<void>;
  readonly desired: DesiredStates;
  readonly flights: InFlightTransactions;
  readonly backedOffUsers: BackedOffUsers;
  readonly compute: ComputeModel;
  readonly blockhashes: BlockhashCache;
  readonly gate: SubmissionGate;
  readonly budget: SpendBudget;
  readonly bisector: FailureBisector;
  /** Runs beside the loop; the loop is woken when it settles, and `stop` waits for it. */
  readonly inBackground: (work: Promise<void>) => void;
}

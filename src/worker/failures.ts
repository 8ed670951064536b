import type { StatusIntent } from '../bgp/index.ts';
import { AgentError, isAgentError } from '../lib/index.ts';
import type { ComputeModel } from '../publisher/index.ts';
import type { TransactionErrorJson } from '../rpc/index.ts';
import { type Address, describeTransactionFailure, parseTransactionFailure, type TransactionFailure } from '../serviceability/index.ts';
import type { SubmissionGate, WorkerReporter } from './gate.ts';
import type { BlockhashCache, InFlightTransaction } from './in-flight.ts';
import type { BackedOffUsers, DesiredStatuses, FailureBisector } from './pending.ts';
import type { WriteHealth } from './write-health.ts';

/** A transaction that failed; its users are in the order of its writes. */
type FailedTransaction = Pick<InFlightTransaction, 'signature' | 'intents' | 'prefixInstructions'>;

/**
 * What to do about a failed transaction (rules 19 and 20).
 * user: this one backs off, the others are sent again. not-allowed: the same, unless the key is no longer the
 * device's publisher. retry: all are sent again. halt: no write can succeed until a person acts.
 */
type FailureVerdict =
  | { readonly kind: 'user' | 'not-allowed'; readonly intent: StatusIntent; readonly error: AgentError }
  | { readonly kind: 'retry'; readonly reason: 'blockhash' | 'units' | 'heap' | 'unexplained'; readonly error: AgentError }
  | { readonly kind: 'halt'; readonly error: AgentError };

const NOT_ALLOWED = 8;

/** The payer cannot pay, in each of the runtime's words for it. */
const NO_FUNDS = new Set(['AccountNotFound', 'InsufficientFundsForFee', 'InsufficientFundsForRent', 'InvalidAccountForFee']);
/** Bugs in the agent: neither a user nor the ledger is the cause. */
const MALFORMED = new Set([
  'SignatureFailure',
  'SanitizeFailure',
  'InvalidAccountIndex',
  'MissingSignatureForFee',
  'TooManyAccountLocks',
  'AccountLoadedTwice',
]);
const MALFORMED_INSTRUCTION = new Set(['NotEnoughAccountKeys', 'MissingRequiredSignature']);

export interface FailureHandlerParts {
  readonly programId: Address;
  readonly publisher: Address;
  readonly verifyAuthority: (signal: AbortSignal) => Promise<void>;
  readonly desired: DesiredStatuses;
  readonly backedOffUsers: BackedOffUsers;
  readonly bisector: FailureBisector;
  readonly compute: ComputeModel;
  readonly blockhashes: BlockhashCache;
  readonly gate: SubmissionGate;
  readonly health: WriteHealth;
  readonly reporter: WorkerReporter;
}

/** Acts on transactions that failed in preflight, in simulation or on the ledger. */
export class FailureHandler {
  readonly #parts: FailureHandlerParts;

  constructor(parts: FailureHandlerParts) {
    this.#parts = parts;
  }

  /**
   * Its users are no longer in flight: all but a rejected one are still desired, and go out with the next transaction (rule 19). `said`: the error
   * that quotes the endpoint that reported the failure.
   */
  async handle(
    transaction: FailedTransaction,
    err: TransactionErrorJson,
    logs: readonly string[],
    signal: AbortSignal,
    said?: AgentError,
  ): Promise<void> {
    const { gate, health, compute, blockhashes, reporter } = this.#parts;
    const { signature, intents } = transaction;
    const verdict = this.#classify(transaction, err, logs);
    switch (verdict.kind) {
      case 'user':
        this.#backOff(verdict.intent, signature, verdict.error);
        return;
      case 'not-allowed': {
        const problem = await this.#authorityProblem(signal);
        if (problem === undefined) {
          this.#backOff(verdict.intent, signature, verdict.error);
          return;
        }
        health.failed(problem);
        if (problem.class === 'fatal') gate.halt(problem, 'failure');
        else gate.pause();
        reporter.withdrawn({ signature, intents });
        return;
      }
      case 'halt':
        gate.halt(verdict.error, 'failure');
        reporter.withdrawn({ signature, intents });
        return;
      case 'retry':
        health.failed(said ?? verdict.error);
        // With the same blockhash the same users have the same bytes, whose old failure is what a status poll finds.
        if (verdict.reason === 'blockhash' || verdict.reason === 'unexplained') blockhashes.invalidate();
        if (verdict.reason === 'units') compute.exceeded();
        if (verdict.reason === 'heap') compute.needHeap();
        if (verdict.reason === 'unexplained') this.#bisect(intents, signature, verdict.error);
        else gate.pauseAfterFailure();
        reporter.failed({ signature, intents, error: verdict.error });
    }
  }

  #classify(transaction: FailedTransaction, err: TransactionErrorJson, logs: readonly string[]): FailureVerdict {
    const { signature } = transaction;
    const failure = parseTransactionFailure(err);
    const problem = describeTransactionFailure(failure);
    const unexplained: FailureVerdict = {
      kind: 'retry',
      reason: 'unexplained',
      error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }),
    };
    switch (failure.kind) {
      case 'transaction-error':
        // Account 0 pays. Any other account that is short of rent belongs to one user, and the error does not name the user.
        return failure.name === 'InsufficientFundsForRent' && (failure.accountIndex ?? 0) > 0
          ? unexplained
          : (this.#classifyName(failure.name, signature, problem) ?? unexplained);
      case 'program-error':
        return rejectedUser(failure.code === NOT_ALLOWED ? 'not-allowed' : 'user', transaction, failure, problem) ?? unexplained;
      case 'instruction-error':
        if (failure.name === 'ComputationalBudgetExceeded') return outOf('compute units', signature);
        if (ranOutOfHeap(logs)) return outOf('heap', signature);
        if (failure.name === 'InvalidInstructionData') return this.#programTooOld();
        if (MALFORMED_INSTRUCTION.has(failure.name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
        return rejectedUser('user', transaction, failure, problem) ?? unexplained;
      case 'unrecognized':
        return unexplained;
    }
  }

  #classifyName(name: string, signature: string, problem: string): FailureVerdict | undefined {
    const { publisher } = this.#parts;
    if (name === 'BlockhashNotFound')
      return { kind: 'retry', reason: 'blockhash', error: new AgentError('WRITE__BLOCKHASH_UNKNOWN', { signature }) };
    if (NO_FUNDS.has(name)) return { kind: 'halt', error: new AgentError('WRITE__NO_FUNDS', { publisher, problem }) };
    if (name === 'ProgramAccountNotFound' || name === 'InvalidProgramForExecution') return this.#programTooOld();
    if (MALFORMED.has(name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
    return undefined;
  }

  #programTooOld(): FailureVerdict {
    return { kind: 'halt', error: new AgentError('WRITE__PROGRAM_TOO_OLD', { program: this.#parts.programId }) };
  }

  /** The error names no user: each half is sent again, until one user fails alone (rule 19). */
  #bisect(intents: readonly StatusIntent[], signature: string, error: AgentError): void {
    const outcome = this.#parts.bisector.split(intents.map(({ user }) => user));
    if (outcome === 'alone') this.#parts.gate.pauseAfterFailure();
    if (outcome !== 'isolated') return;
    for (const intent of intents) {
      this.#backOff(intent, signature, new AgentError('WRITE__USER_REJECTED', { user: intent.user, problem: error.message }));
    }
  }

  #backOff(intent: StatusIntent, signature: string, error: AgentError): void {
    this.#parts.backedOffUsers.backOff(intent, error);
    this.#parts.desired.remove(intent.user);
    this.#parts.reporter.rejected({ intent, signature, error });
  }

  /** The program answers NotAllowed to a wrong key and to a user of another device alike; only the device's account shows which. */
  async #authorityProblem(signal: AbortSignal): Promise<AgentError | undefined> {
    try {
      await this.#parts.verifyAuthority(signal);
    } catch (error) {
      if (isAgentError(error)) return error;
      throw error;
    }
    return undefined;
  }
}

/** Undefined when the instruction that failed writes no user. */
function rejectedUser(
  kind: 'user' | 'not-allowed',
  { intents, prefixInstructions }: FailedTransaction,
  { instructionIndex }: Extract<TransactionFailure, { instructionIndex: number }>,
  problem: string,
): FailureVerdict | undefined {
  const intent = intents[instructionIndex - prefixInstructions];
  return intent && { kind, intent, error: new AgentError('WRITE__USER_REJECTED', { user: intent.user, problem }) };
}

function outOf(resource: 'compute units' | 'heap', signature: string): FailureVerdict {
  const reason = resource === 'heap' ? 'heap' : 'units';
  return { kind: 'retry', reason, error: new AgentError('WRITE__COMPUTE_EXCEEDED', { signature, resource }) };
}

/** The program's allocator and the virtual machine have no error code for it, so only the logs show it. */
function ranOutOfHeap(logs: readonly string[]): boolean {
  return logs.some((line) => /memory allocation failed|out of memory|Access violation/i.test(line));
}

import type { StatusIntent } from '../bgp/index.ts';
import { AgentError, isAgentError } from '../lib/index.ts';
import type { TransactionErrorJson } from '../rpc/index.ts';
import { type Address, describeTransactionFailure, parseTransactionFailure, type TransactionFailure } from '../serviceability/index.ts';
import type { WorkerContext } from './context.ts';
import type { InFlightTransaction } from './in-flight.ts';

interface FailureFacts {
  readonly err: TransactionErrorJson;
  readonly logs: readonly string[];
  readonly signature: string;
  /** Compute-budget instructions before the first write. */
  readonly prefixInstructions: number;
  /** The users of the transaction, in the order of its instructions. */
  readonly users: readonly Address[];
  readonly programId: Address;
  readonly publisher: Address;
}

/**
 * What to do about a failed transaction (rules 19 and 20). `index` counts users.
 * user: this one is parked, the others go again. not-allowed: the same, unless our key is no longer the
 * device's publisher. retry: all go again. halt: nothing will work until a person acts.
 */
type FailureVerdict =
  | { readonly kind: 'user' | 'not-allowed'; readonly index: number; readonly error: AgentError }
  | { readonly kind: 'retry'; readonly reason: 'blockhash' | 'units' | 'heap' | 'unexplained'; readonly error: AgentError }
  | { readonly kind: 'halt'; readonly error: AgentError };

const NOT_ALLOWED = 8;

/** The payer can't pay, in each way the runtime says so. */
const NO_FUNDS = new Set(['AccountNotFound', 'InsufficientFundsForFee', 'InsufficientFundsForRent', 'InvalidAccountForFee']);
/** Ours to fix: no user and no ledger is at fault. */
const MALFORMED = new Set([
  'SignatureFailure',
  'SanitizeFailure',
  'InvalidAccountIndex',
  'MissingSignatureForFee',
  'TooManyAccountLocks',
  'AccountLoadedTwice',
]);
const MALFORMED_INSTRUCTION = new Set(['NotEnoughAccountKeys', 'MissingRequiredSignature']);

function classifyFailure(facts: FailureFacts): FailureVerdict {
  const { err, signature, programId } = facts;
  const failure = parseTransactionFailure(err);
  const problem = describeTransactionFailure(failure);
  switch (failure.kind) {
    case 'transaction-error':
      return ofTransaction(failure.name, problem, facts);
    case 'program-error':
      return failure.code === NOT_ALLOWED ? ofUser('not-allowed', failure, problem, facts) : ofUser('user', failure, problem, facts);
    case 'instruction-error': {
      if (failure.name === 'ComputationalBudgetExceeded') {
        return {
          kind: 'retry',
          reason: 'units',
          error: new AgentError('WRITE__COMPUTE_EXCEEDED', { signature, resource: 'compute units' }),
        };
      }
      if (ranOutOfHeap(facts.logs)) {
        return { kind: 'retry', reason: 'heap', error: new AgentError('WRITE__COMPUTE_EXCEEDED', { signature, resource: 'heap' }) };
      }
      if (failure.name === 'InvalidInstructionData')
        return { kind: 'halt', error: new AgentError('WRITE__PROGRAM_TOO_OLD', { program: programId }) };
      if (MALFORMED_INSTRUCTION.has(failure.name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
      return ofUser('user', failure, problem, facts);
    }
    case 'unrecognized':
      return { kind: 'retry', reason: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
  }
}

function ofTransaction(name: string, problem: string, { signature, publisher, programId }: FailureFacts): FailureVerdict {
  if (name === 'BlockhashNotFound')
    return { kind: 'retry', reason: 'blockhash', error: new AgentError('WRITE__BLOCKHASH_UNKNOWN', { signature }) };
  if (NO_FUNDS.has(name)) return { kind: 'halt', error: new AgentError('WRITE__NO_FUNDS', { publisher, problem }) };
  if (name === 'ProgramAccountNotFound' || name === 'InvalidProgramForExecution') {
    return { kind: 'halt', error: new AgentError('WRITE__PROGRAM_TOO_OLD', { program: programId }) };
  }
  if (MALFORMED.has(name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
  return { kind: 'retry', reason: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
}

function ofUser(
  kind: 'user' | 'not-allowed',
  { instructionIndex }: Extract<TransactionFailure, { instructionIndex: number }>,
  problem: string,
  { prefixInstructions, users, signature }: FailureFacts,
): FailureVerdict {
  const index = instructionIndex - prefixInstructions;
  const user = users[index];
  if (user === undefined) {
    return { kind: 'retry', reason: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
  }
  return { kind, index, error: new AgentError('WRITE__USER_REJECTED', { user, problem }) };
}

/** The program's allocator and the virtual machine have no error code for it; the logs are all there is. */
function ranOutOfHeap(logs: readonly string[]): boolean {
  return logs.some((line) => /memory allocation failed|out of memory|Access violation/i.test(line));
}

type FailedTransaction = Pick<InFlightTransaction, 'signature' | 'intents' | 'prefixInstructions'>;

/**
 * Draws the consequence of a transaction that failed, in preflight, in simulation or on the ledger. Its users are free again by then: all but
 * a culprit are still wanted, and go out with the next transaction (rule 19).
 */
export async function handleFailure(
  context: WorkerContext,
  { signature, intents, prefixInstructions }: FailedTransaction,
  err: TransactionErrorJson,
  logs: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { programId, signer, gate, compute, blockhashes, reporter } = context;
  const users = intents.map(({ user }) => user);
  const verdict = classifyFailure({ err, logs, signature, prefixInstructions, users, programId, publisher: signer.address });
  switch (verdict.kind) {
    case 'user':
      backOff(context, intents[verdict.index], signature, verdict.error);
      return;
    case 'not-allowed': {
      const problem = await authorityProblem(context, signal);
      if (problem === undefined) {
        backOff(context, intents[verdict.index], signature, verdict.error);
        return;
      }
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
      if (verdict.reason === 'blockhash') blockhashes.invalidate();
      if (verdict.reason === 'units') compute.exceeded();
      if (verdict.reason === 'heap') compute.needHeap();
      if (verdict.reason === 'unexplained') isolate(context, intents, signature, verdict.error);
      else gate.pause();
      reporter.failed({ signature, intents, error: verdict.error });
  }
}

/** Nobody said whose fault it was: halves go again, until one user is left alone with it (rule 19). */
function isolate(context: WorkerContext, intents: readonly StatusIntent[], signature: string, error: AgentError): void {
  switch (context.bisector.isolate(intents.map(({ user }) => user))) {
    case 'split':
      return;
    case 'alone':
      context.gate.pause();
      return;
    case 'guilty':
      for (const intent of intents) {
        backOff(context, intent, signature, new AgentError('WRITE__USER_REJECTED', { user: intent.user, problem: error.message }));
      }
  }
}

function backOff(
  { backedOffUsers, desired, reporter }: WorkerContext,
  intent: StatusIntent | undefined,
  signature: string,
  error: AgentError,
): void {
  if (intent === undefined) return;
  backedOffUsers.backOff(intent, error);
  desired.remove(intent.user);
  reporter.rejected({ intent, signature, error });
}

/** NotAllowed is said of a wrong key and of a user of another device alike; the device's account tells which. */
async function authorityProblem({ verifyAuthority }: WorkerContext, signal: AbortSignal): Promise<AgentError | undefined> {
  try {
    await verifyAuthority(signal);
    return undefined;
  } catch (error) {
    if (isAgentError(error)) return error;
    throw error;
  }
}

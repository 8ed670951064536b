import type { TransactionErrorJson } from '../ledger/index.ts';
import { AgentError } from '../platform/index.ts';
import { type Address, describeTransactionFailure, parseTransactionFailure, type TransactionFailure } from '../serviceability/index.ts';

export interface FailureFacts {
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
export type FailureVerdict =
  | { readonly kind: 'user' | 'not-allowed'; readonly index: number; readonly error: AgentError }
  | { readonly kind: 'retry'; readonly because: 'blockhash' | 'units' | 'heap' | 'unexplained'; readonly error: AgentError }
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

export function classifyFailure(facts: FailureFacts): FailureVerdict {
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
          because: 'units',
          error: new AgentError('WRITE__COMPUTE_EXCEEDED', { signature, resource: 'compute units' }),
        };
      }
      if (ranOutOfHeap(facts.logs)) {
        return { kind: 'retry', because: 'heap', error: new AgentError('WRITE__COMPUTE_EXCEEDED', { signature, resource: 'heap' }) };
      }
      if (failure.name === 'InvalidInstructionData')
        return { kind: 'halt', error: new AgentError('WRITE__PROGRAM_TOO_OLD', { program: programId }) };
      if (MALFORMED_INSTRUCTION.has(failure.name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
      return ofUser('user', failure, problem, facts);
    }
    case 'unrecognized':
      return { kind: 'retry', because: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
  }
}

function ofTransaction(name: string, problem: string, { signature, publisher, programId }: FailureFacts): FailureVerdict {
  if (name === 'BlockhashNotFound')
    return { kind: 'retry', because: 'blockhash', error: new AgentError('WRITE__BLOCKHASH_UNKNOWN', { signature }) };
  if (NO_FUNDS.has(name)) return { kind: 'halt', error: new AgentError('WRITE__NO_FUNDS', { publisher, problem }) };
  if (name === 'ProgramAccountNotFound' || name === 'InvalidProgramForExecution') {
    return { kind: 'halt', error: new AgentError('WRITE__PROGRAM_TOO_OLD', { program: programId }) };
  }
  if (MALFORMED.has(name)) return { kind: 'halt', error: new AgentError('WRITE__MALFORMED', { problem }) };
  return { kind: 'retry', because: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
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
    return { kind: 'retry', because: 'unexplained', error: new AgentError('WRITE__TRANSACTION_FAILED', { signature, problem }) };
  }
  return { kind, index, error: new AgentError('WRITE__USER_REJECTED', { user, problem }) };
}

/** The program's allocator and the virtual machine have no error code for it; the logs are all there is. */
function ranOutOfHeap(logs: readonly string[]): boolean {
  return logs.some((line) => /memory allocation failed|out of memory|Access violation/i.test(line));
}

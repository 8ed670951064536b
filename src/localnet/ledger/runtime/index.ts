export { type Account, createAccount, EMPTY_ACCOUNT, RENT_EXEMPT_EPOCH, rentExemptMinimum } from './account.ts';
export { type ComputeBudget, DEFAULT_HEAP_BYTES, MAX_UNITS_PER_TRANSACTION, readComputeBudget } from './compute-budget.ts';
export { blockCost, LAMPORTS_PER_SIGNATURE, transactionFee } from './cost.ts';
export {
  type Executed,
  type ExecutionEnvironment,
  executeTransaction,
  MAX_ACCOUNT_LOCKS,
  type NotExecutable,
  SLOTS_PER_EPOCH,
} from './execute-transaction.ts';
export type { InnerInstruction } from './instruction-runner.ts';
export { type AccountMeta, type InstructionContext, InstructionFailure, type Program } from './program.ts';
export {
  describeInstructionError,
  describeTransactionError,
  type InstructionErrorJson,
  type TransactionErrorJson,
} from './transaction-error.ts';

/** An instruction's error as Solana's JSON has it: a name, or the program's own number. */
export type InstructionErrorJson = string | { readonly Custom: number };

/** A transaction's error as Solana's JSON has it, e.g. `"BlockhashNotFound"` or `{"InstructionError":[3,{"Custom":8}]}`. */
export type TransactionErrorJson =
  | keyof typeof TRANSACTION_ERROR_TEXT
  | { readonly InstructionError: readonly [number, InstructionErrorJson] }
  | { readonly InsufficientFundsForRent: { readonly account_index: number } }
  | { readonly DuplicateInstruction: number };

/** What Solana prints for each error; clients in the field match these texts. */
const TRANSACTION_ERROR_TEXT = {
  AccountLoadedTwice: 'Account loaded twice',
  AccountNotFound: 'Attempt to debit an account but found no record of a prior credit.',
  AddressLookupTableNotFound: "Transaction loads an address table account that doesn't exist",
  AlreadyProcessed: 'This transaction has already been processed',
  BlockhashNotFound: 'Blockhash not found',
  InsufficientFundsForFee: 'Insufficient funds for fee',
  InvalidAccountForFee: 'This account may not be used to pay transaction fees',
  InvalidLoadedAccountsDataSizeLimit: 'LoadedAccountsDataSizeLimit set for transaction must be greater than 0.',
  InvalidProgramForExecution: 'This program may not be used for executing instructions',
  MaxLoadedAccountsDataSizeExceeded: 'Transaction exceeded max loaded accounts data size cap',
  ProgramAccountNotFound: 'Attempt to load a program that does not exist',
  SignatureFailure: 'Transaction did not pass signature verification',
  TooManyAccountLocks: 'Transaction locked too many accounts',
} as const;

const INSTRUCTION_ERROR_TEXT: Readonly<Record<string, string>> = {
  ComputationalBudgetExceeded: 'Computational budget exceeded',
  ExternalAccountDataModified: 'instruction modified data of an account it does not own',
  ExternalAccountLamportSpend: 'instruction spent from the balance of an account it does not own',
  InvalidAccountData: 'invalid account data for instruction',
  InvalidAccountOwner: 'Invalid account owner',
  InvalidArgument: 'invalid program argument',
  InvalidInstructionData: 'invalid instruction data',
  InvalidRealloc: 'Failed to reallocate account data',
  InvalidSeeds: 'Provided seeds do not result in a valid address',
  MaxInstructionTraceLengthExceeded: 'Max instruction trace length exceeded',
  MaxSeedLengthExceeded: 'Length of the seed is too long for address generation',
  MissingAccount: 'An account required by the instruction is missing',
  MissingRequiredSignature: 'missing required signature for instruction',
  ModifiedProgramId: 'instruction illegally modified the program id of an account',
  NotEnoughAccountKeys: 'insufficient account keys for instruction',
  PrivilegeEscalation: 'Cross-program invocation with unauthorized signer or writable account',
  ProgramFailedToComplete: 'Program failed to complete',
  ReadonlyDataModified: 'instruction modified data of a read-only account',
  ReadonlyLamportChange: 'instruction changed the balance of a read-only account',
  UnbalancedInstruction: 'sum of account balances before and after instruction do not match',
  UnsupportedProgramId: 'Unsupported program id',
};

export function describeInstructionError(error: InstructionErrorJson): string {
  if (typeof error !== 'string') return `custom program error: 0x${error.Custom.toString(16)}`;
  return INSTRUCTION_ERROR_TEXT[error] ?? error;
}

export function describeTransactionError(error: TransactionErrorJson): string {
  if (typeof error === 'string') return TRANSACTION_ERROR_TEXT[error];
  if ('InstructionError' in error) {
    const [index, cause] = error.InstructionError;
    return `Error processing Instruction ${index}: ${describeInstructionError(cause)}`;
  }
  if ('DuplicateInstruction' in error)
    return `Transaction contains a duplicate instruction (${error.DuplicateInstruction}) that is not allowed`;
  return `Transaction results in an account (${error.InsufficientFundsForRent.account_index}) with insufficient funds for rent`;
}

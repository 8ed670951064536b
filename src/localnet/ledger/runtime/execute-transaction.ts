import { type Address, type Lamports, lamports, type Slot } from '../../../serviceability/index.ts';
import { isSigner, isWritable, type ParsedTransaction, SYSTEM_PROGRAM } from '../transaction/index.ts';
import { type Account, EMPTY_ACCOUNT, isRentTransitionAllowed } from './account.ts';
import { type ComputeBudget, readComputeBudget } from './compute-budget.ts';
import { transactionFee } from './cost.ts';
import { createInstructionRunner, type InnerInstruction } from './instruction-runner.ts';
import { InstructionFailure, type Program } from './program.ts';
import type { InstructionErrorJson, TransactionErrorJson } from './transaction-error.ts';

export const MAX_ACCOUNT_LOCKS = 64;
export const SLOTS_PER_EPOCH = 432_000n;

export interface ExecutionEnvironment {
  readonly slot: Slot;
  /** 432,000 without it, as on Solana. */
  readonly slotsPerEpoch?: bigint | undefined;
  readonly programs: ReadonlyMap<Address, Program>;
  readAccount(address: Address): Account | undefined;
}

/** What running the transaction would leave behind, or left behind. */
export interface Executed {
  readonly kind: 'executed';
  /** null: all its instructions succeeded. Otherwise nothing but the fee was taken. */
  readonly err: TransactionErrorJson | null;
  readonly fee: Lamports;
  readonly unitsConsumed: number;
  readonly logs: readonly string[];
  readonly writes: ReadonlyMap<Address, Account>;
  readonly preBalances: readonly Lamports[];
  readonly postBalances: readonly Lamports[];
  readonly inner: readonly (readonly InnerInstruction[])[];
}

/** A transaction that no block can hold: it is dropped, and costs nothing. */
export interface NotExecutable {
  readonly kind: 'not-executable';
  readonly err: TransactionErrorJson;
}

/**
 * Runs a transaction whole or not at all: locks, fee payer, programs, then instruction by instruction; a failing instruction undoes the others
 * and leaves the fee paid. Blockhash, signatures and repetition are the bank's affair.
 */
export function executeTransaction(transaction: ParsedTransaction, environment: ExecutionEnvironment): Executed | NotExecutable {
  const accounts = new Map<Address, Account>();
  for (const address of transaction.accountKeys) accounts.set(address, environment.readAccount(address) ?? EMPTY_ACCOUNT);
  const before = new Map(accounts);

  const prepared = prepare(transaction, accounts);
  if (prepared.kind === 'not-executable') return prepared;
  const { budget, fee, payer, payerAddress } = prepared;
  accounts.set(payerAddress, payer);

  const runner = createInstructionRunner({
    programs: environment.programs,
    slot: environment.slot,
    epoch: environment.slot / (environment.slotsPerEpoch ?? SLOTS_PER_EPOCH),
    unitLimit: budget.unitLimit,
    heapBytes: budget.heapBytes,
    accounts,
  });
  const err = runInstructions(transaction, runner.run) ?? findRentProblem(transaction, before, accounts);
  const after = err === null ? accounts : new Map([...before, [payerAddress, payer]]);
  return {
    kind: 'executed',
    err,
    fee,
    unitsConsumed: runner.unitsConsumed,
    logs: runner.logs,
    writes: new Map([...after].filter(([address, account]) => account !== before.get(address))),
    preBalances: balances(transaction, before),
    postBalances: balances(transaction, after),
    inner: runner.inner,
  };
}

interface Prepared {
  readonly kind: 'prepared';
  readonly budget: ComputeBudget;
  readonly fee: Lamports;
  readonly payerAddress: Address;
  /** The payer's account with the fee taken. */
  readonly payer: Account;
}

function prepare(transaction: ParsedTransaction, accounts: ReadonlyMap<Address, Account>): Prepared | NotExecutable {
  const refuse = (err: TransactionErrorJson): NotExecutable => ({ kind: 'not-executable', err });
  if (transaction.addressTableLookups.length > 0) return refuse('AddressLookupTableNotFound'); // this ledger holds no tables
  if (transaction.accountKeys.length > MAX_ACCOUNT_LOCKS) return refuse('TooManyAccountLocks');
  if (accounts.size !== transaction.accountKeys.length) return refuse('AccountLoadedTwice');
  const parsed = readComputeBudget(transaction);
  if (!parsed.ok) return refuse(parsed.err);
  const { budget } = parsed;

  const payerAddress = transaction.accountKeys[0];
  const payer = payerAddress === undefined ? undefined : accounts.get(payerAddress);
  const fee = transactionFee(transaction, budget);
  if (payerAddress === undefined || payer === undefined || payer.lamports === 0n) return refuse('AccountNotFound');
  if (payer.owner !== SYSTEM_PROGRAM || payer.data.length > 0) return refuse('InvalidAccountForFee');
  if (payer.lamports < fee) return refuse('InsufficientFundsForFee');
  const charged: Account = { ...payer, lamports: lamports(payer.lamports - fee) };
  if (!isRentTransitionAllowed(payer, charged)) return refuse({ InsufficientFundsForRent: { account_index: 0 } });

  let loadedBytes = 0;
  for (const account of accounts.values()) loadedBytes += account.data.length;
  if (loadedBytes > budget.loadedAccountsBytes) return refuse('MaxLoadedAccountsDataSizeExceeded');
  for (const { programIndex } of transaction.instructions) {
    const program = accounts.get(transaction.accountKeys[programIndex] ?? SYSTEM_PROGRAM);
    if (program === undefined || program.lamports === 0n) return refuse('ProgramAccountNotFound');
    if (!program.executable) return refuse('InvalidProgramForExecution');
  }
  return { kind: 'prepared', budget, fee, payerAddress, payer: charged };
}

type Run = ReturnType<typeof createInstructionRunner>['run'];

function runInstructions(transaction: ParsedTransaction, run: Run): TransactionErrorJson | null {
  for (const [index, { programIndex, accountIndexes, data }] of transaction.instructions.entries()) {
    const programId = transaction.accountKeys[programIndex] ?? SYSTEM_PROGRAM;
    const metas = accountIndexes.map((account) => ({
      address: transaction.accountKeys[account] ?? SYSTEM_PROGRAM,
      isSigner: isSigner(transaction, account),
      isWritable: isWritable(transaction, account),
    }));
    try {
      run(programId, metas, data);
    } catch (error) {
      return { InstructionError: [index, causeOf(error)] };
    }
  }
  return null;
}

function causeOf(error: unknown): InstructionErrorJson {
  if (error instanceof InstructionFailure) return error.error;
  throw error;
}

function findRentProblem(
  transaction: ParsedTransaction,
  before: ReadonlyMap<Address, Account>,
  after: ReadonlyMap<Address, Account>,
): TransactionErrorJson | null {
  const index = transaction.accountKeys.findIndex((address) => {
    const [was, is] = [before.get(address), after.get(address)];
    return was !== undefined && is !== undefined && was !== is && !isRentTransitionAllowed(was, is);
  });
  return index < 0 ? null : { InsufficientFundsForRent: { account_index: index } };
}

const balances = (transaction: ParsedTransaction, accounts: ReadonlyMap<Address, Account>): readonly Lamports[] =>
  transaction.accountKeys.map((address) => accounts.get(address)?.lamports ?? EMPTY_ACCOUNT.lamports);

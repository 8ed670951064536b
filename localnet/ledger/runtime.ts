import { type Address, type Lamports, lamports, type Slot } from '../../src/serviceability/index.ts';
import {
  type ComputeBudget,
  describeInstructionError,
  type InstructionErrorJson,
  isSigner,
  isWritable,
  type ParsedTransaction,
  readComputeBudget,
  SYSTEM_PROGRAM,
  type TransactionErrorJson,
  transactionFee,
} from './transaction.ts';

/** An account as it stood at one moment. Never changed in place: a write makes a new one. */
export interface Account {
  readonly owner: Address;
  readonly lamports: Lamports;
  readonly data: Uint8Array;
  readonly executable: boolean;
  readonly rentEpoch: bigint;
}

/** The rent epoch of every rent-exempt account. */
const RENT_EXEMPT_EPOCH = 0xffff_ffff_ffff_ffffn;

const ACCOUNT_OVERHEAD_BYTES = 128;
const LAMPORTS_PER_BYTE = 6960n;

/** Lamports that an account with `dataLength` bytes must hold: two years of rent at Solana's default rate. */
export function rentExemptMinimum(dataLength: number): Lamports {
  return lamports(BigInt(ACCOUNT_OVERHEAD_BYTES + dataLength) * LAMPORTS_PER_BYTE);
}

/** What a program sees at an address that holds nothing. */
export const EMPTY_ACCOUNT: Account = {
  owner: SYSTEM_PROGRAM,
  lamports: lamports(0),
  data: new Uint8Array(),
  executable: false,
  rentEpoch: RENT_EXEMPT_EPOCH,
};

/** An account with just enough lamports for its data, where no balance is given. */
export function createAccount(owner: Address, data: Uint8Array, balance: Lamports = rentExemptMinimum(data.length)): Account {
  return { owner, lamports: balance, data, executable: false, rentEpoch: RENT_EXEMPT_EPOCH };
}

const isRentExempt = (account: Account): boolean => account.lamports >= rentExemptMinimum(account.data.length);

/**
 * Whether a transaction may take an account from `before` to `after`: it ends empty or rent-exempt; one that already paid rent may go on,
 * at the same size and without gaining lamports (Solana's rent-state transition rule).
 */
function isRentTransitionAllowed(before: Account, after: Account): boolean {
  if (after.lamports === 0n || isRentExempt(after)) return true;
  const paidRentBefore = before.lamports > 0n && !isRentExempt(before);
  return paidRentBefore && before.data.length === after.data.length && after.lamports <= before.lamports;
}

/** An account as an instruction names it. */
export interface AccountMeta {
  readonly address: Address;
  readonly isSigner: boolean;
  readonly isWritable: boolean;
}

/** What a program may see and do while it runs one instruction. */
export interface InstructionContext {
  readonly programId: Address;
  readonly data: Uint8Array;
  readonly accounts: readonly AccountMeta[];
  /** The slot of the block that runs it (the Clock sysvar). */
  readonly slot: Slot;
  /** The epoch of that slot (the Clock sysvar). */
  readonly epoch: bigint;
  /** Bytes of heap that the transaction asked for. */
  readonly heapBytes: number;
  /** The account as it stands now, with the changes of this transaction; an empty one where there is none. */
  read(address: Address): Account;
  /**
   * Throws InstructionFailure for what the runtime does not let this program do: change an account that the instruction did not name as writable
   * (`ReadonlyDataModified`, `ReadonlyLamportChange`), or one that another program owns, but for adding lamports (`ExternalAccount…`).
   */
  write(address: Address, account: Account): void;
  /** A line of the program's own; it appears as `Program log: …`. */
  log(message: string): void;
  /** A line as the runtime writes it, without prefix. */
  logRaw(line: string): void;
  /** Sets the transaction's return data, which the next program to run clears. */
  setReturnData(data: Uint8Array): void;
  /** Takes compute units; throws InstructionFailure `ComputationalBudgetExceeded` once the transaction's limit is reached. */
  consume(units: number): void;
  /**
   * Calls another program. Its failure ends this instruction with its error: a program cannot catch it. `programSigners` are addresses derived from
   * this program, for which it signs.
   */
  invoke(programId: Address, accounts: readonly AccountMeta[], data: Uint8Array, programSigners?: readonly Address[]): void;
}

/** A program of this ledger. Signals failure by throwing InstructionFailure; anything else that it throws is a defect. */
export interface Program {
  /** Builtin programs leave no `consumed … compute units` line. */
  readonly builtin: boolean;
  execute(context: InstructionContext): void;
}

export class InstructionFailure extends Error {
  override readonly name = 'InstructionFailure';
  constructor(readonly error: InstructionErrorJson) {
    super(typeof error === 'string' ? error : `Custom(${error.Custom})`);
  }
}

interface AccountChange {
  /** The program that makes it. */
  readonly programId: Address;
  /** The accounts of its instruction. */
  readonly metas: readonly AccountMeta[];
  readonly address: Address;
  readonly before: Account;
  readonly after: Account;
}

/** What Solana's runtime lets no program do to an account, checked at each write, in its order: lamports, data, owner. Throws InstructionFailure. */
function requireWriteAllowed({ programId, metas, address, before, after }: AccountChange): void {
  const isWritable = metas.some((meta) => meta.address === address && meta.isWritable);
  const isOwner = before.owner === programId;
  if (before.lamports !== after.lamports) {
    if (after.lamports < before.lamports && !isOwner) throw new InstructionFailure('ExternalAccountLamportSpend');
    if (!isWritable) throw new InstructionFailure('ReadonlyLamportChange');
  }
  if (before.data !== after.data) {
    if (!isOwner) throw new InstructionFailure('ExternalAccountDataModified');
    if (!isWritable) throw new InstructionFailure('ReadonlyDataModified');
  }
  const isZeroed = after.data.every((byte) => byte === 0);
  if (before.owner !== after.owner && !(isOwner && isWritable && isZeroed)) throw new InstructionFailure('ModifiedProgramId');
}

/** Lamports are moved by instructions, never made or lost. */
function requireBalance(before: bigint, after: bigint): void {
  if (before !== after) throw new InstructionFailure('UnbalancedInstruction');
}

/** Instructions of one transaction, inner ones included. */
const MAX_INSTRUCTION_TRACE = 64;

interface InnerInstruction {
  readonly programId: Address;
  readonly accounts: readonly Address[];
  readonly data: Uint8Array;
  readonly stackHeight: number;
}

interface InstructionRunnerOptions {
  readonly programs: ReadonlyMap<Address, Program>;
  readonly slot: Slot;
  readonly epoch: bigint;
  readonly unitLimit: number;
  readonly heapBytes: number;
  /** The transaction's accounts, changed in place as its instructions write. */
  readonly accounts: Map<Address, Account>;
}

/** What the last program of a transaction returned. */
export interface ReturnData {
  readonly programId: Address;
  readonly data: Uint8Array;
}

interface InstructionRunner {
  /** Runs one instruction with the calls that it makes; throws InstructionFailure. */
  run(programId: Address, accounts: readonly AccountMeta[], data: Uint8Array): void;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
  readonly returnData: ReturnData | undefined;
  /** The calls made by the instructions so far, an array for each of them. */
  readonly inner: readonly (readonly InnerInstruction[])[];
}

/** Runs a transaction's instructions one after the other over one set of accounts, one meter and one log. */
function createInstructionRunner(options: InstructionRunnerOptions): InstructionRunner {
  const { programs, slot, epoch, unitLimit, heapBytes, accounts } = options;
  const logs: string[] = [];
  const inner: InnerInstruction[][] = [];
  let unitsConsumed = 0;
  let trace = 0;
  let returnData: ReturnData | undefined;

  const consume = (units: number): void => {
    const total = unitsConsumed + units;
    unitsConsumed = Math.min(unitLimit, total);
    if (total > unitLimit) throw new InstructionFailure('ComputationalBudgetExceeded');
  };

  const execute = (programId: Address, metas: readonly AccountMeta[], data: Uint8Array, depth: number): void => {
    trace += 1;
    if (trace > MAX_INSTRUCTION_TRACE) throw new InstructionFailure('MaxInstructionTraceLengthExceeded');
    logs.push(`Program ${programId} invoke [${depth}]`);
    returnData = undefined;
    const remaining = unitLimit - unitsConsumed;
    const consumedBefore = unitsConsumed;
    const program = programs.get(programId);
    try {
      if (program === undefined) throw new InstructionFailure('UnsupportedProgramId');
      const before = lamportsOf(metas);
      program.execute(contextOf(programId, metas, data, depth));
      requireBalance(before, lamportsOf(metas));
    } catch (error) {
      if (error instanceof InstructionFailure)
        logs.push(...consumedLine(), `Program ${programId} failed: ${describeInstructionError(error.error)}`);
      throw error;
    }
    logs.push(...consumedLine(), ...returnLine(), `Program ${programId} success`);

    function consumedLine(): readonly string[] {
      if (program?.builtin !== false) return [];
      return [`Program ${programId} consumed ${unitsConsumed - consumedBefore} of ${remaining} compute units`];
    }

    function returnLine(): readonly string[] {
      if (returnData?.programId !== programId) return [];
      return [`Program return: ${programId} ${Buffer.from(returnData.data).toString('base64')}`];
    }
  };

  const lamportsOf = (metas: readonly AccountMeta[]): bigint => {
    let sum = 0n;
    for (const address of new Set(metas.map((meta) => meta.address))) sum += accounts.get(address)?.lamports ?? 0n;
    return sum;
  };

  const contextOf = (programId: Address, metas: readonly AccountMeta[], data: Uint8Array, depth: number): InstructionContext => {
    const read = (address: Address): Account => {
      const account = accounts.get(address);
      if (account === undefined) throw new InstructionFailure('MissingAccount');
      return account;
    };
    return {
      programId,
      data,
      accounts: metas,
      slot,
      epoch,
      heapBytes,
      read,
      write(address, account) {
        requireWriteAllowed({ programId, metas, address, before: read(address), after: account });
        accounts.set(address, account);
      },
      log: (message) => void logs.push(`Program log: ${message}`),
      logRaw: (line) => void logs.push(line),
      setReturnData(given) {
        returnData = given.length === 0 ? undefined : { programId, data: given };
      },
      consume,
      invoke(callee, calleeMetas, calleeData, programSigners = []) {
        if (!metas.some(({ address }) => address === callee)) {
          logs.push(`Instruction references an unknown account ${callee}`);
          throw new InstructionFailure('MissingAccount');
        }
        for (const wanted of calleeMetas) requirePrivileges(wanted, metas, logs, programSigners);
        inner
          .at(-1)
          ?.push({ programId: callee, accounts: calleeMetas.map(({ address }) => address), data: calleeData, stackHeight: depth + 1 });
        execute(callee, calleeMetas, calleeData, depth + 1);
      },
    };
  };

  return {
    run(programId, metas, data) {
      inner.push([]);
      execute(programId, metas, data, 1);
    },
    logs,
    get unitsConsumed() {
      return unitsConsumed;
    },
    get returnData() {
      return returnData;
    },
    inner,
  };
}

/** A called program gets no signer and no write access that its caller does not have. */
function requirePrivileges(wanted: AccountMeta, held: readonly AccountMeta[], logs: string[], programSigners: readonly Address[]): void {
  const mine = held.filter(({ address }) => address === wanted.address);
  if (mine.length === 0) {
    logs.push(`Instruction references an unknown account ${wanted.address}`);
    throw new InstructionFailure('MissingAccount');
  }
  const escalated =
    wanted.isWritable && !mine.some(({ isWritable }) => isWritable)
      ? 'writable'
      : wanted.isSigner && !mine.some(({ isSigner }) => isSigner) && !programSigners.includes(wanted.address)
        ? 'signer'
        : undefined;
  if (escalated === undefined) return;
  logs.push(`${wanted.address}'s ${escalated} privilege escalated`);
  throw new InstructionFailure('PrivilegeEscalation');
}

const MAX_ACCOUNT_LOCKS = 64;
/** What an account counts besides its data (SIMD-0186). */
const LOADED_ACCOUNT_BYTES = 64;
export const SLOTS_PER_EPOCH = 432_000n;

interface ExecutionEnvironment {
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
  readonly returnData: ReturnData | undefined;
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
  const err =
    runInstructions(transaction, runner.run) ?? findRentProblem(transaction, new Map([...before, [payerAddress, payer]]), accounts);
  const after = err === null ? accounts : new Map([...before, [payerAddress, payer]]);
  return {
    kind: 'executed',
    err,
    fee,
    unitsConsumed: runner.unitsConsumed,
    returnData: runner.returnData,
    logs: runner.logs,
    writes: new Map([...after].filter(([address, account]) => account !== before.get(address))),
    preBalances: balances(transaction, before),
    postBalances: balances(transaction, after),
    inner: runner.inner,
  };
}

/** What keeps a transaction from locking its accounts, which comes before its blockhash is checked. */
export function findLockProblem({ addressTableLookups, accountKeys }: ParsedTransaction): TransactionErrorJson | undefined {
  if (addressTableLookups.length > 0) return 'AddressLookupTableNotFound'; // this ledger holds no tables
  if (accountKeys.length > MAX_ACCOUNT_LOCKS) return 'TooManyAccountLocks';
  return new Set(accountKeys).size === accountKeys.length ? undefined : 'AccountLoadedTwice';
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
  const lockProblem = findLockProblem(transaction);
  if (lockProblem !== undefined) return refuse(lockProblem);
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
  for (const account of accounts.values()) if (account.lamports > 0n) loadedBytes += LOADED_ACCOUNT_BYTES + account.data.length;
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

/** `before` has the payer with the fee taken. */
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

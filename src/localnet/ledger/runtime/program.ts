import type { Address, Slot } from '../../../serviceability/index.ts';
import type { Account } from './account.ts';
import type { InstructionErrorJson } from './transaction-error.ts';

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

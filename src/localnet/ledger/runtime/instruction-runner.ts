import type { Address, Slot } from '../../../serviceability/index.ts';
import type { Account } from './account.ts';
import { type AccountMeta, type InstructionContext, InstructionFailure, type Program } from './program.ts';
import { describeInstructionError } from './transaction-error.ts';
import { requireBalance, requireWriteAllowed } from './write-rules.ts';

/** Instructions of one transaction, inner ones included. */
export const MAX_INSTRUCTION_TRACE = 64;

export interface InnerInstruction {
  readonly programId: Address;
  readonly accounts: readonly Address[];
  readonly data: Uint8Array;
  readonly stackHeight: number;
}

export interface InstructionRunnerOptions {
  readonly programs: ReadonlyMap<Address, Program>;
  readonly slot: Slot;
  readonly epoch: bigint;
  readonly unitLimit: number;
  readonly heapBytes: number;
  /** The transaction's accounts, changed in place as its instructions write. */
  readonly accounts: Map<Address, Account>;
}

export interface InstructionRunner {
  /** Runs one instruction with the calls that it makes; throws InstructionFailure. */
  run(programId: Address, accounts: readonly AccountMeta[], data: Uint8Array): void;
  readonly logs: readonly string[];
  readonly unitsConsumed: number;
  /** The calls made by the instructions so far, an array for each of them. */
  readonly inner: readonly (readonly InnerInstruction[])[];
}

/** Runs a transaction's instructions one after the other over one set of accounts, one meter and one log. */
export function createInstructionRunner(options: InstructionRunnerOptions): InstructionRunner {
  const { programs, slot, epoch, unitLimit, heapBytes, accounts } = options;
  const logs: string[] = [];
  const inner: InnerInstruction[][] = [];
  let unitsConsumed = 0;
  let trace = 0;

  const consume = (units: number): void => {
    const total = unitsConsumed + units;
    unitsConsumed = Math.min(unitLimit, total);
    if (total > unitLimit) throw new InstructionFailure('ComputationalBudgetExceeded');
  };

  const execute = (programId: Address, metas: readonly AccountMeta[], data: Uint8Array, depth: number): void => {
    trace += 1;
    if (trace > MAX_INSTRUCTION_TRACE) throw new InstructionFailure('MaxInstructionTraceLengthExceeded');
    logs.push(`Program ${programId} invoke [${depth}]`);
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
    logs.push(...consumedLine(), `Program ${programId} success`);

    function consumedLine(): readonly string[] {
      if (program?.builtin !== false) return [];
      return [`Program ${programId} consumed ${unitsConsumed - consumedBefore} of ${remaining} compute units`];
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

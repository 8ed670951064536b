import type { Address } from '../../../serviceability/index.ts';
import type { Account } from './account.ts';
import { type AccountMeta, InstructionFailure } from './program.ts';

export interface AccountChange {
  /** The program that makes it. */
  readonly programId: Address;
  /** The accounts of its instruction. */
  readonly metas: readonly AccountMeta[];
  readonly address: Address;
  readonly before: Account;
  readonly after: Account;
}

/** What Solana's runtime lets no program do to an account, checked at each write, in its order: lamports, data, owner. Throws InstructionFailure. */
export function requireWriteAllowed({ programId, metas, address, before, after }: AccountChange): void {
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
  if (before.owner !== after.owner && !(isOwner && isWritable)) throw new InstructionFailure('ModifiedProgramId');
}

/** Lamports are moved by instructions, never made or lost. */
export function requireBalance(before: bigint, after: bigint): void {
  if (before !== after) throw new InstructionFailure('UnbalancedInstruction');
}

import { AccountDataError, lamports } from '../../../../serviceability/index.ts';
import { type AccountMeta, type InstructionContext, InstructionFailure, rentExemptMinimum } from '../../runtime/index.ts';
import { SYSTEM_PROGRAM } from '../../transaction/index.ts';
import { encodeTransfer } from '../system-program.ts';
import { RESIZE_UNITS } from './compute-model.ts';
import { assertOrPanic } from './panic.ts';

/** The account at this position; NotEnoughAccountKeys when the instruction names fewer. */
export function accountAt({ accounts }: InstructionContext, index: number): AccountMeta {
  const meta = accounts[index];
  if (meta === undefined) throw new InstructionFailure('NotEnoughAccountKeys');
  return meta;
}

/** The data of an account that must be the program's own, not empty, and writable where asked; panics otherwise. */
export function programData(
  context: InstructionContext,
  meta: AccountMeta,
  label: string,
  options: { readonly writable: boolean },
): Uint8Array {
  const { owner, data } = context.read(meta.address);
  assertOrPanic(context, owner === context.programId, `Invalid ${label} Account Owner`);
  assertOrPanic(context, data.length > 0, `${label} Account is empty`);
  if (options.writable) assertOrPanic(context, meta.isWritable, `${label} Account is not writable`);
  return data;
}

/** Decodes an account; one of another type is InvalidAccountData. */
export function decodeOrFail<T>(decode: (data: Uint8Array) => T, data: Uint8Array): T {
  try {
    return decode(data);
  } catch (error) {
    if (error instanceof AccountDataError) throw new InstructionFailure('InvalidAccountData');
    throw error;
  }
}

/**
 * Writes an account whole, at the length of its new content. What growing lacks in rent is transferred from the payer by a call to the system
 * program; a failure of that call is the instruction's own error. Shrinking gives nothing back.
 */
export function writeProgramAccount(context: InstructionContext, account: AccountMeta, payer: AccountMeta, content: Uint8Array): void {
  const { data, lamports: balance } = context.read(account.address);
  if (content.length !== data.length) {
    context.consume(RESIZE_UNITS);
    const required = rentExemptMinimum(content.length);
    if (content.length > data.length && required > balance) {
      context.log(`Rent required: ${required}, actual: ${balance}`);
      const accounts = [
        { address: payer.address, isSigner: true, isWritable: true },
        { address: account.address, isSigner: false, isWritable: true },
      ];
      context.invoke(SYSTEM_PROGRAM, accounts, encodeTransfer(lamports(required - balance)));
    }
    context.log(`Resized account from ${data.length} to ${content.length}`);
  }
  context.write(account.address, { ...context.read(account.address), data: content });
}

import type { AccountMeta, Instruction } from '../instruction.ts';
import type { Address } from '../units.ts';
import { encodeRfc11, type Rfc11Arguments } from './arguments.ts';
import type { Rfc11InstructionName } from './instruction-set.ts';

/*
 * What the builders of RFC-11's instructions share. The accounts of each are RFC-11's, in its order; after them come those that it leaves out and
 * that nobody can do without: GlobalState where the foundation's list is asked, the Contributor where its owner is, the System program where an
 * account is made.
 */

export type Input<Name extends Rfc11InstructionName, Accounts> = { readonly programId: Address } & Accounts & Rfc11Arguments[Name];

export type LinkEnds = Record<'link' | 'deviceA' | 'deviceB' | 'extensionA' | 'extensionB' | 'globalExtension', Address>;

export const linkEnds = (ends: LinkEnds): readonly AccountMeta[] => [
  writable(ends.link),
  readonly(ends.deviceA),
  readonly(ends.deviceB),
  writable(ends.extensionA),
  writable(ends.extensionB),
  writable(ends.globalExtension),
];

export function build<Name extends Rfc11InstructionName>(
  name: Name,
  input: { readonly programId: Address } & Rfc11Arguments[Name],
  accounts: readonly AccountMeta[],
): Instruction {
  return { programId: input.programId, accounts, data: encodeRfc11(name, input) };
}

export const writable = (address: Address): AccountMeta => ({ address, signer: false, writable: true });
export const readonly = (address: Address): AccountMeta => ({ address, signer: false, writable: false });
export const signer = (address: Address): AccountMeta => ({ address, signer: true, writable: false });
/** Signs, and gives or gets lamports. */
export const payerOf = (address: Address): AccountMeta => ({ address, signer: true, writable: true });

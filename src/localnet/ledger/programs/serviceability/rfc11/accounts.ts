import {
  type Address,
  type Contributor,
  ContributorStatus,
  decodeContributor,
  decodeGlobalState,
  lamports,
} from '../../../../../serviceability/index.ts';
import { globalStateAddress } from '../../../../../serviceability/rfc11/index.ts';
import { type AccountMeta, EMPTY_ACCOUNT, type InstructionContext, InstructionFailure, rentExemptMinimum } from '../../../runtime/index.ts';
import { SYSTEM_PROGRAM } from '../../../transaction/index.ts';
import { encodeAllocate, encodeAssign, encodeCreateAccount, encodeTransfer } from '../../system-program.ts';
import { accountAt } from '../program-accounts.ts';
import { type Frame, refuse } from './frame.ts';

export interface Held<T> {
  readonly address: Address;
  readonly value: T;
}

/** The account at this position, which must have signed. */
export function signerAt(context: InstructionContext, index: number): AccountMeta {
  const meta = accountAt(context, index);
  if (!meta.isSigner) throw new InstructionFailure('MissingRequiredSignature');
  return meta;
}

/** The account at this position, which must be the program's own; InvalidAccountOwner otherwise, also for one that is closed. */
export function heldAt<T>(context: InstructionContext, index: number, decode: (data: Uint8Array) => T): Held<T> {
  const { address } = accountAt(context, index);
  return { address, value: decode(ownData(context, address)) };
}

export function ownData(context: InstructionContext, address: Address): Uint8Array {
  const { owner, data } = context.read(address);
  if (owner !== context.programId) throw new InstructionFailure('InvalidAccountOwner');
  return data;
}

/** The account at this position, which must be the one at this derived address. */
export function derivedAt(context: InstructionContext, index: number, expected: Address): Address {
  const { address } = accountAt(context, index);
  if (address !== expected) throw new InstructionFailure('InvalidSeeds');
  return address;
}

/** Throws NotAllowed unless the authority is on the foundation's list, which GlobalState at this position holds. */
export function requireFoundation({ context, derive }: Frame, authority: AccountMeta, globalStateIndex: number): void {
  const address = derivedAt(context, globalStateIndex, globalStateAddress(context.programId, derive).address);
  const { foundationAllowlist } = decodeGlobalState(ownData(context, address));
  if (!foundationAllowlist.includes(authority.address)) refuse('NotAllowed');
}

/** A contributor that is one: activated. */
export function contributorAt(context: InstructionContext, index: number): Held<Contributor> {
  const contributor = heldAt(context, index, decodeContributor);
  if (contributor.value.status !== ContributorStatus.activated) refuse('InvalidContributor');
  return contributor;
}

/** Whether nothing was ever made at the address; lamports that somebody sent there in advance make nothing. */
export function isVacant(context: InstructionContext, address: Address): boolean {
  const { owner, data } = context.read(address);
  return owner === SYSTEM_PROGRAM && data.length === 0;
}

/** A program may let an account grow by so much in one call. */
const MAX_NEW_BYTES = 10_240;

/**
 * Makes an account of the program at a derived address, at the payer's expense, and signs for that address. Where lamports wait already, they count
 * towards the rent: nobody can keep an account from being made by sending some in advance.
 */
export function createAt({ context }: Frame, address: Address, payer: AccountMeta, data: Uint8Array): void {
  if (data.length > MAX_NEW_BYTES) throw new InstructionFailure('InvalidRealloc');
  const from = { address: payer.address, isSigner: true, isWritable: true };
  const to = { address, isSigner: true, isWritable: true };
  const rent = rentExemptMinimum(data.length);
  const waiting = context.read(address).lamports;
  if (waiting === 0n) {
    context.invoke(SYSTEM_PROGRAM, [from, to], encodeCreateAccount(rent, data.length, context.programId), [address]);
  } else {
    if (waiting < rent) context.invoke(SYSTEM_PROGRAM, [from, { ...to, isSigner: false }], encodeTransfer(rent - waiting));
    context.invoke(SYSTEM_PROGRAM, [to], encodeAllocate(data.length), [address]);
    context.invoke(SYSTEM_PROGRAM, [to], encodeAssign(context.programId), [address]);
  }
  context.write(address, { ...context.read(address), data });
}

/** Closes an account of the program; its lamports go to `to`. */
export function close({ context }: Frame, address: Address, to: AccountMeta): void {
  const { lamports: freed } = context.read(address);
  if (to.address === address) throw new InstructionFailure('InvalidArgument');
  const heir = context.read(to.address);
  context.write(address, EMPTY_ACCOUNT);
  context.write(to.address, { ...heir, lamports: lamports(heir.lamports + freed) });
}

/**
 * Writes fields of an account without changing its length: an account of an older layout stays as short as it is, and what a newer program
 * appended stays behind the fields that are known here.
 */
export function overwrite({ context }: Frame, address: Address, content: Uint8Array): void {
  const account = context.read(address);
  const data = new Uint8Array(account.data);
  data.set(content.subarray(0, data.length));
  context.write(address, { ...account, data });
}

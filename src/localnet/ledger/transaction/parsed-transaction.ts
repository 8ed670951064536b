import type { Address } from '../../../serviceability/index.ts';
import { RESERVED_ADDRESSES } from './well-known.ts';

export interface CompiledInstruction {
  readonly programIndex: number;
  readonly accountIndexes: readonly number[];
  readonly data: Uint8Array;
}

export interface AddressTableLookup {
  readonly table: Address;
  readonly writableIndexes: readonly number[];
  readonly readonlyIndexes: readonly number[];
}

export interface MessageHeader {
  readonly requiredSignatures: number;
  readonly readonlySigned: number;
  readonly readonlyUnsigned: number;
}

/** A transaction whose bytes could be read and whose indexes all point at something. Signatures are not verified yet. */
export interface ParsedTransaction {
  readonly version: 'legacy' | 0;
  /** The whole packet. */
  readonly wire: Uint8Array;
  /** What is signed. */
  readonly message: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** The first signature in base58: the transaction's name. */
  readonly signature: string;
  readonly header: MessageHeader;
  readonly accountKeys: readonly Address[];
  /** The 32 bytes of each account key. */
  readonly keyBytes: readonly Uint8Array[];
  readonly recentBlockhash: string;
  readonly instructions: readonly CompiledInstruction[];
  readonly addressTableLookups: readonly AddressTableLookup[];
}

export const isSigner = ({ header }: ParsedTransaction, index: number): boolean => index < header.requiredSignatures;

/** Whether the transaction takes the write lock of its account `index`: asked for, and not demoted (reserved keys, programs it calls). */
export function isWritable(transaction: ParsedTransaction, index: number): boolean {
  const { requiredSignatures, readonlySigned, readonlyUnsigned } = transaction.header;
  const asked =
    index < requiredSignatures ? index < requiredSignatures - readonlySigned : index < transaction.accountKeys.length - readonlyUnsigned;
  const key = transaction.accountKeys[index];
  if (!asked || key === undefined || RESERVED_ADDRESSES.has(key)) return false;
  return !transaction.instructions.some(({ programIndex }) => programIndex === index);
}

export function writableAddresses(transaction: ParsedTransaction): readonly Address[] {
  return transaction.accountKeys.filter((_, index) => isWritable(transaction, index));
}

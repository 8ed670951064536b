import { address, addressBytes } from './address.ts';
import type { AccountMeta, Instruction } from './instruction.ts';
import { ServiceabilityError } from './serviceability-error.ts';
import { MAX_TRANSACTION_BYTES } from './transaction-size.ts';
import type { Address } from './units.ts';

/** What a transaction is made of before it is signed. */
export interface LegacyMessageInput {
  /** Signs first and pays the fee. */
  readonly feePayer: Address;
  /** A recent blockhash, base58 (getLatestBlockhash). */
  readonly blockhash: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The bytes of a legacy message, which every signer of the transaction signs with ed25519. Accounts stand in Solana's order: writable
 * signers, other signers, writable accounts, the rest; the fee payer first of all. Throws ServiceabilityError `ADDRESS__INVALID` for a
 * blockhash that is none.
 */
export function encodeLegacyMessage({ feePayer, blockhash, instructions }: LegacyMessageInput): Uint8Array {
  const metas = collectAccounts(feePayer, instructions);
  const groups = [
    metas.filter(({ signer, writable }) => signer && writable),
    metas.filter(({ signer, writable }) => signer && !writable),
    metas.filter(({ signer, writable }) => !signer && writable),
    metas.filter(({ signer, writable }) => !signer && !writable),
  ] as const;
  const keys = groups.flat().map((meta) => meta.address);
  const indexOf = new Map(keys.map((key, index) => [key, index]));
  const bytes: number[] = [groups[0].length + groups[1].length, groups[1].length, groups[3].length];
  pushLength(bytes, keys.length);
  for (const key of keys) bytes.push(...addressBytes(key));
  bytes.push(...addressBytes(address(blockhash)));
  pushLength(bytes, instructions.length);
  for (const { programId, accounts, data } of instructions) {
    bytes.push(indexOf.get(programId) ?? 0);
    pushLength(bytes, accounts.length);
    for (const meta of accounts) bytes.push(indexOf.get(meta.address) ?? 0);
    pushLength(bytes, data.length);
    bytes.push(...data);
  }
  return Uint8Array.from(bytes);
}

/**
 * The transaction as sendTransaction takes it (then in base64): the signatures in the order of the message's signers, and the message.
 * Throws ServiceabilityError `TRANSACTION__TOO_LARGE` above 1,232 bytes, and `TRANSACTION__BAD_SIGNATURE` for one that has not 64 bytes.
 */
export function encodeTransaction(message: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array {
  const odd = signatures.find((signature) => signature.length !== 64);
  if (odd !== undefined) throw new ServiceabilityError('TRANSACTION__BAD_SIGNATURE', { length: odd.length });
  const bytes: number[] = [];
  pushLength(bytes, signatures.length);
  for (const signature of signatures) bytes.push(...signature);
  bytes.push(...message);
  if (bytes.length > MAX_TRANSACTION_BYTES)
    throw new ServiceabilityError('TRANSACTION__TOO_LARGE', { bytes: bytes.length, max: MAX_TRANSACTION_BYTES });
  return Uint8Array.from(bytes);
}

/** Every account once, with all rights that some instruction wants for it. */
function collectAccounts(feePayer: Address, instructions: readonly Instruction[]): readonly AccountMeta[] {
  const metas = new Map<Address, AccountMeta>([[feePayer, { address: feePayer, signer: true, writable: true }]]);
  const add = (meta: AccountMeta): void => {
    const before = metas.get(meta.address);
    metas.set(meta.address, {
      address: meta.address,
      signer: meta.signer || before?.signer === true,
      writable: meta.writable || before?.writable === true,
    });
  };
  for (const { programId, accounts } of instructions) {
    add({ address: programId, signer: false, writable: false });
    for (const meta of accounts) add(meta);
  }
  return [...metas.values()];
}

/** Solana's compact-u16: seven bits a byte, the lowest first. */
function pushLength(bytes: number[], length: number): void {
  let rest = length;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

/** Builds the transactions that localnet itself sends; those of clients are only ever parsed. */
import { type AccountMeta, type Address, address, addressBytes, type Instruction } from '../../src/serviceability/index.ts';
import type { Ed25519Signer } from './transaction.ts';

/** A message before it is compiled. */
interface LegacyMessageInput {
  /** Signs first and pays the fee. */
  readonly feePayer: Address;
  /** A recent blockhash, base58 (getLatestBlockhash). */
  readonly blockhash: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The bytes of a legacy message. Accounts stand in Solana's order: writable signers, other signers, writable accounts, the rest; the fee payer first
 * of all.
 */
function encodeLegacyMessage({ feePayer, blockhash, instructions }: LegacyMessageInput): Uint8Array {
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

/** A transaction of one signer, who pays for it, as sendTransaction takes it. */
export function signTransaction(
  signer: Pick<Ed25519Signer, 'address' | 'sign'>,
  blockhash: string,
  instructions: readonly Instruction[],
): Uint8Array {
  const message = encodeLegacyMessage({ feePayer: signer.address, blockhash, instructions });
  return Uint8Array.from([1, ...signer.sign(message), ...message]);
}

/** Every account once, with all rights that some instruction requests for it. */
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

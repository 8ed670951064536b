import { ComputeBudgetProgram, PublicKey, TransactionInstruction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import bs58 from 'bs58';
import {
  type Address,
  type BgpStatusValue,
  type Instruction,
  type Nanoseconds,
  setUserBgpStatusInstruction,
} from '../serviceability/index.ts';

/** The metrics publisher's key. The private half stays behind `sign`. */
export interface Signer {
  readonly address: Address;
  /** The 64-byte ed25519 signature of the message. */
  sign(message: Uint8Array): Uint8Array;
}

/** One status as a transaction writes it. */
interface StatusWrite {
  readonly user: Address;
  readonly status: BgpStatusValue;
  /** 0 with down and unknown, and where there is no sample. */
  readonly rttNs: Nanoseconds;
}

/** What a transaction requests from the compute budget; an absent value requests the default. */
export interface ComputeRequest {
  /** Compute units of the whole transaction. */
  readonly unitLimit?: number | undefined;
  /** Bytes of heap for each instruction, a multiple of 1,024. */
  readonly heapBytes?: number | undefined;
}

/** Whether a private key can belong to this address: accounts that a program derives, such as users, have none. */
export const isKeyAddress = (address: Address): boolean => PublicKey.isOnCurve(address);

interface BuildTransactionOptions {
  readonly programId: Address;
  readonly device: Address;
  readonly signer: Signer;
  readonly blockhash: string;
  readonly writes: readonly StatusWrite[];
  readonly compute: ComputeRequest;
}

export interface SignedTransaction {
  /** The bytes for sendTransaction. */
  readonly wire: Uint8Array;
  /** Base58; identifies the transaction on the ledger. */
  readonly signature: string;
  /** Compute-budget instructions before the first write: Solana counts a failing instruction from the first of all. */
  readonly prefixInstructions: number;
}

/**
 * Builds and signs one legacy transaction of status writes, in the order given. This file is the only place of the agent that uses @solana/web3.js:
 * accounts stand in the order of `TransactionMessage`. The signer's private key never reaches the library.
 */
export function buildTransaction({ programId, device, signer, blockhash, writes, compute }: BuildTransactionOptions): SignedTransaction {
  const instructions = writes.map((write) =>
    setUserBgpStatusInstruction({ programId, device, metricsPublisher: signer.address, ...write }),
  );
  return signInstructions({ signer, blockhash, instructions, compute });
}

/** Builds and signs one legacy transaction of any instructions; the signer pays. Throws RangeError for one that is too large to encode. */
export function signInstructions({
  signer,
  blockhash,
  instructions,
  compute = {},
}: Pick<BuildTransactionOptions, 'signer' | 'blockhash'> & {
  readonly instructions: readonly Instruction[];
  readonly compute?: ComputeRequest;
}): SignedTransaction {
  const prefix = computeBudgetInstructions(compute);
  const payerKey = new PublicKey(signer.address);
  const message = new TransactionMessage({
    payerKey,
    recentBlockhash: blockhash,
    instructions: [...prefix, ...instructions.map(toWeb3)],
  });
  const transaction = new VersionedTransaction(message.compileToLegacyMessage());
  const signature = signer.sign(transaction.message.serialize());
  transaction.addSignature(payerKey, signature);
  return { wire: transaction.serialize(), signature: bs58.encode(signature), prefixInstructions: prefix.length };
}

function computeBudgetInstructions({ unitLimit, heapBytes }: ComputeRequest): readonly TransactionInstruction[] {
  const instructions: TransactionInstruction[] = [];
  if (unitLimit !== undefined) instructions.push(ComputeBudgetProgram.setComputeUnitLimit({ units: unitLimit }));
  if (heapBytes !== undefined) instructions.push(ComputeBudgetProgram.requestHeapFrame({ bytes: heapBytes }));
  return instructions;
}

function toWeb3({ programId, accounts, data }: Instruction): TransactionInstruction {
  return new TransactionInstruction({
    programId: new PublicKey(programId),
    keys: accounts.map(({ address, signer, writable }) => ({ pubkey: new PublicKey(address), isSigner: signer, isWritable: writable })),
    data: Buffer.from(data),
  });
}

/** One instruction that ran. */
export interface ExecutedInstruction {
  readonly accounts: readonly Address[];
  readonly data: Uint8Array;
}

/** A transaction as the ledger stored it, see StoredTransaction of `rpc/`. */
interface StoredInstructions {
  readonly wire: Uint8Array;
  readonly loaded: readonly Address[];
  readonly inner: readonly {
    readonly of: number;
    readonly programIdIndex: number;
    readonly accountIndexes: readonly number[];
    readonly data: string;
  }[];
}

/** The instructions of one program in a stored transaction, in the order in which they began; those that other programs called are among them. Throws Error for malformed bytes. */
export function instructionsOf({ wire, loaded, inner }: StoredInstructions, programId: Address): readonly ExecutedInstruction[] {
  const { message } = VersionedTransaction.deserialize(wire);
  const keys = [...message.staticAccountKeys.map((key) => key.toBase58()), ...loaded];
  const addressAt = (index: number): Address => {
    const key = keys[index];
    if (key === undefined) throw new Error(`an instruction names account ${index} of ${keys.length}`);
    return key as Address;
  };
  return message.compiledInstructions
    .flatMap(({ programIdIndex, accountKeyIndexes, data }, index) => [
      { programIdIndex, accountIndexes: accountKeyIndexes, data },
      ...inner.filter(({ of }) => of === index),
    ])
    .filter(({ programIdIndex }) => addressAt(programIdIndex) === programId)
    .map(({ accountIndexes, data }) => ({
      accounts: accountIndexes.map(addressAt),
      data: typeof data === 'string' ? bs58.decode(data) : data,
    }));
}

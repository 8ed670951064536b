import bs58 from 'bs58';
import {
  type Address,
  type ComputeRequest,
  computeBudgetInstructions,
  encodeLegacyMessage,
  encodeTransaction,
  type Nanoseconds,
  setUserBgpStatusInstruction,
} from '../serviceability/index.ts';

/** The metrics publisher's key. The private half stays behind `sign`. */
export interface Signer {
  readonly address: Address;
  /** The 64-byte ed25519 signature of the message. */
  sign(message: Uint8Array): Uint8Array;
}

/** One status as it goes into a transaction. */
export interface StatusWrite {
  readonly user: Address;
  readonly status: 'up' | 'down';
  /** 0 with Down, and where there is no sample. */
  readonly rttNs: Nanoseconds;
}

export interface BuildTransactionOptions {
  readonly programId: Address;
  readonly device: Address;
  readonly signer: Signer;
  readonly blockhash: string;
  readonly writes: readonly StatusWrite[];
  readonly compute: ComputeRequest;
}

export interface SignedTransaction {
  /** Ready for sendTransaction. */
  readonly wire: Uint8Array;
  /** Base58, the transaction's name on the ledger. */
  readonly signature: string;
  /** How many compute-budget instructions stand before the first write: the program counts a failing index from the first of all. */
  readonly prefixInstructions: number;
}

/** Builds and signs one legacy transaction of status writes, in the order given. Pure but for the signature. */
export function buildTransaction({ programId, device, signer, blockhash, writes, compute }: BuildTransactionOptions): SignedTransaction {
  const prefix = computeBudgetInstructions(compute);
  const instructions = writes.map((write) =>
    setUserBgpStatusInstruction({ programId, device, metricsPublisher: signer.address, ...write }),
  );
  const message = encodeLegacyMessage({ feePayer: signer.address, blockhash, instructions: [...prefix, ...instructions] });
  const signature = signer.sign(message);
  return { wire: encodeTransaction(message, [signature]), signature: bs58.encode(signature), prefixInstructions: prefix.length };
}

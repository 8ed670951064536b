import { ComputeBudgetProgram, PublicKey, TransactionInstruction, TransactionMessage } from '@solana/web3.js';
import bs58 from 'bs58';
import { type Address, type ComputeRequest, type Nanoseconds, setUserBgpStatusInstruction } from '../serviceability/index.ts';
import type { Signer } from './signer.ts';

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
  const prefix: TransactionInstruction[] = [];
  if (compute.unitLimit !== undefined) prefix.push(ComputeBudgetProgram.setComputeUnitLimit({ units: compute.unitLimit }));
  if (compute.heapBytes !== undefined) prefix.push(ComputeBudgetProgram.requestHeapFrame({ bytes: compute.heapBytes }));
  const instructions = writes.map(({ user, status, rttNs }) =>
    toWeb3(setUserBgpStatusInstruction({ programId, user, device, metricsPublisher: signer.address, status, rttNs })),
  );
  const message = new TransactionMessage({
    payerKey: new PublicKey(signer.address),
    recentBlockhash: blockhash,
    instructions: [...prefix, ...instructions],
  })
    .compileToLegacyMessage()
    .serialize();
  const signature = signer.sign(message);
  const wire = new Uint8Array(1 + signature.length + message.length);
  wire[0] = 1;
  wire.set(signature, 1);
  wire.set(message, 1 + signature.length);
  return { wire, signature: bs58.encode(signature), prefixInstructions: prefix.length };
}

function toWeb3(instruction: ReturnType<typeof setUserBgpStatusInstruction>): TransactionInstruction {
  return new TransactionInstruction({
    programId: new PublicKey(instruction.programId),
    keys: instruction.accounts.map(({ address, signer, writable }) => ({
      pubkey: new PublicKey(address),
      isSigner: signer,
      isWritable: writable,
    })),
    data: Buffer.from(instruction.data),
  });
}

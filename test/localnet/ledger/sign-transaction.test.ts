import { Transaction } from '@solana/web3.js';
import { expect, test } from 'vitest';
import { createSigner, signTransaction } from '../../../localnet/ledger/index.ts';
import { keyOf } from '../../serviceability/builders.ts';

const signer = createSigner(new Uint8Array(32).fill(5));

test('@solana/web3.js reads a signed transaction of many accounts and much data, and accepts its signature', () => {
  const accounts = Array.from({ length: 20 }, (_, index) => ({ address: keyOf(index + 1), signer: false, writable: index % 2 === 0 }));
  const wire = signTransaction(signer, keyOf(200), [{ programId: keyOf(201), accounts, data: new Uint8Array(300).fill(7) }]);
  const read = Transaction.from(wire);
  expect(read.verifySignatures()).toBe(true);
  expect(read.recentBlockhash).toBe(keyOf(200));
  expect(read.feePayer?.toBase58()).toBe(signer.address);
  expect(
    read.instructions.map(({ programId, keys, data }) => ({
      programId: programId.toBase58(),
      accounts: keys.map(({ pubkey, isSigner, isWritable }) => ({ address: pubkey.toBase58(), signer: isSigner, writable: isWritable })),
      data: Uint8Array.from(data),
    })),
  ).toEqual([{ programId: keyOf(201), accounts, data: new Uint8Array(300).fill(7) }]);
});

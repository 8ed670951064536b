import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Address, addressOf } from '../../../serviceability/index.ts';
import type { ParsedTransaction } from './parsed-transaction.ts';

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Whether each required signature is the one of its key over the message (RFC 8032). */
export function hasValidSignatures({ message, signatures, keyBytes }: ParsedTransaction): boolean {
  return signatures.every((signature, index) => {
    const key = keyBytes[index];
    if (key === undefined) return false;
    try {
      return verify(null, message, publicKeyOf(key), signature);
    } catch {
      return false; // 32 bytes that are no point of the curve
    }
  });
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

export interface Ed25519Signer {
  readonly address: Address;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** A signer from a 32-byte seed. */
export function createSigner(seed: Uint8Array): Ed25519Signer {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length));
  return { address: addressOf(publicKey), publicKey, sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}

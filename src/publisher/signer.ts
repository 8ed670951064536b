import type { Address } from '../serviceability/index.ts';

/** The metrics publisher's key. The private half stays behind `sign`. */
export interface Signer {
  readonly address: Address;
  /** The 64-byte ed25519 signature of the message. */
  sign(message: Uint8Array): Uint8Array;
}

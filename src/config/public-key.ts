import bs58 from 'bs58';
import type { Address } from '../serviceability/index.ts';

/** The longest base58 text of 32 bytes; longer input is refused before the decoder's quadratic work. */
const MAX_CHARACTERS = 44;

/** Whether the text is a 32-byte public key in base58. */
export function isPublicKey(text: string): text is Address {
  return text.length <= MAX_CHARACTERS && bs58.decodeUnsafe(text)?.length === 32;
}

/** The 32 bytes in base58. Throws a RangeError for any other length. */
export function publicKeyText(bytes: Uint8Array): Address {
  const text = bs58.encode(bytes);
  if (!isPublicKey(text)) throw new RangeError(`a public key has 32 bytes, not ${bytes.length}`);
  return text;
}

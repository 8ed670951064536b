import bs58 from 'bs58';

/** Bytes, or undefined where the text is not base58. */
export function decodeBase58(text: string): Uint8Array | undefined {
  return bs58.decodeUnsafe(text);
}

/** Base58 of bytes of any length (signatures, filters); 32-byte keys have addressOf. */
export const encodeBase58 = (bytes: Uint8Array): string => bs58.encode(bytes);

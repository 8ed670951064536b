import { createHash } from 'node:crypto';
import { decodeBase58, encodeBase58 } from '../transaction/index.ts';

/** Blocks that a blockhash is good for (Solana's MAX_PROCESSING_AGE). */
export const BLOCKHASH_LIFETIME = 150;

const DIGEST_BYTES = 23;
/** More than can be within one blockhash lifetime. */
const REMEMBERED_FORKS = 256;

export interface Blockhashes {
  /** The hash of the block at this height. */
  at(height: number): string;
  /** The height of the block with this hash; undefined when it is no hash of this chain, or of a block that a fork undid. */
  heightOf(blockhash: string): number | undefined;
  /** The blocks from this height on were undone: their heights get new hashes. */
  fork(height: number): void;
}

/**
 * Blockhashes are computed from chain, height and fork, and carry the height in their last eight bytes, so none has to be stored: 23 bytes of
 * SHA-256, one byte of fork number, eight of height.
 */
export function createBlockhashes(genesisHash: Uint8Array): Blockhashes {
  /** First heights of the forks whose blocks can still matter, newest last, and how many there were before them. */
  const forks: number[] = [];
  let olderForks = 0;

  const encode = (height: number): Uint8Array => {
    const tail = Buffer.alloc(9);
    tail[0] = (olderForks + forks.filter((first) => first <= height).length) & 0xff;
    tail.writeBigUInt64BE(BigInt(height), 1);
    const digest = createHash('sha256').update(genesisHash).update(tail).digest();
    return Buffer.concat([digest.subarray(0, DIGEST_BYTES), tail]);
  };

  return {
    at: (height) => encodeBase58(encode(height)),
    heightOf(blockhash) {
      const bytes = decodeBase58(blockhash);
      if (bytes?.length !== 32) return undefined;
      const height = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(24));
      return Number.isSafeInteger(height) && Buffer.compare(bytes, encode(height)) === 0 ? height : undefined;
    },
    fork(height) {
      forks.push(height);
      if (forks.length > REMEMBERED_FORKS) {
        forks.shift();
        olderForks += 1;
      }
    },
  };
}

const MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** Frame header descriptor: content size in four bytes, single segment, no checksum, no dictionary (RFC 8878 section 3.1.1.1.1). */
const DESCRIPTOR = 0b1010_0000;
const MAX_BLOCK_BYTES = 128 * 1024;

/**
 * A Zstandard frame (RFC 8878) that holds the bytes uncompressed, in raw blocks. Node 20 has no compressor; any decoder reads it, and for
 * accounts of a few hundred bytes little is lost.
 */
export function zstdFrame(content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(9);
  header.set(MAGIC);
  header[4] = DESCRIPTOR;
  header.writeUInt32LE(content.length, 5);
  const parts: Uint8Array[] = [header];
  let offset = 0;
  do {
    const block = content.subarray(offset, offset + MAX_BLOCK_BYTES);
    offset += block.length;
    const isLast = offset >= content.length ? 1 : 0;
    const blockHeader = Buffer.alloc(3);
    blockHeader.writeUIntLE(isLast | (block.length << 3), 0, 3); // type 0: raw
    parts.push(blockHeader, block);
  } while (offset < content.length);
  return Buffer.concat(parts);
}

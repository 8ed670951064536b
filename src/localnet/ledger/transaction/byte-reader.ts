/** Thrown for bytes that are no transaction; `stage` says whether they could not be read at all, or read but make no sense. */
export class MalformedTransaction extends Error {
  override readonly name = 'MalformedTransaction';
  constructor(
    readonly stage: 'deserialize' | 'sanitize',
    message: string,
  ) {
    super(message);
  }
}

export interface ByteReader {
  readonly offset: number;
  readonly remaining: number;
  u8(): number;
  bytes(length: number): Uint8Array;
  /** Solana's compact-u16: 7 bits a byte, three bytes at most, no superfluous continuation. */
  shortLength(): number;
}

/** Reads forward over `source`; running out throws MalformedTransaction. */
export function createByteReader(source: Uint8Array): ByteReader {
  let offset = 0;
  const bytes = (length: number): Uint8Array => {
    if (length > source.length - offset) throw new MalformedTransaction('deserialize', 'io error: unexpected end of file');
    offset += length;
    return source.subarray(offset - length, offset);
  };
  const u8 = (): number => bytes(1)[0] ?? 0;
  return {
    get offset() {
      return offset;
    },
    get remaining() {
      return source.length - offset;
    },
    u8,
    bytes,
    shortLength() {
      let value = 0;
      for (let position = 0; position < 3; position++) {
        const byte = u8();
        if (position > 0 && byte === 0) throw new MalformedTransaction('deserialize', 'io error: alias encoding of a length');
        value |= (byte & 0x7f) << (7 * position);
        if ((byte & 0x80) === 0) {
          if (value > 0xffff) break;
          return value;
        }
      }
      throw new MalformedTransaction('deserialize', 'io error: a length does not fit u16');
    },
  };
}

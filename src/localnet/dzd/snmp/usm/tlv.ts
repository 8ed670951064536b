/** A cut or misshapen message; agents drop it. */
export class BadMessage extends Error {
  override readonly name = 'BadMessage';
}

/** BER with definite lengths (RFC 3417 section 8), as much of it as the frame of an SNMPv3 message takes. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export const integerTlv = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.writeIntBE(value, 0, 5);
  let start = 0;
  // As few octets as keep the sign.
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return tlv(0x02, bytes.subarray(start));
};

export const octetsTlv = (value: Uint8Array | string): Buffer => tlv(0x04, typeof value === 'string' ? Buffer.from(value) : value);

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

/** Reads element after element; throws BadMessage where there is none, or another than is expected. */
export function elementsOf(bytes: Buffer): { next(tag?: number): Element; readonly rest: number } {
  let at = 0;
  return {
    next(tag) {
      const [found, first] = [bytes[at], bytes[at + 1]];
      if (found === undefined || first === undefined || (tag !== undefined && tag !== found))
        throw new BadMessage('another element was due');
      const extra = first < 0x80 ? 0 : first - 0x80;
      if (extra > 3 || at + 2 + extra > bytes.length) throw new BadMessage('a length that is none');
      const length = extra === 0 ? first : bytes.readUIntBE(at + 2, extra);
      const start = at + 2 + extra;
      if (start + length > bytes.length) throw new BadMessage('cut');
      const element = { tag: found, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
      at = start + length;
      return element;
    },
    get rest() {
      return bytes.length - at;
    },
  };
}

export function integerOf({ content }: Element): number {
  if (content.length < 1 || content.length > 4) throw new BadMessage('no number');
  return content.readIntBE(0, content.length);
}

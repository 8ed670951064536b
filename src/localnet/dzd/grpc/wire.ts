/**
 * The few protobuf wire types that EosSdkRpc's messages need (the wire format of proto3): varints and length-delimited fields. Written
 * apart from the agent's reader on purpose, so that a number that is wrong in one of the two shows.
 */
export type Field = readonly [number: number, value: boolean | number | string | Buffer];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** A message of these fields, in this order. False and 0 are written too, as a oneof's member has to be. */
export function encodeMessage(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'boolean' || typeof value === 'number') return [varint((number << 3) | VARINT), varint(Number(value))];
      const bytes = Buffer.from(value);
      return [varint((number << 3) | LENGTH_DELIMITED), varint(bytes.byteLength), bytes];
    }),
  );
}

/** The fields of a message by number, the last of each; undefined when the bytes are no message of these two wire types. */
export function decodeMessage(bytes: Buffer): ReadonlyMap<number, number | Buffer> | undefined {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const readVarint = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.byteLength) {
    const key = readVarint();
    const value = readVarint();
    if (key === undefined || value === undefined) return undefined;
    if ((key & 7) === VARINT) fields.set(key >>> 3, value);
    else if ((key & 7) === LENGTH_DELIMITED && at + value <= bytes.byteLength) {
      fields.set(key >>> 3, bytes.subarray(at, at + value));
      at += value;
    } else return undefined;
  }
  return fields;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.of(...bytes, rest);
}

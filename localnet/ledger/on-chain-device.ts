import { AccountType, type Address, addressOf, ZERO_ADDRESS } from '../../src/serviceability/index.ts';

/** What SetUserBGPStatus takes from a Device account, read as the program (0.34.0) reads it. */
interface OnChainDevice {
  readonly isDevice: boolean;
  readonly metricsPublisherPk: Address;
  /** Elements of the first vector, which is empty as soon as one of its elements is malformed. */
  readonly deprecatedInterfaces: number;
  /** Elements of the second vector. */
  readonly interfaces: number;
  /** Heap bytes that the program allocates for it; its allocator never frees. */
  readonly heapBytes: number;
}

/** Bytes of one element in the program's memory: `InterfaceDeprecated`, `Interface` and `FlexAlgoNodeSegment`. */
const DEPRECATED_SIZE = 72;
const INTERFACE_SIZE = 88;
const SEGMENT_SIZE = 34;
/** The program reserves at most this much for a vector before it has read an element. */
const MAX_RESERVED_BYTES = 4096;
/** The smallest capacity to which a vector grows. */
const MIN_CAPACITY = 4;
/** The buffers of 8, 16, 32 and 64 bytes in which the program encodes one interface. */
const ENCODING_BUFFERS = 120;
/** Size and version, before an interface's body. */
const PREFIX_LENGTH = 3;
/** An interface's fields between its name and its segments. */
const FIXED_FIELDS_AFTER_NAME = 33;

/**
 * Reads a Device as the program does, which differs from clients where the account is malformed. A field that cannot be read becomes its default,
 * and the next one is read from where the failed read stopped: the fields after a malformed vector are read from its middle.
 */
export function readDeviceOnChain(data: Uint8Array): OnChainDevice {
  const reader = new BorshReader(data);
  const isDevice = reader.u8() === AccountType.device;
  // Owner, index, bump seed, location, exchange, type, public address, status.
  for (const length of [32, 16, 1, 32, 32, 1, 4, 1]) reader.skip(length);
  reader.text();
  reader.vector(5, () => reader.network());
  const metricsPublisherPk = reader.key() ?? ZERO_ADDRESS;
  reader.skip(32);
  reader.text();
  const textBefore = reader.textBytes;
  const deprecatedInterfaces = reader.vector(DEPRECATED_SIZE, () => readDeprecatedInterface(reader)) ?? 0;
  const nameBytes = reader.textBytes - textBefore;
  // The counters between the two vectors.
  for (const length of [4, 2, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2]) reader.skip(length);
  const interfaces = reader.vector(INTERFACE_SIZE, () => readInterface(reader)) ?? 0;
  if (interfaces === 0) reader.heapBytes += rebuiltBytes(deprecatedInterfaces, nameBytes);
  return { isDevice, metricsPublisherPk, deprecatedInterfaces, interfaces, heapBytes: reader.heapBytes };
}

/** Heap of the second vector where an older account has only the first: the program rebuilds it, and encodes each element for its size. */
function rebuiltBytes(count: number, nameBytes: number): number {
  let bytes = nameBytes + count * ENCODING_BUFFERS;
  for (let capacity = MIN_CAPACITY; count > 0; capacity *= 2) {
    bytes += capacity * INTERFACE_SIZE;
    if (capacity >= count) break;
  }
  return bytes;
}

/** Each field must be readable, and each enum and bool a known one; false otherwise. */
function readDeprecatedInterface(reader: BorshReader): boolean {
  const layout = reader.u8();
  if (layout === undefined) return false;
  if (layout === 0) return reader.enum(6) && reader.text() && reader.enum(2) && reader.enum(3) && reader.skip(2) && readAddressing(reader);
  // An unknown layout becomes a default interface, and its bytes are not skipped.
  if (layout > 3) return true;
  const isReadable =
    reader.enum(6) &&
    reader.text() &&
    reader.enum(2) &&
    reader.enum(5) &&
    reader.enum(1) &&
    reader.enum(3) &&
    reader.skip(8) &&
    reader.skip(8) &&
    reader.skip(2) &&
    reader.enum(1) &&
    reader.skip(2) &&
    readAddressing(reader);
  return isReadable && (layout < 3 || readSegments(reader) !== undefined);
}

/** The last fields of every layout: network, segment, and whether it is a tunnel endpoint. */
const readAddressing = (reader: BorshReader): boolean => reader.network() && reader.skip(2) && reader.enum(1);

/** Fields of the body that cannot be read become defaults; only a body that does not fit ends the vector. */
function readInterface(reader: BorshReader): boolean {
  const size = reader.u16();
  if (size === undefined || !reader.skip(1)) return false;
  const body = reader.bytes(Math.max(0, size - PREFIX_LENGTH));
  if (body === undefined) return false;
  const fields = new BorshReader(body);
  fields.skip(1);
  fields.text();
  fields.skip(FIXED_FIELDS_AFTER_NAME);
  readSegments(fields);
  reader.heapBytes += body.length + fields.heapBytes;
  return true;
}

const readSegments = (reader: BorshReader): number | undefined => reader.vector(SEGMENT_SIZE, () => reader.skip(SEGMENT_SIZE));

/** Reads borsh from where the last read stopped. A read that fails for want of bytes consumes what is left. */
class BorshReader {
  /** Heap bytes allocated so far. */
  heapBytes = 0;
  /** Lengths of the texts so far. */
  textBytes = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(length: number): boolean {
    return this.#take(length) !== undefined;
  }

  bytes(length: number): Uint8Array | undefined {
    const at = this.#take(length);
    return at === undefined ? undefined : this.#bytes.subarray(at, at + length);
  }

  u8(): number | undefined {
    const at = this.#take(1);
    return at === undefined ? undefined : this.#view.getUint8(at);
  }

  u16(): number | undefined {
    const at = this.#take(2);
    return at === undefined ? undefined : this.#view.getUint16(at, true);
  }

  key(): Address | undefined {
    const bytes = this.bytes(32);
    return bytes === undefined ? undefined : addressOf(bytes);
  }

  /** An enum or a bool: one byte, at most `last`. */
  enum(last: number): boolean {
    const byte = this.u8();
    return byte !== undefined && byte <= last;
  }

  /** Four bytes and a prefix length of at most 32. */
  network(): boolean {
    return this.skip(4) && this.enum(32);
  }

  /** False when it is too long for the account or not UTF-8. A length that lies counts on the heap for the bytes that are there. */
  text(): boolean {
    const length = this.#u32();
    if (length === undefined) return false;
    const present = Math.min(length, this.#bytes.length - this.#offset);
    this.heapBytes += present;
    this.textBytes += present;
    const bytes = this.bytes(length);
    return bytes !== undefined && isUtf8(bytes);
  }

  /** The number of elements of `size` bytes in memory; undefined when `element` fails for one of them. */
  vector(size: number, element: () => boolean): number | undefined {
    const count = this.#u32();
    if (count === undefined) return undefined;
    let capacity = count === 0 ? 0 : Math.max(1, Math.min(count, Math.floor(MAX_RESERVED_BYTES / size)));
    this.heapBytes += capacity * size;
    for (let read = 0; read < count; read += 1) {
      if (!element()) return undefined;
      if (read < capacity) continue;
      capacity = Math.max(MIN_CAPACITY, capacity * 2);
      this.heapBytes += capacity * size;
    }
    return count;
  }

  #u32(): number | undefined {
    const at = this.#take(4);
    return at === undefined ? undefined : this.#view.getUint32(at, true);
  }

  /** The offset of the next `length` bytes; undefined, and at the end, when there are fewer. */
  #take(length: number): number | undefined {
    const at = this.#offset;
    const isThere = at + length <= this.#bytes.length;
    this.#offset = isThere ? at + length : this.#bytes.length;
    return isThere ? at : undefined;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

import { addressAt, addressBytes, type KeyMemo, ZERO_ADDRESS } from './address.ts';
import { ipv4FromNumber, ipv4ToNumber, UNSPECIFIED_IPV4, UNSPECIFIED_NETWORK } from './network.ts';
import {
  AccountDataError,
  type Address,
  type Ipv4,
  type Lamports,
  lamports,
  type Nanoseconds,
  type NetworkV4,
  nanoseconds,
  quoted,
  ServiceabilityError,
  type Slot,
  slot,
} from './units.ts';

const KEY_LENGTH = 32;
const NO_BYTES = /* @__PURE__ */ new Uint8Array();
/** Shared by all empty vectors, which most are. */
const NO_ELEMENTS: readonly never[] = [];

/**
 * Reads an account's fields in order (borsh: little-endian, u32 counts). Never throws.
 *
 * Accounts only grow at their end, so an old account is a short one. A field that does not fit reads as its default and ends the account:
 * all later fields read as their defaults, too.
 */
export class AccountReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #memo: KeyMemo | undefined;
  #offset = 0;
  #end: number;
  #cut = false;

  constructor(bytes: Uint8Array, memo?: KeyMemo) {
    this.#bytes = bytes;
    this.#memo = memo;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** True once a field did not fit. */
  get cut(): boolean {
    return this.#cut;
  }

  /** Ends the account here: every later field reads as its default. */
  cutHere(): void {
    this.#cut = true;
    this.#end = this.#offset;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  u64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigUint64(at, true);
  }

  i64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigInt64(at, true);
  }

  f64(): number {
    const at = this.#take(8);
    return at < 0 ? 0 : this.#view.getFloat64(at, true);
  }

  u128(): bigint {
    const at = this.#take(16);
    if (at < 0) return 0n;
    const high = this.#view.getBigUint64(at + 8, true);
    const low = this.#view.getBigUint64(at, true);
    return high === 0n ? low : (high << 64n) | low;
  }

  key(): Address {
    const at = this.#take(KEY_LENGTH);
    if (at < 0) return ZERO_ADDRESS;
    return this.#memo === undefined ? addressAt(this.#bytes, at) : this.#memo.addressAt(this.#bytes, at);
  }

  ipv4(): Ipv4 {
    const at = this.#take(4);
    return at < 0 ? UNSPECIFIED_IPV4 : ipv4FromNumber(this.#view.getUint32(at));
  }

  /** A prefix length above 32 is invalid: the program reads it as 0.0.0.0/0, and so does this. */
  network(): NetworkV4 {
    const at = this.#take(5);
    if (at < 0) return UNSPECIFIED_NETWORK;
    const prefixLength = this.#view.getUint8(at + 4);
    return prefixLength > 32 ? UNSPECIFIED_NETWORK : { address: ipv4FromNumber(this.#view.getUint32(at)), prefixLength };
  }

  /** UTF-8 after a u32 length in bytes; bytes that are not UTF-8 read as the empty string. */
  text(): string {
    const at = this.#takeVector(1);
    return at < 0 ? '' : decodeUtf8(this.#bytes.subarray(at, this.#offset));
  }

  /** A u32 count and that many elements of a fixed size; empty when the account is too short for them. */
  vector<T>(elementSize: number, element: () => T): readonly T[] {
    const start = this.#takeVector(elementSize);
    const end = this.#offset;
    if (start < 0 || start === end) return NO_ELEMENTS;
    this.#offset = start;
    const elements: T[] = [];
    while (this.#offset < end) elements.push(element());
    return elements;
  }

  /** A copy of the next `length` bytes; empty when there are fewer. */
  copy(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? NO_BYTES : new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  /** A copy of all bytes, read or not. */
  all(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }

  /** A reader of the next `length` bytes, which this reader skips. */
  window(length: number): AccountReader {
    const at = this.#take(length);
    return new AccountReader(at < 0 ? NO_BYTES : this.#bytes.subarray(at, at + length));
  }

  /** Skips the next `length` bytes and returns their offset; -1 when there are fewer. */
  #take(length: number): number {
    const at = this.#offset;
    if (at + length > this.#end) {
      this.cutHere();
      return -1;
    }
    this.#offset = at + length;
    return at;
  }

  /** Like #take, for a vector; -1 when the account is too short for its count. */
  #takeVector(elementSize: number): number {
    const at = this.#offset;
    const length = this.u32() * elementSize;
    if (!this.#cut && length <= this.remaining) return this.#take(length);
    this.#offset = at;
    this.cutHere();
    return -1;
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A byte. Throws ServiceabilityError for a number that it cannot hold. */
export function u8Bytes(value: number): Uint8Array {
  return new AccountWriter().u8(value).finish();
}

/** The four bytes of an address, most significant first. */
export function ipv4Bytes(address: Ipv4): Uint8Array {
  return new AccountWriter().ipv4(address).finish();
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '';
  }
}

/** Byte 0 of every account of the program. 14 is not used. */
export const AccountType = {
  none: 0,
  globalState: 1,
  globalConfig: 2,
  location: 3,
  exchange: 4,
  device: 5,
  link: 6,
  user: 7,
  multicastGroup: 8,
  programConfig: 9,
  contributor: 10,
  accessPass: 11,
  resourceExtension: 12,
  tenant: 13,
  permission: 15,
  index: 16,
  topology: 17,
  feed: 18,
} as const;

/** The name of an account type; `none` is byte 0. */
export type AccountTypeName = keyof typeof AccountType;

const NAMES: ReadonlyMap<number, AccountTypeName> = /* @__PURE__ */ (() =>
  new Map(Object.entries(AccountType).map(([name, byte]) => [byte, name as AccountTypeName])))();

/** An account's type by its first byte; `none` for empty data and for unknown bytes. */
export function accountType(data: Uint8Array): AccountTypeName {
  return NAMES.get(data[0] ?? AccountType.none) ?? 'none';
}

/** A reader positioned after the type byte. Throws AccountDataError when the data is empty or of another type. */
export function openAccount(data: Uint8Array, expected: AccountTypeName, memo?: KeyMemo): AccountReader {
  const actual = data[0];
  if (actual === undefined) throw new AccountDataError('ACCOUNT__EMPTY', { expected });
  const expectedType = AccountType[expected];
  if (actual !== expectedType) throw new AccountDataError('ACCOUNT__WRONG_TYPE', { actual, expected, expectedType });
  const reader = new AccountReader(data, memo);
  reader.u8();
  return reader;
}

const INITIAL_LENGTH = 256;
const U64_END = 1n << 64n;
const I64_END = 1n << 63n;

/**
 * Writes an account's fields in order, the counterpart of AccountReader. Throws ServiceabilityError `ENCODING__OUT_OF_RANGE` for a value
 * that its field cannot hold; values never wrap.
 */
export class AccountWriter {
  #bytes = new Uint8Array(INITIAL_LENGTH);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#checkInteger(value, 0xff, 'u8');
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    this.#checkInteger(value, 0xffff, 'u16');
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    this.#checkInteger(value, 0xffff_ffff, 'u32');
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    this.#checkBigInt(value, 0n, U64_END, 'u64');
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  i64(value: bigint): this {
    this.#checkBigInt(value, -I64_END, I64_END, 'i64');
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  u128(value: bigint): this {
    this.#checkBigInt(value, 0n, U64_END * U64_END, 'u128');
    return this.u64(value % U64_END).u64(value / U64_END);
  }

  key(value: Address): this {
    if (value !== ZERO_ADDRESS) return this.raw(addressBytes(value));
    this.#grow(32);
    return this;
  }

  ipv4(value: Ipv4): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, ipv4ToNumber(value));
    return this;
  }

  network(value: NetworkV4): this {
    if (value.prefixLength > 32) this.#refuse(value.prefixLength, 'prefix length');
    return this.ipv4(value.address).u8(value.prefixLength);
  }

  text(value: string): this {
    if (typeof value !== 'string') this.#refuse(value, 'text');
    const bytes = utf8(value);
    return this.u32(bytes.length).raw(bytes);
  }

  vector<T>(values: readonly T[], write: (value: T) => void): this {
    if (!Array.isArray(values)) this.#refuse(values, 'vector');
    this.u32(values.length);
    for (const value of values) write(value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** A copy of everything written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  #checkInteger(value: number, max: number, type: string): void {
    if (!Number.isInteger(value) || value < 0 || value > max) this.#refuse(value, type);
  }

  #checkBigInt(value: bigint, least: bigint, end: bigint, type: string): void {
    if (typeof value !== 'bigint' || value < least || value >= end) this.#refuse(value, type);
  }

  #refuse(refused: unknown, type: string): never {
    const value = typeof refused === 'number' || typeof refused === 'bigint' ? refused : quoted(refused);
    throw new ServiceabilityError('ENCODING__OUT_OF_RANGE', { value, type, offset: this.#length });
  }
}

/*
 * An account's layout, declared once: its fields in the ledger's order, each with its codec.
 *
 *   { owner: key, bumpSeed: u8, code: text, … }  ──► decodeAs ──► value
 *                                                 ──► encodeAs ──► bytes
 *                                                 ──► Fields   ──► the type of the value
 */

/** Reads and writes one field. */
export interface FieldCodec<T> {
  read(reader: AccountReader): T;
  write(writer: AccountWriter, value: T): void;
}

/** Every field of `T` in the account's order; the type requires all of them. */
export type Layout<T> = { readonly [Field in keyof T]-?: FieldCodec<T[Field]> };

/**
 * The struct of a layout: a field for each codec. A layout of layouts gives a struct of structs, which are spelled out here: editors show the name
 * and the codecs of a `Fields<…>`, but the fields of a type without a name.
 */
export type Fields<L> = {
  readonly [Field in keyof L]: L[Field] extends FieldCodec<infer T>
    ? T
    : { readonly [Inner in keyof L[Field]]: L[Field][Inner] extends FieldCodec<infer T> ? T : never };
};

type Mutable<T> = { -readonly [Field in keyof T]?: T[Field] };

/** Reads the fields of a struct in order. The type of the layout is the type of the result. */
export function readFields<T extends object>(layout: Layout<T>, reader: AccountReader): T {
  const value: Mutable<T> = {};
  for (const field of fieldsOf(layout)) value[field] = layout[field].read(reader);
  // Complete, because Layout<T> names every field of T.
  return value as T;
}

/** Writes the fields of a struct in order. */
export function writeFields<T extends object>(layout: Layout<T>, writer: AccountWriter, value: NoInfer<T>): void {
  for (const field of fieldsOf(layout)) layout[field].write(writer, value[field]);
}

export function decodeAs<T extends object>(type: AccountTypeName, layout: Layout<T>, data: Uint8Array): T {
  return readFields(layout, openAccount(data, type));
}

export function encodeAs<T extends object>(type: AccountTypeName, layout: Layout<T>, value: T): Uint8Array {
  const writer = new AccountWriter().u8(AccountType[type]);
  writeFields(layout, writer, value);
  return writer.finish();
}

function fieldsOf<T extends object>(layout: Layout<T>): readonly (keyof T)[] {
  return Object.keys(layout) as (keyof T)[];
}

export const bool: FieldCodec<boolean> = { read: (reader) => reader.u8() !== 0, write: (writer, value) => writer.u8(value ? 1 : 0) };
export const u8: FieldCodec<number> = { read: (reader) => reader.u8(), write: (writer, value) => writer.u8(value) };
export const u16: FieldCodec<number> = { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) };
export const u32: FieldCodec<number> = { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) };
export const u64: FieldCodec<bigint> = { read: (reader) => reader.u64(), write: (writer, value) => writer.u64(value) };
export const i64: FieldCodec<bigint> = { read: (reader) => reader.i64(), write: (writer, value) => writer.i64(value) };
export const f64: FieldCodec<number> = { read: (reader) => reader.f64(), write: (writer, value) => writer.f64(value) };
export const u128: FieldCodec<bigint> = { read: (reader) => reader.u128(), write: (writer, value) => writer.u128(value) };
export const key: FieldCodec<Address> = { read: (reader) => reader.key(), write: (writer, value) => writer.key(value) };
export const ipv4: FieldCodec<Ipv4> = { read: (reader) => reader.ipv4(), write: (writer, value) => writer.ipv4(value) };
export const network: FieldCodec<NetworkV4> = { read: (reader) => reader.network(), write: (writer, value) => writer.network(value) };
export const text: FieldCodec<string> = { read: (reader) => reader.text(), write: (writer, value) => writer.text(value) };
export const lamportsField: FieldCodec<Lamports> = /* @__PURE__ */ branded(lamports);
export const slotField: FieldCodec<Slot> = /* @__PURE__ */ branded(slot);
export const nanosecondsField: FieldCodec<Nanoseconds> = /* @__PURE__ */ branded(nanoseconds);

function branded<T extends bigint>(brand: (value: bigint) => T): FieldCodec<T> {
  return { read: (reader) => brand(reader.u64()), write: (writer, value) => writer.u64(value) };
}

/** A struct inside another one. */
export function struct<T extends object>(layout: Layout<T>): FieldCodec<Readonly<T>> {
  return { read: (reader) => readFields(layout, reader), write: (writer, value) => writeFields(layout, writer, value) };
}

/** A u32 count and its elements, each of `length` bytes. */
export function vector<T>(element: FieldCodec<T>, length: number): FieldCodec<readonly T[]> {
  return {
    read: (reader) => reader.vector(length, () => element.read(reader)),
    write: (writer, values) => writer.vector(values, (value) => element.write(writer, value)),
  };
}

export const keys: FieldCodec<readonly Address[]> = /* @__PURE__ */ vector(key, KEY_LENGTH);
export const networks: FieldCodec<readonly NetworkV4[]> = /* @__PURE__ */ vector(network, 5);

/** A field whose default is not zero: what the program takes for an account that is too short to hold it. */
export function absentAs<T>(value: T, codec: FieldCodec<T>): FieldCodec<T> {
  return {
    read(reader) {
      const read = codec.read(reader);
      return reader.cut ? value : read;
    },
    write: codec.write,
  };
}

/** A status byte; an account without one is activated. */
export const statusField: FieldCodec<number> = /* @__PURE__ */ absentAs(1, u8);

/** Borsh's Option: a byte, 0 or 1, and after a 1 the value. */
export function option<T>(inner: FieldCodec<T>): FieldCodec<T | undefined> {
  return {
    read(reader) {
      const tag = reader.u8();
      if (tag > 1) reader.cutHere();
      return tag === 1 ? inner.read(reader) : undefined;
    },
    write(writer, value) {
      writer.u8(value === undefined ? 0 : 1);
      if (value !== undefined) inner.write(writer, value);
    },
  };
}

import type { AccountReader } from './account-reader.ts';
import { AccountType, type AccountTypeName, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import { type Address, type Ipv4, type Lamports, lamports, type Nanoseconds, type NetworkV4, nanoseconds } from './units.ts';

/*
 * An account's layout written once, for both directions: its fields in their order on the ledger, each with its wire form.
 *
 *   { owner: key, bumpSeed: u8, code: text, … }  ──► decodeAs ──► value
 *                                                 ──► encodeAs ──► bytes
 */

/** One field's wire form. */
export interface FieldCodec<T> {
  read(reader: AccountReader): T;
  write(writer: AccountWriter, value: T): void;
}

/** Every field of `T` in the order of the account; the type makes sure that none is forgotten. */
export type Layout<T> = { readonly [Field in keyof T]-?: FieldCodec<T[Field]> };

type Mutable<T> = { -readonly [Field in keyof T]?: T[Field] };

/** Reads the fields of a struct in order. */
export function readFields<T extends object>(layout: Layout<T>, reader: AccountReader): T {
  const value: Mutable<T> = {};
  for (const field of fieldsOf(layout)) value[field] = layout[field].read(reader);
  // Complete, because Layout<T> names every field of T.
  return value as T;
}

/** Writes the fields of a struct in order. */
export function writeFields<T extends object>(layout: Layout<T>, writer: AccountWriter, value: T): void {
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

export const u8: FieldCodec<number> = { read: (reader) => reader.u8(), write: (writer, value) => writer.u8(value) };
export const u16: FieldCodec<number> = { read: (reader) => reader.u16(), write: (writer, value) => writer.u16(value) };
export const u32: FieldCodec<number> = { read: (reader) => reader.u32(), write: (writer, value) => writer.u32(value) };
export const u64: FieldCodec<bigint> = { read: (reader) => reader.u64(), write: (writer, value) => writer.u64(value) };
export const i64: FieldCodec<bigint> = { read: (reader) => reader.i64(), write: (writer, value) => writer.i64(value) };
export const f64: FieldCodec<number> = { read: (reader) => reader.f64(), write: (writer, value) => writer.f64(value) };
export const u128: FieldCodec<bigint> = { read: (reader) => reader.u128(), write: (writer, value) => writer.u128(value) };
export const key: FieldCodec<Address> = { read: (reader) => reader.key(), write: (writer, value) => writer.key(value) };
export const keys: FieldCodec<readonly Address[]> = { read: (reader) => reader.keys(), write: (writer, value) => writer.keys(value) };
export const ipv4: FieldCodec<Ipv4> = { read: (reader) => reader.ipv4(), write: (writer, value) => writer.ipv4(value) };
export const network: FieldCodec<NetworkV4> = { read: (reader) => reader.network(), write: (writer, value) => writer.network(value) };
export const text: FieldCodec<string> = { read: (reader) => reader.text(), write: (writer, value) => writer.text(value) };
export const lamportsField: FieldCodec<Lamports> = {
  read: (reader) => lamports(reader.u64()),
  write: (writer, value) => writer.u64(value),
};
export const nanosecondsField: FieldCodec<Nanoseconds> = {
  read: (reader) => nanoseconds(reader.u64()),
  write: (writer, value) => writer.u64(value),
};

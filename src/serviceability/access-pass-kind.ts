import type { AccountReader } from './account-reader.ts';
import type { AccountWriter } from './account-writer.ts';
import { type FieldCodec, i64, key, type Layout, readFields, u8, writeFields } from './layout.ts';
import type { Address } from './units.ts';

/** A seat on a feed, 52 bytes inside an AccessPass. */
export interface FeedSeat {
  readonly feedKey: Address;
  readonly maxUsers: number;
  readonly maxFutureUsers: number;
  readonly currentUsers: number;
  /** Day of the month. */
  readonly anniversaryDay: number;
  /** Unix time, seconds. */
  readonly windowEnd: bigint;
  /** Unix time, seconds. */
  readonly terminatesAt: bigint;
}

/** What an access pass is for. A tag that is not known ends what can be read of the pass: how long its form is cannot be known. */
export type AccessPassKind =
  | { readonly kind: 'prepaid' }
  | { readonly kind: 'solana-validator'; readonly key: Address }
  | { readonly kind: 'solana-rpc'; readonly key: Address }
  | { readonly kind: 'others'; readonly texts: readonly [string, string] }
  | { readonly kind: 'edge-seat'; readonly seats: readonly FeedSeat[] }
  | { readonly kind: 'unknown'; readonly tag: number };

/** Byte values of the kind's tag. */
const TAG = { prepaid: 0, 'solana-validator': 1, 'solana-rpc': 2, others: 3, 'edge-seat': 4 } as const;
const SEAT_LENGTH = 52;

const SEAT: Layout<FeedSeat> = {
  feedKey: key,
  maxUsers: u8,
  maxFutureUsers: u8,
  currentUsers: u8,
  anniversaryDay: u8,
  windowEnd: i64,
  terminatesAt: i64,
};

export const accessPassKindField: FieldCodec<AccessPassKind> = { read: readKind, write: writeKind };

function readKind(reader: AccountReader): AccessPassKind {
  const tag = reader.u8();
  switch (tag) {
    case TAG.prepaid:
      return { kind: 'prepaid' };
    case TAG['solana-validator']:
      return { kind: 'solana-validator', key: reader.key() };
    case TAG['solana-rpc']:
      return { kind: 'solana-rpc', key: reader.key() };
    case TAG.others:
      return { kind: 'others', texts: [reader.text(), reader.text()] };
    case TAG['edge-seat']:
      return { kind: 'edge-seat', seats: reader.vector(SEAT_LENGTH, () => readFields(SEAT, reader)) };
    default:
      reader.cutHere();
      return { kind: 'unknown', tag };
  }
}

function writeKind(writer: AccountWriter, kind: AccessPassKind): void {
  writer.u8(kind.kind === 'unknown' ? kind.tag : TAG[kind.kind]);
  if (kind.kind === 'solana-validator' || kind.kind === 'solana-rpc') writer.key(kind.key);
  if (kind.kind === 'others') writer.text(kind.texts[0]).text(kind.texts[1]);
  if (kind.kind === 'edge-seat') writer.vector(kind.seats, (seat) => writeFields(SEAT, writer, seat));
}

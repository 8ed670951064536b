import {
  type AccountReader,
  type AccountWriter,
  absentAs,
  decodeAs,
  encodeAs,
  type FieldCodec,
  type Fields,
  i64,
  ipv4,
  key,
  keys,
  struct,
  u8,
  u16,
  u64,
  u128,
  vector,
} from './borsh.ts';
import type { Address } from './units.ts';

/** A seat on a feed, 52 bytes inside an AccessPass. */
export interface FeedSeat extends Fields<typeof SEAT> {}

const SEAT = {
  feedKey: key,
  maxUsers: u8,
  maxFutureUsers: u8,
  currentUsers: u8,
  /** Day of the month. */
  anniversaryDay: u8,
  /** Unix time, seconds. */
  windowEnd: i64,
  /** Unix time, seconds. */
  terminatesAt: i64,
};

/** What an access pass is for. An unknown tag ends the readable part of the pass, because the length of its payload is unknown. */
export type AccessPassKind =
  | { readonly kind: 'prepaid' }
  | { readonly kind: 'solana-validator'; readonly key: Address }
  | { readonly kind: 'solana-rpc'; readonly key: Address }
  | { readonly kind: 'others'; readonly texts: readonly [string, string] }
  | { readonly kind: 'edge-seat'; readonly seats: readonly FeedSeat[] }
  | { readonly kind: 'unknown'; readonly tag: number };

/** Byte values of the kind's tag. */
const TAG = { prepaid: 0, 'solana-validator': 1, 'solana-rpc': 2, others: 3, 'edge-seat': 4 } as const;
const seats = /* @__PURE__ */ vector(struct(SEAT), 52);

const accessPassKindField: FieldCodec<AccessPassKind> = { read: readKind, write: writeKind };

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
      return { kind: 'edge-seat', seats: seats.read(reader) };
    default:
      reader.cutHere();
      return { kind: 'unknown', tag };
  }
}

function writeKind(writer: AccountWriter, kind: AccessPassKind): void {
  writer.u8(kind.kind === 'unknown' ? kind.tag : TAG[kind.kind]);
  if (kind.kind === 'solana-validator' || kind.kind === 'solana-rpc') writer.key(kind.key);
  if (kind.kind === 'others') writer.text(kind.texts[0]).text(kind.texts[1]);
  if (kind.kind === 'edge-seat') seats.write(writer, kind.seats);
}

/** Byte values of AccessPass.status; any other byte is kept as it is. The program no longer sets the last one. */
export const AccessPassStatus = { requested: 0, connected: 1, disconnected: 2, expired: 3 } as const;

/** Bits of AccessPass.flags. */
export const AccessPassFlag = { dzfLocked: 1, allowMultipleIp: 2 } as const;

/** AccessPass.last_access_epoch of a pass that never expires. */
export const UNLIMITED_EPOCH = (1n << 64n) - 1n;

const u16OrOne = /* @__PURE__ */ absentAs(1, u16);

/**
 * The AccessPass account (type 11): the permission to create users. A field that the account is too short to hold reads as zero, except the
 * two maxima: the program treats a pass without them as allowing one user of each kind.
 */
export interface AccessPass extends Fields<typeof ACCESS_PASS_LAYOUT> {}

const ACCESS_PASS_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  accessPassType: accessPassKindField,
  /** 0.0.0.0 allows any address. */
  clientIp: ipv4,
  userPayer: key,
  /** The last epoch in which the pass is valid; UNLIMITED_EPOCH if it never expires. */
  lastAccessEpoch: u64,
  connectionCount: u16,
  /** See AccessPassStatus. */
  status: u8,
  /** Multicast groups that users of this pass may send to. */
  mgroupPubAllowlist: keys,
  /** Multicast groups that users of this pass may receive. */
  mgroupSubAllowlist: keys,
  /** See AccessPassFlag. */
  flags: u8,
  tenantAllowlist: keys,
  unicastUserCount: u16,
  maxUnicastUsers: u16OrOne,
  multicastUserCount: u16,
  maxMulticastUsers: u16OrOne,
};

/** Reads an AccessPass account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeAccessPass = (data: Uint8Array): AccessPass => decodeAs('accessPass', ACCESS_PASS_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeAccessPass = (pass: AccessPass): Uint8Array => encodeAs('accessPass', ACCESS_PASS_LAYOUT, pass);

/** Byte values of Permission.status; any other byte is kept as it is. */
export const PermissionStatus = { none: 0, activated: 1, suspended: 2 } as const;

/** The Permission account (type 15): what one key may do. A field that the account is too short to hold reads as zero. */
export interface Permission extends Fields<typeof PERMISSION_LAYOUT> {}

const PERMISSION_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  /** See PermissionStatus. */
  status: u8,
  /** The key that is permitted. */
  userPayer: key,
  /** One bit a permission. */
  permissions: u128,
};

/** Reads a Permission account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodePermission = (data: Uint8Array): Permission => decodeAs('permission', PERMISSION_LAYOUT, data);

/** The account's 83 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodePermission = (permission: Permission): Uint8Array => encodeAs('permission', PERMISSION_LAYOUT, permission);

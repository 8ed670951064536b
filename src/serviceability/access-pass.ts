import { type AccessPassKind, accessPassKindField } from './access-pass-kind.ts';
import { decodeAs, encodeAs, type FieldCodec, ipv4, key, keys, type Layout, u8, u16, u64 } from './layout.ts';
import type { Address, Ipv4 } from './units.ts';

/** Byte values of AccessPass.status; any other byte is kept as it is. The last is no longer given. */
export const AccessPassStatus = { requested: 0, connected: 1, disconnected: 2, expired: 3 } as const;

/** Bits of AccessPass.flags. */
export const AccessPassFlag = { dzfLocked: 1, allowMultipleIp: 2 } as const;

/** AccessPass.last_access_epoch of a pass without an end. */
export const UNLIMITED_EPOCH = (1n << 64n) - 1n;

/**
 * The AccessPass account (type 11): the permission to create users. A field that the account is too short to hold reads as zero, but for
 * the two maxima: for the program itself a pass from before them allows one user of each kind.
 */
export interface AccessPass {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly accessPassType: AccessPassKind;
  /** 0.0.0.0 is a pass for any address. */
  readonly clientIp: Ipv4;
  readonly userPayer: Address;
  /** The last epoch in which the pass is good; UNLIMITED_EPOCH for no end. */
  readonly lastAccessEpoch: bigint;
  readonly connectionCount: number;
  /** See AccessPassStatus. */
  readonly status: number;
  /** Multicast groups that users of this pass may send to. */
  readonly mgroupPubAllowlist: readonly Address[];
  /** Multicast groups that users of this pass may receive. */
  readonly mgroupSubAllowlist: readonly Address[];
  /** See AccessPassFlag. */
  readonly flags: number;
  readonly tenantAllowlist: readonly Address[];
  readonly unicastUserCount: number;
  readonly maxUnicastUsers: number;
  readonly multicastUserCount: number;
  readonly maxMulticastUsers: number;
}

const u16OrOne: FieldCodec<number> = {
  read(reader) {
    const absent = reader.remaining < 2;
    const value = reader.u16();
    return absent ? 1 : value;
  },
  write: (writer, value) => writer.u16(value),
};

const LAYOUT: Layout<AccessPass> = {
  owner: key,
  bumpSeed: u8,
  accessPassType: accessPassKindField,
  clientIp: ipv4,
  userPayer: key,
  lastAccessEpoch: u64,
  connectionCount: u16,
  status: u8,
  mgroupPubAllowlist: keys,
  mgroupSubAllowlist: keys,
  flags: u8,
  tenantAllowlist: keys,
  unicastUserCount: u16,
  maxUnicastUsers: u16OrOne,
  multicastUserCount: u16,
  maxMulticastUsers: u16OrOne,
};

/** Reads an AccessPass account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeAccessPass(data: Uint8Array): AccessPass {
  return decodeAs('accessPass', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeAccessPass(pass: AccessPass): Uint8Array {
  return encodeAs('accessPass', LAYOUT, pass);
}

import { KeyMemo } from './address.ts';
import {
  decodeAs,
  encodeAs,
  ipv4,
  key,
  keys,
  type Layout,
  nanosecondsField,
  network,
  openAccount,
  readFields,
  slotField,
  statusField,
  u8,
  u16,
  u128,
} from './borsh.ts';
import type { Address, Ipv4, Nanoseconds, NetworkV4, Slot } from './units.ts';

/** Byte values of User.status; any other byte is kept as it is. */
export const UserStatus = {
  pending: 0,
  activated: 1,
  suspended: 2,
  deleting: 3,
  rejected: 4,
  pendingBan: 5,
  banned: 6,
  updating: 7,
  outOfCredits: 8,
} as const;

/** Byte values of User.bgp_status (RFC-19). */
export const BgpStatus = { unknown: 0, up: 1, down: 2 } as const;

/** Byte values of User.user_type. */
export const UserType = { ibrl: 0, ibrlWithAllocatedIp: 1, edgeFiltering: 2, multicast: 3 } as const;

/**
 * The User account (type 7), fields in the order of its layout. A field that the account is too short to hold reads as zero, the status as
 * activated.
 */
export interface User {
  readonly owner: Address;
  /** 0 for accounts keyed by client address: it does not identify a user. */
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly userType: number;
  /** The zero address for a user without a tenant. */
  readonly tenantPk: Address;
  readonly devicePk: Address;
  readonly cyoaType: number;
  /** The user's end of the GRE tunnel: its public address. */
  readonly clientIp: Ipv4;
  /** The user's address within DoubleZero. */
  readonly dzIp: Ipv4;
  /** The number of the switch's `Tunnel` interface; 0 for none. */
  readonly tunnelId: number;
  /** The addresses inside the tunnel, a /31: see tunnelSides. */
  readonly tunnelNet: NetworkV4;
  readonly status: number;
  /** Multicast groups that the user may send to. */
  readonly publishers: readonly Address[];
  /** Multicast groups that the user receives. */
  readonly subscribers: readonly Address[];
  readonly validatorPubkey: Address;
  /** The device's end of the tunnel; 0.0.0.0 stands for the device's public address. */
  readonly tunnelEndpoint: Ipv4;
  /** Bit 0: created as a publisher. */
  readonly tunnelFlags: number;
  /** The status that SetUserBGPStatus last reported; see BgpStatus. */
  readonly bgpStatus: number;
  /** The slot of the latest report of up, including repeated ones; 0 for never. */
  readonly lastBgpUpAt: Slot;
  /** The slot of the latest report; 0 for never. */
  readonly lastBgpReportedAt: Slot;
  /** The round-trip time of the latest report; 0 for no sample. */
  readonly bgpRttNs: Nanoseconds;
  /** Feeds for which the user has a seat. */
  readonly feedPks: readonly Address[];
}

/** A User without publishers, subscribers and feeds, in bytes. */
const EMPTY_LENGTH = 206;

/**
 * Reads a User account (type 7). Bytes after the last field are ignored.
 * Throws only AccountDataError, when the data is empty or of another type.
 */
export function decodeUser(data: Uint8Array): User {
  return decodeAs('user', USER_LAYOUT, data);
}

/**
 * A decodeUser for the many accounts of one getProgramAccounts response: faster, because it converts common keys (device, tenant, owner) to
 * base58 only once. It caches up to 256 keys; discard it after the response.
 */
export function createUserDecoder(): (data: Uint8Array) => User {
  const memo = new KeyMemo();
  return (data) => readFields(USER_LAYOUT, openAccount(data, 'user', memo));
}

const USER_LAYOUT: Layout<User> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  userType: u8,
  tenantPk: key,
  devicePk: key,
  cyoaType: u8,
  clientIp: ipv4,
  dzIp: ipv4,
  tunnelId: u16,
  tunnelNet: network,
  status: statusField,
  publishers: keys,
  subscribers: keys,
  validatorPubkey: key,
  tunnelEndpoint: ipv4,
  tunnelFlags: u8,
  bgpStatus: u8,
  lastBgpUpAt: slotField,
  lastBgpReportedAt: slotField,
  bgpRttNs: nanosecondsField,
  // A former layout had one scalar feed key here; unset, it reads as an empty list.
  feedPks: keys,
};

/** The account's bytes as the program writes them now. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeUser = (user: User): Uint8Array => encodeAs('user', USER_LAYOUT, user);

/** The length of encodeUser's output, bytes: the account's rent depends on it. */
export function encodedUserLength(user: User): number {
  return EMPTY_LENGTH + 32 * (user.publishers.length + user.subscribers.length + user.feedPks.length);
}

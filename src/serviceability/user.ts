import { KeyMemo } from './address.ts';
import {
  decodeAs,
  encodeAs,
  type Fields,
  ipv4,
  key,
  keys,
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
export interface User extends Fields<typeof USER_LAYOUT> {}

const USER_LAYOUT = {
  owner: key,
  /** 0 for accounts keyed by client address: it does not identify a user. */
  index: u128,
  bumpSeed: u8,
  userType: u8,
  /** The zero address for a user without a tenant. */
  tenantPk: key,
  devicePk: key,
  cyoaType: u8,
  /** The user's end of the GRE tunnel: its public address. */
  clientIp: ipv4,
  /** The user's address within DoubleZero. */
  dzIp: ipv4,
  /** The number of the switch's `Tunnel` interface; 0 for none. */
  tunnelId: u16,
  /** The addresses inside the tunnel, a /31: see tunnelSides. */
  tunnelNet: network,
  status: statusField,
  /** Multicast groups that the user may send to. */
  publishers: keys,
  /** Multicast groups that the user receives. */
  subscribers: keys,
  validatorPubkey: key,
  /** The device's end of the tunnel; 0.0.0.0 stands for the device's public address. */
  tunnelEndpoint: ipv4,
  /** Bit 0: created as a publisher. */
  tunnelFlags: u8,
  /** The status that SetUserBGPStatus last reported; see BgpStatus. */
  bgpStatus: u8,
  /** The slot of the latest report of up, including repeated ones; 0 for never. */
  lastBgpUpAt: slotField,
  /** The slot of the latest report; 0 for never. */
  lastBgpReportedAt: slotField,
  /** The round-trip time of the latest report; 0 for no sample. */
  bgpRttNs: nanosecondsField,
  // A former layout had one scalar feed key here; unset, it reads as an empty list.
  /** Feeds for which the user has a seat. */
  feedPks: keys,
};

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

/** The account's bytes as the program writes them now. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeUser = (user: User): Uint8Array => encodeAs('user', USER_LAYOUT, user);

/** The length of encodeUser's output, bytes: the account's rent depends on it. */
export function encodedUserLength(user: User): number {
  return EMPTY_LENGTH + 32 * (user.publishers.length + user.subscribers.length + user.feedPks.length);
}

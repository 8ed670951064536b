import { KeyMemo } from './address.ts';
import { type AccountReader, AccountType, AccountWriter, openAccount } from './borsh.ts';
import { type Address, type Ipv4, type Nanoseconds, type NetworkV4, nanoseconds, type Slot, slot } from './units.ts';

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

/** The User account (type 7), fields in the order of its layout. A field that the account is too short to hold reads as zero. */
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
 * Reads a User account (type 7). Fields that an older account is too short for read as zero; bytes after the last field are ignored.
 * Throws only AccountDataError, when the data is empty or of another type.
 */
export function decodeUser(data: Uint8Array): User {
  return readUser(openAccount(data, 'user'));
}

/**
 * A decodeUser for the many accounts of one getProgramAccounts response: faster, because it converts common keys (device, tenant, owner) to
 * base58 only once. It caches up to 256 keys; discard it after the response.
 */
export function createUserDecoder(): (data: Uint8Array) => User {
  const memo = new KeyMemo();
  return (data) => readUser(openAccount(data, 'user', memo));
}

function readUser(reader: AccountReader): User {
  return {
    owner: reader.key(),
    index: reader.u128(),
    bumpSeed: reader.u8(),
    userType: reader.u8(),
    tenantPk: reader.key(),
    devicePk: reader.key(),
    cyoaType: reader.u8(),
    clientIp: reader.ipv4(),
    dzIp: reader.ipv4(),
    tunnelId: reader.u16(),
    tunnelNet: reader.network(),
    status: reader.u8(),
    publishers: reader.keys(),
    subscribers: reader.keys(),
    validatorPubkey: reader.key(),
    tunnelEndpoint: reader.ipv4(),
    tunnelFlags: reader.u8(),
    bgpStatus: reader.u8(),
    lastBgpUpAt: slot(reader.u64()),
    lastBgpReportedAt: slot(reader.u64()),
    bgpRttNs: nanoseconds(reader.u64()),
    // A former layout had one scalar feed key here; unset, it reads as an empty list.
    feedPks: reader.keys(),
  };
}

/** The account's bytes as the program writes them now. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeUser(user: User): Uint8Array {
  return new AccountWriter()
    .u8(AccountType.user)
    .key(user.owner)
    .u128(user.index)
    .u8(user.bumpSeed)
    .u8(user.userType)
    .key(user.tenantPk)
    .key(user.devicePk)
    .u8(user.cyoaType)
    .ipv4(user.clientIp)
    .ipv4(user.dzIp)
    .u16(user.tunnelId)
    .network(user.tunnelNet)
    .u8(user.status)
    .keys(user.publishers)
    .keys(user.subscribers)
    .key(user.validatorPubkey)
    .ipv4(user.tunnelEndpoint)
    .u8(user.tunnelFlags)
    .u8(user.bgpStatus)
    .u64(user.lastBgpUpAt)
    .u64(user.lastBgpReportedAt)
    .u64(user.bgpRttNs)
    .keys(user.feedPks)
    .finish();
}

/** The length of encodeUser's output, bytes: the account's rent depends on it. */
export function encodedUserLength(user: User): number {
  return EMPTY_LENGTH + 32 * (user.publishers.length + user.subscribers.length + user.feedPks.length);
}

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
  /** 0 for accounts keyed by client address, so it identifies nobody. */
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly userType: number;
  /** The zero address for a user without a tenant. */
  readonly tenantPk: Address;
  readonly devicePk: Address;
  readonly cyoaType: number;
  /** The user's end of the GRE tunnel, on the internet. */
  readonly clientIp: Ipv4;
  /** The address under which the user is known in DoubleZero. */
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
  /** What was last reported by SetUserBGPStatus; see BgpStatus. */
  readonly bgpStatus: number;
  /** The slot of the latest report of up, repeated ones included; 0 for never. */
  readonly lastBgpUpAt: Slot;
  /** The slot of the latest report; 0 for never. */
  readonly lastBgpReportedAt: Slot;
  /** The round-trip time that came with the latest report; 0 for no sample. */
  readonly bgpRttNs: Nanoseconds;
  /** Feeds that the user has a seat for. */
  readonly feedPks: readonly Address[];
}

/** A User without publishers, subscribers and feeds, in bytes. */
const EMPTY_LENGTH = 206;

/**
 * Reads a User account (type 7). Fields that an older account is too short for read as zero; bytes after the last field are ignored.
 * Throws AccountDataError, and nothing else, when the data is empty or of another type.
 */
export function decodeUser(data: Uint8Array): User {
  return readUser(openAccount(data, 'user'));
}

/**
 * A decodeUser for many accounts, as the answer to one getProgramAccounts: twice as fast, because the text of keys that they have in common
 * (device, tenant, owner) is made once. It remembers up to 256 keys, so let it go with the answer.
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
    // A former layout held one scalar feed key here; unset, it reads as no feeds.
    feedPks: reader.keys(),
  };
}

/** The account's bytes as the program writes them today. Throws ServiceabilityError for a value that its field cannot hold. */
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

/** How many bytes encodeUser gives: what the account's rent is for. */
export function encodedUserLength(user: User): number {
  return EMPTY_LENGTH + 32 * (user.publishers.length + user.subscribers.length + user.feedPks.length);
}

import type { AccountReader } from './account-reader.ts';
import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import { KeyMemo } from './key-memo.ts';
import { nanoseconds, slot } from './units.ts';
import type { User } from './user.ts';

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

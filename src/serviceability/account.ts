import { type AccessPass, decodeAccessPass, decodePermission, encodeAccessPass, encodePermission, type Permission } from './access.ts';
import {
  type Contributor,
  decodeContributor,
  decodeExchange,
  decodeFeed,
  decodeIndexEntry,
  decodeLink,
  decodeLocation,
  decodeMulticastGroup,
  decodeTenant,
  decodeTopology,
  type Exchange,
  encodeContributor,
  encodeExchange,
  encodeFeed,
  encodeIndexEntry,
  encodeLink,
  encodeLocation,
  encodeMulticastGroup,
  encodeTenant,
  encodeTopology,
  type Feed,
  type IndexEntry,
  type Link,
  type Location,
  type MulticastGroup,
  type Tenant,
  type Topology,
} from './accounts.ts';
import { accountType } from './borsh.ts';
import { type Device, decodeDevice, encodeDevice } from './device.ts';
import {
  decodeGlobalConfig,
  decodeGlobalState,
  decodeProgramConfig,
  decodeResourceExtension,
  encodeGlobalConfig,
  encodeGlobalState,
  encodeProgramConfig,
  encodeResourceExtension,
  type GlobalConfig,
  type GlobalState,
  type ProgramConfig,
  type ResourceExtension,
} from './program-accounts.ts';
import { AccountDataError } from './units.ts';
import { decodeUser, encodeUser, type User } from './user.ts';

/** The value of each type of account. */
export interface AccountValues {
  readonly globalState: GlobalState;
  readonly globalConfig: GlobalConfig;
  readonly location: Location;
  readonly exchange: Exchange;
  readonly device: Device;
  readonly link: Link;
  readonly user: User;
  readonly multicastGroup: MulticastGroup;
  readonly programConfig: ProgramConfig;
  readonly contributor: Contributor;
  readonly accessPass: AccessPass;
  readonly resourceExtension: ResourceExtension;
  readonly tenant: Tenant;
  readonly permission: Permission;
  readonly index: IndexEntry;
  readonly topology: Topology;
  readonly feed: Feed;
}

/** Where an account's bytes differ from the encoding of its value. */
export interface UnreadBytes {
  /** The first byte that differs, from 0. */
  readonly offset: number;
  /** The account's bytes from there on: empty for an older, shorter account; a newer program's fields for a longer one. */
  readonly bytes: Uint8Array;
}

/** An account of a known type. */
export interface KnownAccount<Type extends keyof AccountValues> {
  readonly type: Type;
  readonly value: AccountValues[Type];
  /** Absent when the value encodes to the same bytes. */
  readonly unread?: UnreadBytes;
}

/** An account of a type that this SDK does not know, or that the program refuses to read: all its bytes, including the type byte. */
export interface UnknownAccount {
  readonly type: 'unknown';
  readonly data: Uint8Array;
}

/** Any account of the program. */
export type Account = { readonly [Type in keyof AccountValues]: KnownAccount<Type> }[keyof AccountValues] | UnknownAccount;

type Codec<T> = readonly [decode: (data: Uint8Array) => T, encode: (value: T) => Uint8Array];

const CODECS: { readonly [Type in keyof AccountValues]: Codec<AccountValues[Type]> } = {
  globalState: [decodeGlobalState, encodeGlobalState],
  globalConfig: [decodeGlobalConfig, encodeGlobalConfig],
  location: [decodeLocation, encodeLocation],
  exchange: [decodeExchange, encodeExchange],
  device: [decodeDevice, encodeDevice],
  link: [decodeLink, encodeLink],
  user: [decodeUser, encodeUser],
  multicastGroup: [decodeMulticastGroup, encodeMulticastGroup],
  programConfig: [decodeProgramConfig, encodeProgramConfig],
  contributor: [decodeContributor, encodeContributor],
  accessPass: [decodeAccessPass, encodeAccessPass],
  resourceExtension: [decodeResourceExtension, encodeResourceExtension],
  tenant: [decodeTenant, encodeTenant],
  permission: [decodePermission, encodePermission],
  index: [decodeIndexEntry, encodeIndexEntry],
  topology: [decodeTopology, encodeTopology],
  feed: [decodeFeed, encodeFeed],
};

/**
 * Decodes an account of any type without loss: encodeAccount returns the same bytes, whatever the account's age, version and state.
 * Throws only AccountDataError `ACCOUNT__EMPTY`, when there are no bytes.
 */
export function decodeAccount(data: Uint8Array): Account {
  const type = accountType(data);
  if (data.length === 0) throw new AccountDataError('ACCOUNT__EMPTY', { expected: 'serviceability' });
  try {
    if (type !== 'none') return decodeKnown(type, data);
  } catch (error) {
    if (!(error instanceof AccountDataError)) throw error;
  }
  return { type: 'unknown', data: new Uint8Array(data) };
}

/**
 * The account's bytes, at the account's own length. To write a value in the current layout with all its fields, use the encoder of its type.
 * Throws ServiceabilityError for a value that its field cannot hold.
 */
export function encodeAccount(account: Account): Uint8Array {
  return account.type === 'unknown' ? new Uint8Array(account.data) : encodeKnown(account);
}

function decodeKnown<Type extends keyof AccountValues>(type: Type, data: Uint8Array): Account {
  const [decode, encode]: Codec<AccountValues[Type]> = CODECS[type];
  const value = decode(data);
  const offset = firstDifference(data, encode(value));
  const known: KnownAccount<Type> = offset === undefined ? { type, value } : { type, value, unread: { offset, bytes: data.slice(offset) } };
  return known as Account;
}

function encodeKnown<Type extends keyof AccountValues>({ type, value, unread }: KnownAccount<Type>): Uint8Array {
  const [, encode]: Codec<AccountValues[Type]> = CODECS[type];
  const bytes = encode(value);
  return unread === undefined ? bytes : Uint8Array.of(...bytes.subarray(0, unread.offset), ...unread.bytes);
}

/** The first offset at which the bytes differ; undefined when they are equal. */
function firstDifference(data: Uint8Array, encoded: Uint8Array): number | undefined {
  let offset = 0;
  while (offset < data.length && data[offset] === encoded[offset]) offset++;
  return offset === data.length && offset === encoded.length ? undefined : offset;
}

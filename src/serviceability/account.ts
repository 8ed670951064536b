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

/** An account of a type that this SDK does not know: all its bytes, including the type byte. */
export interface UnknownAccount {
  readonly type: 'unknown';
  readonly data: Uint8Array;
}

/** Any account of the program. */
export type Account = { readonly [Type in keyof AccountValues]: KnownAccount<Type> }[keyof AccountValues] | UnknownAccount;

interface Codec<Type extends keyof AccountValues> {
  decode(data: Uint8Array): KnownAccount<Type>;
  encode(account: KnownAccount<Type>): Uint8Array;
}

const CODECS: { readonly [Type in keyof AccountValues]: Codec<Type> } = /* @__PURE__ */ makeCodecs();

/**
 * Decodes an account of any type without loss: encodeAccount returns the same bytes, whatever the account's age, version and state.
 * Throws only AccountDataError `ACCOUNT__EMPTY`, when there are no bytes.
 */
export function decodeAccount(data: Uint8Array): Account {
  const type = accountType(data);
  if (type !== 'none') return CODECS[type].decode(data);
  if (data.length === 0) throw new AccountDataError('ACCOUNT__EMPTY', { expected: 'serviceability' });
  return { type: 'unknown', data: new Uint8Array(data) };
}

/**
 * The account's bytes, at the account's own length. To write a value in the current layout with all its fields, use the encoder of its type.
 * Throws ServiceabilityError for a value that its field cannot hold.
 */
export function encodeAccount(account: Account): Uint8Array {
  return account.type === 'unknown' ? new Uint8Array(account.data) : encodeKnown(account);
}

function encodeKnown<Type extends keyof AccountValues>(account: KnownAccount<Type>): Uint8Array {
  return CODECS[account.type].encode(account);
}

function makeCodecs(): { readonly [Type in keyof AccountValues]: Codec<Type> } {
  return {
    globalState: codec('globalState', decodeGlobalState, encodeGlobalState),
    globalConfig: codec('globalConfig', decodeGlobalConfig, encodeGlobalConfig),
    location: codec('location', decodeLocation, encodeLocation),
    exchange: codec('exchange', decodeExchange, encodeExchange),
    device: codec('device', decodeDevice, encodeDevice),
    link: codec('link', decodeLink, encodeLink),
    user: codec('user', decodeUser, encodeUser),
    multicastGroup: codec('multicastGroup', decodeMulticastGroup, encodeMulticastGroup),
    programConfig: codec('programConfig', decodeProgramConfig, encodeProgramConfig),
    contributor: codec('contributor', decodeContributor, encodeContributor),
    accessPass: codec('accessPass', decodeAccessPass, encodeAccessPass),
    resourceExtension: codec('resourceExtension', decodeResourceExtension, encodeResourceExtension),
    tenant: codec('tenant', decodeTenant, encodeTenant),
    permission: codec('permission', decodePermission, encodePermission),
    index: codec('index', decodeIndexEntry, encodeIndexEntry),
    topology: codec('topology', decodeTopology, encodeTopology),
    feed: codec('feed', decodeFeed, encodeFeed),
  };
}

function codec<Type extends keyof AccountValues>(
  type: Type,
  decode: (data: Uint8Array) => AccountValues[Type],
  encode: (value: AccountValues[Type]) => Uint8Array,
): Codec<Type> {
  return {
    decode(data) {
      const value = decode(data);
      const offset = agreement(data, encode(value));
      return offset === undefined ? { type, value } : { type, value, unread: { offset, bytes: data.slice(offset) } };
    },
    encode({ value, unread }) {
      const bytes = encode(value);
      return unread === undefined ? bytes : concatenate(bytes.subarray(0, unread.offset), unread.bytes);
    },
  };
}

/** How many leading bytes are equal; undefined when all are. */
function agreement(data: Uint8Array, encoded: Uint8Array): number | undefined {
  let length = 0;
  while (length < data.length && data[length] === encoded[length]) length++;
  return length === data.length && length === encoded.length ? undefined : length;
}

function concatenate(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

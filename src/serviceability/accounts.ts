import {
  type AccountReader,
  type AccountWriter,
  absentAs,
  accountType,
  bool,
  decodeAs,
  encodeAs,
  type FieldCodec,
  type Fields,
  f64,
  i64,
  ipv4,
  key,
  keys,
  nanosecondsField,
  network,
  statusField,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  u128,
  vector,
} from './borsh.ts';
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
import { AccountDataError, type Address } from './units.ts';
import { decodeUser, encodeUser, type User } from './user.ts';

/*
 * The accounts of which a network has many, except users (user.ts) and devices (device.ts). At the end, an account of any type.
 */

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

/** Byte values of an access pass's kind. */
const PASS_TAG = { prepaid: 0, 'solana-validator': 1, 'solana-rpc': 2, others: 3, 'edge-seat': 4 } as const;
const seats = /* @__PURE__ */ vector(/* @__PURE__ */ struct(SEAT), 52);

const passKind: FieldCodec<AccessPassKind> = { read: readPassKind, write: writePassKind };

function readPassKind(reader: AccountReader): AccessPassKind {
  const tag = reader.u8();
  switch (tag) {
    case PASS_TAG.prepaid:
      return { kind: 'prepaid' };
    case PASS_TAG['solana-validator']:
      return { kind: 'solana-validator', key: reader.key() };
    case PASS_TAG['solana-rpc']:
      return { kind: 'solana-rpc', key: reader.key() };
    case PASS_TAG.others:
      return { kind: 'others', texts: [reader.text(), reader.text()] };
    case PASS_TAG['edge-seat']:
      return { kind: 'edge-seat', seats: seats.read(reader) };
    default:
      reader.cutHere();
      return { kind: 'unknown', tag };
  }
}

function writePassKind(writer: AccountWriter, kind: AccessPassKind): void {
  writer.u8(kind.kind === 'unknown' ? kind.tag : PASS_TAG[kind.kind]);
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

const oneUserIfAbsent = /* @__PURE__ */ absentAs(1, u16);

/**
 * The AccessPass account (type 11): the permission to create users. A field that the account is too short to hold reads as zero, except the
 * two maxima: the program treats a pass without them as allowing one user of each kind.
 */
export interface AccessPass extends Fields<typeof ACCESS_PASS_LAYOUT> {}

const ACCESS_PASS_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  accessPassType: passKind,
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
  maxUnicastUsers: oneUserIfAbsent,
  multicastUserCount: u16,
  maxMulticastUsers: oneUserIfAbsent,
};

/** Reads an AccessPass account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeAccessPass = (data: Uint8Array): AccessPass => decodeAs('accessPass', ACCESS_PASS_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeAccessPass = (pass: AccessPass): Uint8Array => encodeAs('accessPass', ACCESS_PASS_LAYOUT, pass);

/** Byte values of Contributor.status; any other byte is kept as it is. */
export const ContributorStatus = { none: 0, activated: 1, suspended: 2, deleting: 3 } as const;

/** The Contributor account (type 10): an organization that contributes devices and links. A field that the account is too short to hold reads as zero. */
export interface Contributor extends Fields<typeof CONTRIBUTOR_LAYOUT> {}

const CONTRIBUTOR_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  /** See ContributorStatus. */
  status: u8,
  code: text,
  referenceCount: u32,
  opsManagerPk: key,
};

/** Reads a Contributor account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeContributor = (data: Uint8Array): Contributor => decodeAs('contributor', CONTRIBUTOR_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeContributor = (contributor: Contributor): Uint8Array => encodeAs('contributor', CONTRIBUTOR_LAYOUT, contributor);

/** The Exchange account (type 4): a metro where devices interconnect. A field that the account is too short to hold reads as zero, a status as activated. */
export interface Exchange extends Fields<typeof EXCHANGE_LAYOUT> {}

const EXCHANGE_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  /** Degrees north. */
  lat: f64,
  /** Degrees east. */
  lng: f64,
  /** The second half of the BGP community that marks this metro's routes. */
  bgpCommunity: u16,
  /** Not used by the program. */
  unused: u16,
  /** See PlaceStatus. */
  status: statusField,
  code: text,
  name: text,
  referenceCount: u32,
  device1Pk: key,
  device2Pk: key,
};

/** Reads an Exchange account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeExchange = (data: Uint8Array): Exchange => decodeAs('exchange', EXCHANGE_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeExchange = (exchange: Exchange): Uint8Array => encodeAs('exchange', EXCHANGE_LAYOUT, exchange);

/** The Feed account (type 18): multicast groups sold as seats. A field that the account is too short to hold reads as zero. */
export interface Feed extends Fields<typeof FEED_LAYOUT> {}

const FEED_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  code: text,
  name: text,
  /** The Exchange account of its metro. */
  exchange: key,
  /** MulticastGroup accounts. */
  groups: keys,
};

/** Reads a Feed account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeFeed = (data: Uint8Array): Feed => decodeAs('feed', FEED_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeFeed = (feed: Feed): Uint8Array => encodeAs('feed', FEED_LAYOUT, feed);

/** The Index account (type 16): maps a code to the account that has it. A field that the account is too short to hold reads as zero. */
export interface IndexEntry extends Fields<typeof INDEX_ENTRY_LAYOUT> {}

const INDEX_ENTRY_LAYOUT = {
  /** The account with this key. */
  pk: key,
  /** That account's type: see AccountType. */
  entityAccountType: u8,
  /** In lower case. */
  key: text,
  bumpSeed: u8,
};

/** Reads an Index account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeIndexEntry = (data: Uint8Array): IndexEntry => decodeAs('index', INDEX_ENTRY_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeIndexEntry = (entry: IndexEntry): Uint8Array => encodeAs('index', INDEX_ENTRY_LAYOUT, entry);

/** Byte values of Link.link_type (Link account layout); any other byte is kept as it is. */
export const LinkType = { wan: 1, dzx: 127 } as const;

/** Byte values of Link.status (2 is retired); any other byte is kept as it is. */
export const LinkStatus = {
  pending: 0,
  activated: 1,
  deleting: 3,
  rejected: 4,
  requested: 5,
  hardDrained: 6,
  softDrained: 7,
  provisioning: 8,
} as const;

/** Bits of Link.link_flags. */
export const LinkFlag = { unicastDrained: 1 } as const;

/** The program's defaults: a WAN link, whose health is pending. */
const oneIfAbsent = /* @__PURE__ */ absentAs(1, u8);

/**
 * The Link account (type 6): a circuit between two devices. A field that the account is too short to hold reads as zero, but for the program's
 * defaults: status activated, type WAN, health pending.
 */
export interface Link extends Fields<typeof LINK_LAYOUT> {}

const LINK_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  sideAPk: key,
  sideZPk: key,
  /** See LinkType. */
  linkType: oneIfAbsent,
  /** Bits a second. */
  bandwidth: u64,
  /** Bytes. */
  mtu: u32,
  delayNs: nanosecondsField,
  jitterNs: nanosecondsField,
  tunnelId: u16,
  tunnelNet: network,
  /** See LinkStatus. */
  status: statusField,
  code: text,
  contributorPk: key,
  sideAIfaceName: text,
  sideZIfaceName: text,
  /** Replaces the measured delay unless it is 0. */
  delayOverrideNs: nanosecondsField,
  /** See linkHealthName. */
  linkHealth: oneIfAbsent,
  /** See linkDesiredStatusName. */
  desiredStatus: u8,
  linkTopologies: keys,
  /** See LinkFlag. */
  linkFlags: u32,
};

/** Reads a Link account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeLink = (data: Uint8Array): Link => decodeAs('link', LINK_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeLink = (link: Link): Uint8Array => encodeAs('link', LINK_LAYOUT, link);

/** Byte values of Location.status and Exchange.status; any other byte is kept as it is. */
export const PlaceStatus = { pending: 0, activated: 1, suspended: 2 } as const;

/** The Location account (type 3): a data center. A field that the account is too short to hold reads as zero, a status as activated. */
export interface Location extends Fields<typeof LOCATION_LAYOUT> {}

const LOCATION_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  /** Degrees north. */
  lat: f64,
  /** Degrees east. */
  lng: f64,
  locId: u32,
  /** See PlaceStatus. */
  status: statusField,
  code: text,
  name: text,
  /** Two letters. */
  country: text,
  referenceCount: u32,
};

/** Reads a Location account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeLocation = (data: Uint8Array): Location => decodeAs('location', LOCATION_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeLocation = (location: Location): Uint8Array => encodeAs('location', LOCATION_LAYOUT, location);

/** Byte values of MulticastGroup.status; any other byte is kept as it is. */
export const MulticastGroupStatus = { pending: 0, activated: 1, suspended: 2, deleting: 3, rejected: 4 } as const;

/** The MulticastGroup account (type 8). A field that the account is too short to hold reads as zero, a status as activated. */
export interface MulticastGroup extends Fields<typeof MULTICAST_GROUP_LAYOUT> {}

const MULTICAST_GROUP_LAYOUT = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  /** The zero address for a group without a tenant. */
  tenantPk: key,
  multicastIp: ipv4,
  /** Bits a second. */
  maxBandwidth: u64,
  /** See MulticastGroupStatus. */
  status: statusField,
  code: text,
  publisherCount: u32,
  subscriberCount: u32,
};

/** Reads a MulticastGroup account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeMulticastGroup = (data: Uint8Array): MulticastGroup => decodeAs('multicastGroup', MULTICAST_GROUP_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeMulticastGroup = (group: MulticastGroup): Uint8Array => encodeAs('multicastGroup', MULTICAST_GROUP_LAYOUT, group);

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

/** How a tenant pays. Kind 0 is a flat rate per epoch; the layout of other kinds is unknown, and their fields read as zero. */
export interface TenantBilling {
  readonly kind: number;
  readonly rate: bigint;
  readonly lastDeductionDzEpoch: bigint;
}

const FLAT_PER_EPOCH = 0;

const billing: FieldCodec<TenantBilling> = {
  read(reader) {
    const kind = reader.u8();
    // The length of another kind is unknown, so the next field cannot be found either.
    if (kind !== FLAT_PER_EPOCH) reader.cutHere();
    return { kind, rate: reader.u64(), lastDeductionDzEpoch: reader.u64() };
  },
  write: (writer, { kind, rate, lastDeductionDzEpoch }) => writer.u8(kind).u64(rate).u64(lastDeductionDzEpoch),
};

/** The Tenant account (type 13). A field that the account is too short to hold reads as zero. */
export interface Tenant extends Fields<typeof TENANT_LAYOUT> {}

const TENANT_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  code: text,
  /** Unicast users of the tenant are in the switch's VRF `vrf<vrfId>`. */
  vrfId: u16,
  referenceCount: u32,
  administrators: keys,
  paymentStatus: u8,
  tokenAccount: key,
  metroRouting: bool,
  routeLiveness: bool,
  billing,
  includeTopologies: keys,
};

/** Reads a Tenant account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeTenant = (data: Uint8Array): Tenant => decodeAs('tenant', TENANT_LAYOUT, data);

/** The account's bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeTenant = (tenant: Tenant): Uint8Array => encodeAs('tenant', TENANT_LAYOUT, tenant);

/** Byte values of Topology.constraint; any other byte is kept as it is. */
export const TopologyConstraint = { includeAny: 0, exclude: 1 } as const;

/** The Topology account (type 17): a flexible algorithm over links with one admin-group bit. A field that the account is too short to hold reads as zero. */
export interface Topology extends Fields<typeof TOPOLOGY_LAYOUT> {}

const TOPOLOGY_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  name: text,
  /** The bit that marks the links. */
  adminGroupBit: u8,
  /** 128 plus the bit. */
  flexAlgoNumber: u8,
  /** See TopologyConstraint. */
  constraint: u8,
  referenceCount: u32,
};

/** Reads a Topology account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeTopology = (data: Uint8Array): Topology => decodeAs('topology', TOPOLOGY_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeTopology = (topology: Topology): Uint8Array => encodeAs('topology', TOPOLOGY_LAYOUT, topology);

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

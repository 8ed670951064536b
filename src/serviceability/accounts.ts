import {
  absentAs,
  bool,
  decodeAs,
  encodeAs,
  type FieldCodec,
  f64,
  ipv4,
  key,
  keys,
  type Layout,
  nanosecondsField,
  network,
  statusField,
  text,
  u8,
  u16,
  u32,
  u64,
  u128,
} from './borsh.ts';
import type { Address, Ipv4, Nanoseconds, NetworkV4 } from './units.ts';

/** Byte values of Contributor.status; any other byte is kept as it is. */
export const ContributorStatus = { none: 0, activated: 1, suspended: 2, deleting: 3 } as const;

/** The Contributor account (type 10): an organization that contributes devices and links. A field that the account is too short to hold reads as zero. */
export interface Contributor {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** See ContributorStatus. */
  readonly status: number;
  readonly code: string;
  readonly referenceCount: number;
  readonly opsManagerPk: Address;
}

const CONTRIBUTOR_LAYOUT: Layout<Contributor> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
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
export interface Exchange {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** Degrees north. */
  readonly lat: number;
  /** Degrees east. */
  readonly lng: number;
  /** The second half of the BGP community that marks this metro's routes. */
  readonly bgpCommunity: number;
  /** Not used by the program. */
  readonly unused: number;
  /** See PlaceStatus. */
  readonly status: number;
  readonly code: string;
  readonly name: string;
  readonly referenceCount: number;
  readonly device1Pk: Address;
  readonly device2Pk: Address;
}

const EXCHANGE_LAYOUT: Layout<Exchange> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  lat: f64,
  lng: f64,
  bgpCommunity: u16,
  unused: u16,
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
export interface Feed {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly code: string;
  readonly name: string;
  /** The Exchange account of its metro. */
  readonly exchange: Address;
  /** MulticastGroup accounts. */
  readonly groups: readonly Address[];
}

const FEED_LAYOUT: Layout<Feed> = { owner: key, bumpSeed: u8, code: text, name: text, exchange: key, groups: keys };

/** Reads a Feed account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeFeed = (data: Uint8Array): Feed => decodeAs('feed', FEED_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeFeed = (feed: Feed): Uint8Array => encodeAs('feed', FEED_LAYOUT, feed);

/** The Index account (type 16): maps a code to the account that has it. A field that the account is too short to hold reads as zero. */
export interface IndexEntry {
  /** The account with this key. */
  readonly pk: Address;
  /** That account's type: see AccountType. */
  readonly entityAccountType: number;
  /** In lower case. */
  readonly key: string;
  readonly bumpSeed: number;
}

const INDEX_ENTRY_LAYOUT: Layout<IndexEntry> = { pk: key, entityAccountType: u8, key: text, bumpSeed: u8 };

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

/**
 * The Link account (type 6): a circuit between two devices. A field that the account is too short to hold reads as zero, but for the program's
 * defaults: status activated, type WAN, health pending.
 */
export interface Link {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly sideAPk: Address;
  readonly sideZPk: Address;
  /** See LinkType. */
  readonly linkType: number;
  /** Bits a second. */
  readonly bandwidth: bigint;
  /** Bytes. */
  readonly mtu: number;
  readonly delayNs: Nanoseconds;
  readonly jitterNs: Nanoseconds;
  readonly tunnelId: number;
  readonly tunnelNet: NetworkV4;
  /** See LinkStatus. */
  readonly status: number;
  readonly code: string;
  readonly contributorPk: Address;
  readonly sideAIfaceName: string;
  readonly sideZIfaceName: string;
  /** Replaces the measured delay unless it is 0. */
  readonly delayOverrideNs: Nanoseconds;
  /** See linkHealthName. */
  readonly linkHealth: number;
  /** See linkDesiredStatusName. */
  readonly desiredStatus: number;
  readonly linkTopologies: readonly Address[];
  /** See LinkFlag. */
  readonly linkFlags: number;
}

/** The program's defaults: a WAN link, whose health is pending. */
const oneIfAbsent = /* @__PURE__ */ absentAs(1, u8);

const LINK_LAYOUT: Layout<Link> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  sideAPk: key,
  sideZPk: key,
  linkType: oneIfAbsent,
  bandwidth: u64,
  mtu: u32,
  delayNs: nanosecondsField,
  jitterNs: nanosecondsField,
  tunnelId: u16,
  tunnelNet: network,
  status: statusField,
  code: text,
  contributorPk: key,
  sideAIfaceName: text,
  sideZIfaceName: text,
  delayOverrideNs: nanosecondsField,
  linkHealth: oneIfAbsent,
  desiredStatus: u8,
  linkTopologies: keys,
  linkFlags: u32,
};

/** Reads a Link account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeLink = (data: Uint8Array): Link => decodeAs('link', LINK_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeLink = (link: Link): Uint8Array => encodeAs('link', LINK_LAYOUT, link);

/** Byte values of Location.status and Exchange.status; any other byte is kept as it is. */
export const PlaceStatus = { pending: 0, activated: 1, suspended: 2 } as const;

/** The Location account (type 3): a data center. A field that the account is too short to hold reads as zero, a status as activated. */
export interface Location {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** Degrees north. */
  readonly lat: number;
  /** Degrees east. */
  readonly lng: number;
  readonly locId: number;
  /** See PlaceStatus. */
  readonly status: number;
  readonly code: string;
  readonly name: string;
  /** Two letters. */
  readonly country: string;
  readonly referenceCount: number;
}

const LOCATION_LAYOUT: Layout<Location> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  lat: f64,
  lng: f64,
  locId: u32,
  status: statusField,
  code: text,
  name: text,
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
export interface MulticastGroup {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** The zero address for a group without a tenant. */
  readonly tenantPk: Address;
  readonly multicastIp: Ipv4;
  /** Bits a second. */
  readonly maxBandwidth: bigint;
  /** See MulticastGroupStatus. */
  readonly status: number;
  readonly code: string;
  readonly publisherCount: number;
  readonly subscriberCount: number;
}

const MULTICAST_GROUP_LAYOUT: Layout<MulticastGroup> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  tenantPk: key,
  multicastIp: ipv4,
  maxBandwidth: u64,
  status: statusField,
  code: text,
  publisherCount: u32,
  subscriberCount: u32,
};

/** Reads a MulticastGroup account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeMulticastGroup = (data: Uint8Array): MulticastGroup => decodeAs('multicastGroup', MULTICAST_GROUP_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeMulticastGroup = (group: MulticastGroup): Uint8Array => encodeAs('multicastGroup', MULTICAST_GROUP_LAYOUT, group);

/** How a tenant pays. Kind 0 is a flat rate per epoch; the layout of other kinds is unknown, and their fields read as zero. */
export interface TenantBilling {
  readonly kind: number;
  readonly rate: bigint;
  readonly lastDeductionDzEpoch: bigint;
}

/** The Tenant account (type 13). A field that the account is too short to hold reads as zero. */
export interface Tenant {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly code: string;
  /** Unicast users of the tenant are in the switch's VRF `vrf<vrfId>`. */
  readonly vrfId: number;
  readonly referenceCount: number;
  readonly administrators: readonly Address[];
  readonly paymentStatus: number;
  readonly tokenAccount: Address;
  readonly metroRouting: boolean;
  readonly routeLiveness: boolean;
  readonly billing: TenantBilling;
  readonly includeTopologies: readonly Address[];
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

const TENANT_LAYOUT: Layout<Tenant> = {
  owner: key,
  bumpSeed: u8,
  code: text,
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
export interface Topology {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly name: string;
  /** The bit that marks the links. */
  readonly adminGroupBit: number;
  /** 128 plus the bit. */
  readonly flexAlgoNumber: number;
  /** See TopologyConstraint. */
  readonly constraint: number;
  readonly referenceCount: number;
}

const TOPOLOGY_LAYOUT: Layout<Topology> = {
  owner: key,
  bumpSeed: u8,
  name: text,
  adminGroupBit: u8,
  flexAlgoNumber: u8,
  constraint: u8,
  referenceCount: u32,
};

/** Reads a Topology account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeTopology = (data: Uint8Array): Topology => decodeAs('topology', TOPOLOGY_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeTopology = (topology: Topology): Uint8Array => encodeAs('topology', TOPOLOGY_LAYOUT, topology);

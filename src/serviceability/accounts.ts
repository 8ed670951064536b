import {
  absentAs,
  bool,
  decodeAs,
  encodeAs,
  type FieldCodec,
  type Fields,
  f64,
  ipv4,
  key,
  keys,
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

import fc from 'fast-check';
import {
  type Address,
  addressOf,
  type DeprecatedInterface,
  type Device,
  type DeviceInterface,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  type KnownInterface,
  type NetworkV4,
  nanoseconds,
  parseNetworkV4,
  slot,
  type User,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { unicodeText } from '../support/unicode-text.ts';

/** The key whose 32 bytes are all `byte`. */
export const keyOf = (byte: number): Address => addressOf(new Uint8Array(32).fill(byte));

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s+/g, ''), 'hex'));

/** A user as CreateUser leaves it: activated, tunnel 507, BGP status unknown. */
export const aUser = (changes: Partial<User> = {}): User => ({
  owner: keyOf(1),
  index: 0n,
  bumpSeed: 255,
  userType: 0,
  tenantPk: ZERO_ADDRESS,
  devicePk: keyOf(2),
  cyoaType: 1,
  clientIp: ipv4('203.0.114.7'),
  dzIp: ipv4('203.0.114.7'),
  tunnelId: 507,
  tunnelNet: parseNetworkV4('169.254.0.14/31'),
  status: 1,
  publishers: [],
  subscribers: [],
  validatorPubkey: ZERO_ADDRESS,
  tunnelEndpoint: ipv4('0.0.0.0'),
  tunnelFlags: 0,
  bgpStatus: 0,
  lastBgpUpAt: slot(0),
  lastBgpReportedAt: slot(0),
  bgpRttNs: nanoseconds(0),
  feedPks: [],
  ...changes,
});

/** What every field reads as when the account ends before it. */
export const emptyUser: User = aUser({
  owner: ZERO_ADDRESS,
  bumpSeed: 0,
  devicePk: ZERO_ADDRESS,
  cyoaType: 0,
  clientIp: ipv4('0.0.0.0'),
  dzIp: ipv4('0.0.0.0'),
  tunnelId: 0,
  tunnelNet: parseNetworkV4('0.0.0.0/0'),
  status: 1,
});

/** A device as CreateDevice leaves it: no interfaces yet. */
export const aDevice = (changes: Partial<Device> = {}): Device => ({
  owner: keyOf(1),
  index: 7n,
  bumpSeed: 254,
  locationPk: keyOf(2),
  exchangePk: keyOf(3),
  deviceType: 0,
  publicIp: ipv4('203.0.114.1'),
  status: 1,
  code: 'la2r-dz01',
  dzPrefixes: [parseNetworkV4('203.0.114.128/25')],
  metricsPublisherPk: keyOf(4),
  contributorPk: keyOf(5),
  mgmtVrf: 'mgmt',
  deprecatedInterfaces: [],
  referenceCount: 1,
  usersCount: 2,
  maxUsers: 128,
  deviceHealth: 3,
  desiredStatus: 1,
  unicastUsersCount: 3,
  multicastSubscribersCount: 4,
  maxUnicastUsers: 5,
  maxMulticastSubscribers: 6,
  reservedSeats: 7,
  multicastPublishersCount: 8,
  maxMulticastPublishers: 9,
  interfaces: [],
  ...changes,
});

export const emptyDevice: Device = {
  owner: ZERO_ADDRESS,
  index: 0n,
  bumpSeed: 0,
  locationPk: ZERO_ADDRESS,
  exchangePk: ZERO_ADDRESS,
  deviceType: 0,
  publicIp: ipv4('0.0.0.0'),
  status: 1,
  code: '',
  dzPrefixes: [],
  metricsPublisherPk: ZERO_ADDRESS,
  contributorPk: ZERO_ADDRESS,
  mgmtVrf: '',
  deprecatedInterfaces: [],
  referenceCount: 0,
  usersCount: 0,
  maxUsers: 0,
  deviceHealth: 1,
  desiredStatus: 0,
  unicastUsersCount: 0,
  multicastSubscribersCount: 0,
  maxUnicastUsers: 0,
  maxMulticastSubscribers: 0,
  reservedSeats: 0,
  multicastPublishersCount: 0,
  maxMulticastPublishers: 0,
  interfaces: [],
};

/** A physical interface of the layout that the program writes today. */
export const anInterface = (changes: Partial<KnownInterface> = {}): KnownInterface => ({
  kind: 'known',
  status: 3,
  name: 'Ethernet1',
  interfaceType: 2,
  cyoa: 1,
  dia: 1,
  loopbackType: 0,
  bandwidth: 10_000_000_000n,
  cir: 1_000_000_000n,
  mtu: 9216,
  routingMode: 1,
  vlanId: 100,
  ipNet: parseNetworkV4('203.0.114.1/31'),
  nodeSegmentIdx: 12,
  userTunnelEndpoint: true,
  flexAlgoNodeSegments: [],
  surplus: new Uint8Array(),
  ...changes,
});

export const someByte = fc.integer({ min: 0, max: 0xff });
export const someU16 = fc.integer({ min: 0, max: 0xffff });
export const someU32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const someU64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
export const someU128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
export const someText = unicodeText({ maxLength: 12 });
export const someKeyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
export const someKey: fc.Arbitrary<Address> = fc.oneof(someKeyBytes.map(addressOf), fc.constant(ZERO_ADDRESS));
export const someKeys = fc.array(someKey, { maxLength: 4 });
export const someIpv4: fc.Arbitrary<Ipv4> = someU32.map(ipv4FromNumber);
export const someNetwork: fc.Arbitrary<NetworkV4> = fc.record({
  address: someIpv4,
  prefixLength: fc.integer({ min: 0, max: 32 }),
});

export const someUser: fc.Arbitrary<User> = fc.record({
  owner: someKey,
  index: someU128,
  bumpSeed: someByte,
  userType: someByte,
  tenantPk: someKey,
  devicePk: someKey,
  cyoaType: someByte,
  clientIp: someIpv4,
  dzIp: someIpv4,
  tunnelId: someU16,
  tunnelNet: someNetwork,
  status: someByte,
  publishers: someKeys,
  subscribers: someKeys,
  validatorPubkey: someKey,
  tunnelEndpoint: someIpv4,
  tunnelFlags: someByte,
  bgpStatus: someByte,
  lastBgpUpAt: someU64.map(slot),
  lastBgpReportedAt: someU64.map(slot),
  bgpRttNs: someU64.map(nanoseconds),
  feedPks: someKeys,
});

const basicFields = {
  status: someByte,
  name: someText,
  interfaceType: someByte,
  loopbackType: someByte,
  vlanId: someU16,
  ipNet: someNetwork,
  nodeSegmentIdx: someU16,
  userTunnelEndpoint: fc.boolean(),
};
const fullFields = {
  ...basicFields,
  cyoa: someByte,
  dia: someByte,
  bandwidth: someU64,
  cir: someU64,
  mtu: someU16,
  routingMode: someByte,
};
const someSegments = fc.array(fc.record({ topology: someKey, nodeSegmentIdx: someU16 }), { maxLength: 3 });

export const someDeprecatedInterface: fc.Arbitrary<DeprecatedInterface> = fc.oneof(
  fc.record({ layout: fc.constant(0 as const), ...basicFields }),
  fc.record({ layout: fc.constantFrom(1 as const, 2 as const), ...fullFields }),
  fc.record({ layout: fc.constant(3 as const), ...fullFields, flexAlgoNodeSegments: someSegments }),
);

export const someInterface: fc.Arbitrary<DeviceInterface> = fc.oneof(
  fc.record({
    kind: fc.constant('known' as const),
    ...fullFields,
    flexAlgoNodeSegments: someSegments,
    surplus: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant('unknown' as const),
    version: someByte.filter((version) => version !== 4),
    body: fc.uint8Array({ maxLength: 70 }),
  }),
);

export const someDevice: fc.Arbitrary<Device> = fc.record({
  owner: someKey,
  index: someU128,
  bumpSeed: someByte,
  locationPk: someKey,
  exchangePk: someKey,
  deviceType: someByte,
  publicIp: someIpv4,
  status: someByte,
  code: someText,
  dzPrefixes: fc.array(someNetwork, { maxLength: 3 }),
  metricsPublisherPk: someKey,
  contributorPk: someKey,
  mgmtVrf: someText,
  deprecatedInterfaces: fc.array(someDeprecatedInterface, { maxLength: 3 }),
  referenceCount: someU32,
  usersCount: someU16,
  maxUsers: someU16,
  deviceHealth: someByte,
  desiredStatus: someByte,
  unicastUsersCount: someU16,
  multicastSubscribersCount: someU16,
  maxUnicastUsers: someU16,
  maxMulticastSubscribers: someU16,
  reservedSeats: someU16,
  multicastPublishersCount: someU16,
  maxMulticastPublishers: someU16,
  interfaces: fc.array(someInterface, { maxLength: 3 }),
});

/**
 * Checks that a truncated account reads as the whole one up to some field, and as the defaults from there on: no field is ever made of the
 * first bytes of another.
 */
export function isPrefixOf(read: object, whole: object, defaults: object): boolean {
  const values = (from: object): string[] => Object.values(from).map(asText);
  const [actual, full, missing] = [values(read), values(whole), values(defaults)];
  let from = 0;
  while (from < full.length && actual[from] === full[from]) from++;
  return actual.slice(from).every((value, index) => value === missing[from + index]);
}

/** JSON with the keys of every object in order, so that equal values have equal texts. */
const asText = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });

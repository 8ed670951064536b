import fc from 'fast-check';
import {
  type AccessPassKind,
  type AccountValues,
  type FeedSeat,
  lamports,
  nanoseconds,
  type ResourceAllocator,
} from '../../src/serviceability/index.ts';
import {
  someByte,
  someDevice,
  someIpv4,
  someKey,
  someKeys,
  someNetwork,
  someText,
  someU16,
  someU32,
  someU64,
  someU128,
  someUser,
} from './builders.ts';

const someI64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
const someLamports = someU64.map(lamports);
const someNanoseconds = someU64.map(nanoseconds);
const someVersion = fc.record({ major: someU32, minor: someU32, patch: someU32 });

const someSeat: fc.Arbitrary<FeedSeat> = fc.record({
  feedKey: someKey,
  maxUsers: someByte,
  maxFutureUsers: someByte,
  currentUsers: someByte,
  anniversaryDay: someByte,
  windowEnd: someI64,
  terminatesAt: someI64,
});

const somePassKind: fc.Arbitrary<AccessPassKind> = fc.oneof(
  fc.constant({ kind: 'prepaid' as const }),
  fc.record({ kind: fc.constantFrom('solana-validator' as const, 'solana-rpc' as const), key: someKey }),
  fc.record({ kind: fc.constant('others' as const), texts: fc.tuple(someText, someText) }),
  fc.record({ kind: fc.constant('edge-seat' as const), seats: fc.array(someSeat, { maxLength: 3 }) }),
);

const someAllocator: fc.Arbitrary<ResourceAllocator> = fc.oneof(
  fc.record({ kind: fc.constant('addresses' as const), baseNet: someNetwork, firstFreeIndex: someU64 }),
  fc.record({ kind: fc.constant('ids' as const), rangeStart: someU16, rangeEnd: someU16, firstFreeIndex: someU64 }),
);

const indexed = { owner: someKey, index: someU128, bumpSeed: someByte };
const owned = { owner: someKey, bumpSeed: someByte };

/** Any value of each type of account. */
export const someAccount: { readonly [Type in keyof AccountValues]: fc.Arbitrary<AccountValues[Type]> } = {
  user: someUser,
  device: someDevice,
  tenant: fc.record({
    ...owned,
    code: someText,
    vrfId: someU16,
    referenceCount: someU32,
    administrators: someKeys,
    paymentStatus: someByte,
    tokenAccount: someKey,
    metroRouting: fc.boolean(),
    routeLiveness: fc.boolean(),
    billing: fc.record({ kind: fc.constant(0), rate: someU64, lastDeductionDzEpoch: someU64 }),
    includeTopologies: someKeys,
  }),
  globalConfig: fc.record({
    ...owned,
    localAsn: someU32,
    remoteAsn: someU32,
    deviceTunnelBlock: someNetwork,
    userTunnelBlock: someNetwork,
    multicastGroupBlock: someNetwork,
    nextBgpCommunity: someU16,
    multicastPublisherBlock: someNetwork,
  }),
  programConfig: fc.record({ bumpSeed: someByte, version: someVersion, minCompatibleVersion: someVersion }),
  globalState: fc.record({
    bumpSeed: someByte,
    accountIndex: someU128,
    foundationAllowlist: someKeys,
    deviceAllowlist: someKeys,
    userAllowlist: someKeys,
    activatorAuthorityPk: someKey,
    sentinelAuthorityPk: someKey,
    contributorAirdropLamports: someLamports,
    userAirdropLamports: someLamports,
    healthOraclePk: someKey,
    qaAllowlist: someKeys,
    featureFlags: someU128,
    feedAuthorityPk: someKey,
  }),
  accessPass: fc.record({
    ...owned,
    accessPassType: somePassKind,
    clientIp: someIpv4,
    userPayer: someKey,
    lastAccessEpoch: someU64,
    connectionCount: someU16,
    status: someByte,
    mgroupPubAllowlist: someKeys,
    mgroupSubAllowlist: someKeys,
    flags: someByte,
    tenantAllowlist: someKeys,
    unicastUserCount: someU16,
    maxUnicastUsers: someU16,
    multicastUserCount: someU16,
    maxMulticastUsers: someU16,
  }),
  link: fc.record({
    ...indexed,
    sideAPk: someKey,
    sideZPk: someKey,
    linkType: someByte,
    bandwidth: someU64,
    mtu: someU32,
    delayNs: someNanoseconds,
    jitterNs: someNanoseconds,
    tunnelId: someU16,
    tunnelNet: someNetwork,
    status: someByte,
    code: someText,
    contributorPk: someKey,
    sideAIfaceName: someText,
    sideZIfaceName: someText,
    delayOverrideNs: someNanoseconds,
    linkHealth: someByte,
    desiredStatus: someByte,
    linkTopologies: someKeys,
    linkFlags: someU32,
  }),
  contributor: fc.record({ ...indexed, status: someByte, code: someText, referenceCount: someU32, opsManagerPk: someKey }),
  location: fc.record({
    ...indexed,
    lat: fc.double(),
    lng: fc.double(),
    locId: someU32,
    status: someByte,
    code: someText,
    name: someText,
    country: someText,
    referenceCount: someU32,
  }),
  exchange: fc.record({
    ...indexed,
    lat: fc.double(),
    lng: fc.double(),
    bgpCommunity: someU16,
    unused: someU16,
    status: someByte,
    code: someText,
    name: someText,
    referenceCount: someU32,
    device1Pk: someKey,
    device2Pk: someKey,
  }),
  multicastGroup: fc.record({
    ...indexed,
    tenantPk: someKey,
    multicastIp: someIpv4,
    maxBandwidth: someU64,
    status: someByte,
    code: someText,
    publisherCount: someU32,
    subscriberCount: someU32,
  }),
  resourceExtension: fc.record({ ...owned, associatedWith: someKey, allocator: someAllocator, bitmap: fc.uint8Array({ maxLength: 64 }) }),
  permission: fc.record({ ...owned, status: someByte, userPayer: someKey, permissions: someU128 }),
  index: fc.record({ pk: someKey, entityAccountType: someByte, key: someText, bumpSeed: someByte }),
  topology: fc.record({
    ...owned,
    name: someText,
    adminGroupBit: someByte,
    flexAlgoNumber: someByte,
    constraint: someByte,
    referenceCount: someU32,
  }),
  feed: fc.record({ ...owned, code: someText, name: someText, exchange: someKey, groups: someKeys }),
};

export const ACCOUNT_TYPES = Object.keys(someAccount) as readonly (keyof AccountValues)[];

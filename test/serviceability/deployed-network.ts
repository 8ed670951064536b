import { newTenant } from '../../localnet/ledger/factories.ts';
import {
  type AccessPass,
  type Address,
  accessPassAddress,
  type Device,
  encodeAccessPass,
  encodeDevice,
  encodeGlobalConfig,
  encodeGlobalState,
  encodeLink,
  encodeMulticastGroup,
  encodeResourceExtension,
  encodeTenant,
  encodeUser,
  findNetwork,
  globalConfigAddress,
  globalStateAddress,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  type Link,
  lamports,
  type MulticastGroup,
  type NetworkV4,
  nanoseconds,
  parseNetworkV4,
  type ResourcePool,
  resourceExtensionAddress,
  UNLIMITED_EPOCH,
  type User,
  UserType,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { type NetworkAccounts, readNetworkAccounts } from '../../src/serviceability/rfc11/index.ts';
import { aDevice, anInterface, aUser, keyOf } from './builders.ts';

export const PROGRAM: Address = findNetwork('localnet')?.programId ?? ZERO_ADDRESS;
export const FRA: Address = keyOf(1);
export const AMS: Address = keyOf(2);
export const FOUNDATION: Address = keyOf(3);
export const OWNER: Address = keyOf(4);
export const TENANT: Address = keyOf(5);
const BLOCKS = {
  deviceTunnelBlock: parseNetworkV4('172.16.0.0/16'),
  userTunnelBlock: parseNetworkV4('169.254.0.0/16'),
  multicastGroupBlock: parseNetworkV4('233.84.178.0/24'),
  multicastPublisherBlock: parseNetworkV4('198.19.248.0/24'),
} as const;

/** A user number from 0 up: its account, and the values that the deployed program would give it. */
export const userKey = (n: number): Address => keyOf(50 + n);
const user = (n: number, devicePk: Address, change: Partial<User> = {}): User => ({
  ...aUser(),
  owner: OWNER,
  userType: UserType.ibrl,
  tenantPk: TENANT,
  devicePk,
  clientIp: ipv4(`198.18.0.${n + 1}`),
  dzIp: ipv4(`198.18.0.${n + 1}`),
  tunnelId: 500 + n,
  tunnelNet: parseNetworkV4(`169.254.0.${2 * n}/31`),
  status: 1,
  publishers: [],
  subscribers: [],
  feedPks: [],
  ...change,
});

const device = (code: string, prefix: string, segment: number, loopback: string): Device => {
  const iface = anInterface({
    name: 'Loopback255',
    interfaceType: 1,
    loopbackType: 1,
    ipNet: parseNetworkV4(loopback),
    nodeSegmentIdx: segment,
    flexAlgoNodeSegments: [],
    status: 3,
  });
  const { kind: _kind, flexAlgoNodeSegments: _segments, surplus: _surplus, ...fields } = iface;
  return aDevice({ code, dzPrefixes: [parseNetworkV4(prefix)], deprecatedInterfaces: [{ layout: 2, ...fields }], interfaces: [iface] });
};

export const LINK: Address = keyOf(10);
export const GROUP: Address = keyOf(11);

export interface DeployedNetwork {
  readonly devices: Map<Address, Device>;
  readonly users: Map<Address, User>;
  readonly links: Map<Address, Link>;
  readonly groups: Map<Address, MulticastGroup>;
  /** Client address of each access pass; all are the owner's. */
  readonly passes: Ipv4[];
  /** Bits by pool, changed on top of what the entities hold: true for taken. */
  readonly bits: { readonly pool: ResourcePool; readonly value: number | Ipv4; readonly taken: boolean }[];
  readonly withoutPools: Set<ResourcePool['kind']>;
}

/** A network as the deployed program keeps it: two devices with a loopback each, five users, a link and a group. Every bit is right. */
export function deployedNetwork(): DeployedNetwork {
  return {
    devices: new Map([
      [FRA, device('fra1', '198.19.1.0/29', 1, '172.16.0.4/32')],
      [AMS, device('ams1', '198.19.2.0/24', 2, '172.16.0.5/32')],
    ]),
    users: new Map([
      [userKey(0), user(0, FRA)],
      [userKey(1), user(1, FRA, { userType: UserType.ibrlWithAllocatedIp, dzIp: ipv4('198.19.1.3') })],
      [userKey(2), user(2, AMS, { userType: UserType.multicast, dzIp: ipv4('198.19.248.9') })],
      [userKey(3), user(3, AMS)],
      [userKey(4), user(4, AMS, { status: 6, tunnelId: 0, tunnelNet: parseNetworkV4('0.0.0.0/0'), dzIp: ipv4('0.0.0.0') })],
    ]),
    links: new Map([
      [
        LINK,
        {
          owner: OWNER,
          index: 1n,
          bumpSeed: 255,
          sideAPk: FRA,
          sideZPk: AMS,
          linkType: 1,
          bandwidth: 10n,
          mtu: 9_000,
          delayNs: nanoseconds(1),
          jitterNs: nanoseconds(1),
          tunnelId: 0,
          tunnelNet: parseNetworkV4('172.16.0.0/31'),
          status: 1,
          code: 'fra1:ams1',
          contributorPk: keyOf(12),
          sideAIfaceName: 'Ethernet1',
          sideZIfaceName: 'Ethernet2',
          delayOverrideNs: nanoseconds(0),
          linkHealth: 2,
          desiredStatus: 1,
          linkTopologies: [],
          linkFlags: 0,
        },
      ],
    ]),
    groups: new Map([
      [
        GROUP,
        {
          owner: FOUNDATION,
          index: 2n,
          bumpSeed: 255,
          tenantPk: ZERO_ADDRESS,
          multicastIp: ipv4('233.84.178.7'),
          maxBandwidth: 1n,
          status: 1,
          code: 'g7',
          publisherCount: 0,
          subscriberCount: 0,
        },
      ],
    ]),
    passes: [ipv4('0.0.0.0')],
    bits: [],
    withoutPools: new Set(),
  };
}

/** The network's accounts as a node has them, with the pools of the deployed program. */
export function accountsOf(network: DeployedNetwork): ReadonlyMap<Address, Uint8Array> {
  const accounts = new Map<Address, Uint8Array>();
  accounts.set(
    globalConfigAddress(PROGRAM).address,
    encodeGlobalConfig({ owner: FOUNDATION, bumpSeed: 1, localAsn: 1, remoteAsn: 2, ...BLOCKS, nextBgpCommunity: 10_000 }),
  );
  accounts.set(
    globalStateAddress(PROGRAM).address,
    encodeGlobalState({
      bumpSeed: 1,
      accountIndex: 9n,
      foundationAllowlist: [FOUNDATION],
      deviceAllowlist: [],
      userAllowlist: [],
      activatorAuthorityPk: ZERO_ADDRESS,
      sentinelAuthorityPk: ZERO_ADDRESS,
      contributorAirdropLamports: lamports(0n),
      userAirdropLamports: lamports(0n),
      healthOraclePk: ZERO_ADDRESS,
      qaAllowlist: [],
      featureFlags: 0n,
      feedAuthorityPk: ZERO_ADDRESS,
    }),
  );
  accounts.set(TENANT, encodeTenant(newTenant({ code: 't1', vrfId: 1, bumpSeed: 255, owner: FOUNDATION })));
  for (const clientIp of network.passes)
    accounts.set(accessPassAddress(PROGRAM, clientIp, OWNER).address, encodeAccessPass(pass(clientIp)));
  for (const [key, value] of network.devices) accounts.set(key, encodeDevice(value));
  for (const [key, value] of network.users) accounts.set(key, encodeUser(value));
  for (const [key, value] of network.links) accounts.set(key, encodeLink(value));
  for (const [key, value] of network.groups) accounts.set(key, encodeMulticastGroup(value));
  for (const [key, data] of poolsOf(network)) accounts.set(key, data);
  return accounts;
}

/** The network as `resources` reads it. */
export const read = (network: DeployedNetwork): NetworkAccounts => readNetworkAccounts(PROGRAM, accountsOf(network));

const pass = (clientIp: Ipv4): AccessPass => ({
  owner: FOUNDATION,
  bumpSeed: 255,
  accessPassType: { kind: 'prepaid' },
  clientIp,
  userPayer: OWNER,
  lastAccessEpoch: UNLIMITED_EPOCH,
  connectionCount: 0,
  status: 1,
  mgroupPubAllowlist: [],
  mgroupSubAllowlist: [],
  flags: 0,
  tenantAllowlist: [],
  unicastUserCount: 0,
  maxUnicastUsers: 100,
  multicastUserCount: 0,
  maxMulticastUsers: 100,
});

/** What stands in the entities, as the deployed program sets it: written here once more, so that the audit is compared with something else. */
function* poolsOf(network: DeployedNetwork): Generator<readonly [Address, Uint8Array]> {
  const taken = new Map<string, Set<number>>();
  const hold = (pool: ResourcePool, ...values: readonly number[]): void => {
    const key = JSON.stringify(pool, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const set = taken.get(key) ?? new Set();
    taken.set(key, set);
    for (const value of values) set.add(value);
  };
  const [tunnelIds, prefixBlock] = [
    (dev: Address): ResourcePool => ({ kind: 'tunnelids', device: dev, index: 0n }),
    (dev: Address): ResourcePool => ({ kind: 'dzprefixblock', device: dev, index: 0n }),
  ];
  const number = (address: Ipv4): number => ipv4ToNumber(address);
  for (const { devicePk, tunnelNet, tunnelId, dzIp, clientIp } of network.users.values()) {
    if (tunnelId === 0) continue;
    hold({ kind: 'usertunnelblock' }, number(tunnelNet.address), number(tunnelNet.address) + 1);
    hold(tunnelIds(devicePk), tunnelId);
    if (dzIp.startsWith('198.19.248.')) hold({ kind: 'multicastpublisherblock' }, number(dzIp));
    else if (dzIp !== clientIp) hold(prefixBlock(devicePk), number(dzIp));
  }
  for (const { tunnelNet, tunnelId } of network.links.values()) {
    hold({ kind: 'devicetunnelblock' }, number(tunnelNet.address), number(tunnelNet.address) + 1);
    hold({ kind: 'linkids' }, tunnelId);
  }
  for (const [key, { dzPrefixes, interfaces }] of network.devices) {
    for (const prefix of dzPrefixes) hold(prefixBlock(key), number(prefix.address));
    for (const each of interfaces) {
      if (each.kind !== 'known') continue;
      hold({ kind: 'devicetunnelblock' }, number(each.ipNet.address));
      hold({ kind: 'segmentroutingids' }, each.nodeSegmentIdx);
    }
  }
  for (const { multicastIp } of network.groups.values()) hold({ kind: 'multicastgroupblock' }, number(multicastIp));
  hold({ kind: 'vrfids' }, 1);

  const encode = (pool: ResourcePool, range: NetworkV4 | readonly [number, number]): readonly [Address, Uint8Array] => {
    const key = JSON.stringify(pool, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const base = 'address' in range ? ipv4ToNumber(range.address) : range[0];
    const size = 'address' in range ? 2 ** (32 - range.prefixLength) : range[1] - range[0];
    const bitmap = new Uint8Array(Math.ceil(size / 64) * 8);
    const values = new Set(taken.get(key) ?? []);
    for (const change of network.bits) {
      if (JSON.stringify(change.pool, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) !== key) continue;
      const value = typeof change.value === 'number' ? change.value : ipv4ToNumber(change.value);
      if (change.taken) values.add(value);
      else values.delete(value);
    }
    for (const value of values) {
      const bit = value - base;
      bitmap[bit >>> 3] = (bitmap[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
    const { address, bump } = resourceExtensionAddress(PROGRAM, pool);
    const allocator =
      'address' in range
        ? ({ kind: 'addresses', baseNet: range, firstFreeIndex: 0n } as const)
        : ({ kind: 'ids', rangeStart: range[0], rangeEnd: range[1], firstFreeIndex: 0n } as const);
    const associatedWith = 'device' in pool ? pool.device : ZERO_ADDRESS;
    return [address, encodeResourceExtension({ owner: FOUNDATION, bumpSeed: bump, associatedWith, allocator, bitmap })];
  };
  const all: (readonly [ResourcePool, NetworkV4 | readonly [number, number]])[] = [
    [{ kind: 'devicetunnelblock' }, BLOCKS.deviceTunnelBlock],
    [{ kind: 'usertunnelblock' }, BLOCKS.userTunnelBlock],
    [{ kind: 'multicastgroupblock' }, BLOCKS.multicastGroupBlock],
    [{ kind: 'multicastpublisherblock' }, BLOCKS.multicastPublisherBlock],
    [{ kind: 'linkids' }, [0, 65_535]],
    [{ kind: 'segmentroutingids' }, [1, 65_535]],
    [{ kind: 'vrfids' }, [1, 1_024]],
    [{ kind: 'admingroupbits' }, [1, 127]],
  ];
  for (const [key, { dzPrefixes }] of network.devices) {
    all.push([tunnelIds(key), [500, 4_596]]);
    for (const prefix of dzPrefixes) all.push([prefixBlock(key), prefix]);
  }
  for (const [pool, range] of all) if (!network.withoutPools.has(pool.kind)) yield encode(pool, range);
}

/** Address number `n` of a block. */
export const addressIn = (base: string, n: number): Ipv4 => ipv4FromNumber(ipv4ToNumber(ipv4(base)) + n);

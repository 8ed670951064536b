import { beforeEach, expect, test } from 'vitest';
import { createLocalLedger, type LocalLedger } from '../../../localnet/ledger/index.ts';
import {
  AccessPassStatus,
  type Address,
  accessPassAddress,
  allocatedAddresses,
  allocatedIds,
  contributorAddress,
  currentInterfaces,
  decodeAccessPass,
  decodeContributor,
  decodeExchange,
  decodeGlobalState,
  decodeLink,
  decodeLocation,
  decodeMulticastGroup,
  decodeProgramConfig,
  decodeResourceExtension,
  encodeLink,
  encodeMulticastGroup,
  exchangeAddress,
  formatProgramVersion,
  globalStateAddress,
  ipv4,
  locationAddress,
  parseNetworkV4,
  programConfigAddress,
  type ResourcePool,
  resourceExtensionAddress,
  UserType,
  validateUser,
} from '../../../src/serviceability/index.ts';
import { createTestClock, existing } from './ledger-fixture.ts';

const PUBLISHER = 'HNbMWX6MBzWoTthuTqeWP2gZChM6zJNUDQu8Lvv1VMzv' as Address;
const GROUP = 'EVRho3sYyUQcfPdtnBmW1vT7cDPgF5kRg9mkYBs4zmAj' as Address;

let ledger: LocalLedger;
let device: Address;
beforeEach(() => {
  ledger = createLocalLedger({ program: 'deployed', clock: createTestClock(), random: () => 0.5 });
  device = ledger.admin.createDevice({ metricsPublisher: PUBLISHER, dzPrefixes: [parseNetworkV4('198.19.64.0/24')] });
});

const dataOf = (address: Address, from = ledger): Uint8Array => existing(from.bank.account(address)).data;
const pool = (which: ResourcePool, from = ledger) =>
  decodeResourceExtension(dataOf(resourceExtensionAddress(from.programId, which).address, from));
const taken = (from = ledger) => ({
  nets: allocatedAddresses(pool({ kind: 'usertunnelblock' }, from)),
  ids: allocatedIds(pool({ kind: 'tunnelids', device, index: 0n }, from)),
  prefix: allocatedAddresses(pool({ kind: 'dzprefixblock', device, index: 0n }, from)),
  publishers: allocatedAddresses(pool({ kind: 'multicastpublisherblock' }, from)),
  vrfs: allocatedIds(pool({ kind: 'vrfids' }, from)),
});
const counts = () => {
  const found = existing(ledger.admin.device(device));
  return {
    references: found.referenceCount,
    users: found.usersCount,
    unicast: found.unicastUsersCount,
    subscribers: found.multicastSubscribersCount,
    publishers: found.multicastPublishersCount,
  };
};

test('a network is as deployed: places, a contributor, ten kinds of pools, and clients from 0.30.0 on', () => {
  const { programId } = ledger;
  const { minCompatibleVersion } = decodeProgramConfig(dataOf(programConfigAddress(programId).address));
  expect(formatProgramVersion(minCompatibleVersion)).toBe('0.30.0');
  const { locationPk, exchangePk, contributorPk, index } = existing(ledger.admin.device(device));
  expect([locationPk, exchangePk, contributorPk]).toEqual([
    locationAddress(programId, 1n).address,
    exchangeAddress(programId, 2n).address,
    contributorAddress(programId, 3n).address,
  ]);
  expect(decodeLocation(dataOf(locationPk))).toMatchObject({ status: 1, referenceCount: 1 });
  expect(decodeExchange(dataOf(exchangePk))).toMatchObject({ status: 1, referenceCount: 1, device1Pk: device, bgpCommunity: 10_000 });
  expect(decodeContributor(dataOf(contributorPk))).toMatchObject({ status: 1, referenceCount: 1 });
  expect(decodeGlobalState(dataOf(globalStateAddress(programId).address)).accountIndex).toBe(index);
  const pools: readonly ResourcePool[] = [
    { kind: 'devicetunnelblock' },
    { kind: 'usertunnelblock' },
    { kind: 'multicastgroupblock' },
    { kind: 'multicastpublisherblock' },
    { kind: 'dzprefixblock', device, index: 0n },
    { kind: 'tunnelids', device, index: 0n },
    { kind: 'linkids' },
    { kind: 'segmentroutingids' },
    { kind: 'vrfids' },
    { kind: 'admingroupbits' },
  ];
  expect(pools.map((one) => pool(one).allocator.kind)).toEqual([
    ...Array.from({ length: 5 }, () => 'addresses'),
    ...Array.from({ length: 5 }, () => 'ids'),
  ]);
  expect(pool({ kind: 'tunnelids', device, index: 0n })).toMatchObject({
    associatedWith: device,
    allocator: { rangeStart: 500, rangeEnd: 4_596 },
  });
});

test('users take their resources from the pools, and give them back', () => {
  const tenant = ledger.admin.createTenant({ code: 'acme' });
  const unicast = ledger.admin.createUser({ device, tenant, clientIp: ipv4('198.18.0.1') });
  const allocated = ledger.admin.createUser({ device, userType: UserType.ibrlWithAllocatedIp });
  const publisher = ledger.admin.createUser({ device, userType: UserType.multicast, publishers: [GROUP] });
  const subscriber = ledger.admin.createUser({ device, userType: UserType.multicast, clientIp: ipv4('198.18.0.9'), subscribers: [GROUP] });

  expect(ledger.admin.user(unicast)).toMatchObject({ clientIp: '198.18.0.1', dzIp: '198.18.0.1', tunnelId: 500 });
  expect(ledger.admin.user(allocated)).toMatchObject({ dzIp: '198.19.64.1' });
  expect(ledger.admin.user(publisher)).toMatchObject({ dzIp: '198.19.248.0' });
  expect(ledger.admin.user(subscriber)).toMatchObject({ dzIp: '198.18.0.9' });
  for (const user of ledger.admin.users().values()) expect(validateUser(user)).toBeUndefined();
  expect(taken()).toEqual({
    nets: Array.from({ length: 8 }, (_, index) => `169.254.0.${index}`),
    ids: [500, 501, 502, 503],
    prefix: ['198.19.64.0', '198.19.64.1'],
    publishers: ['198.19.248.0'],
    vrfs: [1],
  });
  expect(counts()).toEqual({ references: 4, users: 4, unicast: 2, subscribers: 1, publishers: 1 });
  expect(ledger.admin.tenant(tenant)).toMatchObject({ referenceCount: 1 });

  ledger.admin.banUser(allocated);
  ledger.admin.deleteUser(unicast);
  ledger.admin.changeUser(publisher, { publishers: [], subscribers: [GROUP] });
  expect(taken()).toMatchObject({ ids: [502, 503], prefix: ['198.19.64.0'], publishers: ['198.19.248.0'] });
  expect(counts()).toEqual({ references: 3, users: 3, unicast: 1, subscribers: 2, publishers: 0 });
  expect(ledger.admin.tenant(tenant)).toMatchObject({ referenceCount: 0 });
});

test('a user is connected by an access pass of its own, which is disconnected when the user goes', () => {
  const clientIp = ipv4('198.18.0.1');
  const unicast = ledger.admin.createUser({ device, clientIp });
  const multicast = ledger.admin.createUser({ device, clientIp, userType: UserType.multicast });
  const { owner } = existing(ledger.admin.user(unicast));
  const pass = () => decodeAccessPass(dataOf(accessPassAddress(ledger.programId, clientIp, owner).address));
  expect(pass()).toMatchObject({ status: AccessPassStatus.connected, connectionCount: 2, unicastUserCount: 1, multicastUserCount: 1 });
  ledger.admin.deleteUser(unicast);
  expect(pass()).toMatchObject({ status: AccessPassStatus.connected, connectionCount: 1, unicastUserCount: 0 });
  ledger.admin.deleteUser(multicast);
  expect(pass()).toMatchObject({ status: AccessPassStatus.disconnected, connectionCount: 0, multicastUserCount: 0 });
});

test('a restored ledger runs the same program, and goes on with the same pools', () => {
  ledger.admin.createTenant({ code: 'acme' });
  ledger.admin.createUser({ device });
  const banned = ledger.admin.createUser({ device, userType: UserType.ibrlWithAllocatedIp });
  ledger.admin.banUser(banned);
  const restored = createLocalLedger({
    clock: createTestClock(),
    random: () => 0.5,
    restore: JSON.parse(JSON.stringify(ledger.snapshot())),
  });
  expect(restored.admin.program).toBe('deployed');
  expect(taken(restored)).toEqual(taken());
  for (const one of [ledger, restored]) {
    one.admin.createUser({ device, userType: UserType.ibrlWithAllocatedIp, clientIp: ipv4('198.18.9.9') });
    one.admin.createDevice({ metricsPublisher: PUBLISHER });
    one.admin.createTenant({ code: 'second' });
  }
  expect(taken(restored)).toEqual(taken());
  expect(Object.fromEntries(restored.bank.save().accounts)).toEqual(Object.fromEntries(ledger.bank.save().accounts));
});

test('the deployed program has neither the instructions nor the extensions of RFC-11', () => {
  expect(() => ledger.admin.createExtension(device)).toThrow('the deployed program has no extension of RFC-11');
});

test('a deployed network has no byte of RFC-11: users of 206 bytes, links, groups and interfaces as the program leaves them', () => {
  const { admin } = ledger;
  const other = admin.createDevice({ metricsPublisher: PUBLISHER });
  const user = admin.createUser({ device });
  const link = admin.createLink({ deviceA: device, deviceZ: other, code: 'dz1:dz2' });
  const group = admin.createGroup({ code: 'prices' });
  admin.createInterface({ device, name: 'Loopback255', kind: 'loopback', withAddress: true });
  expect(dataOf(user).length).toBe(206);
  expect(encodeLink(decodeLink(dataOf(link)))).toEqual(dataOf(link));
  expect(encodeMulticastGroup(decodeMulticastGroup(dataOf(group)))).toEqual(dataOf(group));
  expect(decodeLink(dataOf(link))).toMatchObject({
    tunnelId: 0,
    tunnelNet: parseNetworkV4('172.16.0.0/31'),
    sideAPk: device,
    sideZPk: other,
  });
  expect(decodeMulticastGroup(dataOf(group)).multicastIp).toBe('233.84.178.0');
  expect(currentInterfaces(existing(admin.device(device)))).toMatchObject([
    { name: 'Loopback255', interfaceType: 1, nodeSegmentIdx: 1, ipNet: parseNetworkV4('172.16.0.2/32') },
  ]);
  expect([device, other].map((end) => existing(admin.device(end)).referenceCount)).toEqual([2, 1]);
  expect(allocatedIds(pool({ kind: 'linkids' }))).toEqual([0]);
  expect(allocatedAddresses(pool({ kind: 'devicetunnelblock' }))).toEqual(['172.16.0.0', '172.16.0.1', '172.16.0.2']);
  expect(decodeGlobalState(dataOf(globalStateAddress(ledger.programId).address)).accountIndex).toBe(7n);
});

test('localnet refuses what the deployed program refuses: a link to the same device, a second interface of a name, an address on a physical one', () => {
  const { admin } = ledger;
  const count = (): number => [...ledger.bank.replica().view('processed').accountsOf(ledger.programId)].length;
  const before = count();
  expect(() => admin.createLink({ deviceA: device, deviceZ: device, code: 'dz1:dz1' })).toThrow('a link needs two different devices');
  expect(() => admin.createInterface({ device, name: 'Ethernet9', kind: 'physical', withAddress: true })).toThrow('only a loopback');
  admin.createInterface({ device, name: 'Ethernet9', kind: 'physical' });
  expect(() => admin.createInterface({ device, name: 'Ethernet9', kind: 'loopback' })).toThrow('already has an interface Ethernet9');
  expect(count()).toBe(before);
});

test('a legacy network has those accounts under the program of RFC-11', () => {
  const legacy = createLocalLedger({ program: 'legacy', clock: createTestClock(), random: () => 0.5 });
  const { admin } = legacy;
  const old = admin.createDevice({ metricsPublisher: PUBLISHER });
  const user = admin.createUser({ device: old });
  expect(dataOf(user, legacy).length).toBe(206);
  admin.deleteUser(user);
  expect(admin.device(old)?.usersCount).toBe(0);
  admin.createExtension(old);
  expect(dataOf(admin.createUser({ device: old }), legacy).length).toBe(248);
});

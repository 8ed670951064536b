import { expect, test } from 'vitest';
import {
  decodeAccessPass,
  decodeAccount,
  decodeContributor,
  decodeDevice,
  decodeExchange,
  decodeGlobalConfig,
  decodeGlobalState,
  decodeLink,
  decodeLocation,
  decodeMulticastGroup,
  decodeUser,
  encodeAccessPass,
  encodeContributor,
  encodeExchange,
  encodeFeed,
  encodeGlobalState,
  encodeIndexEntry,
  encodeLink,
  encodeLocation,
  encodeMulticastGroup,
  encodePermission,
  encodeTopology,
  ipv4,
  type Link,
  lamports,
  nanoseconds,
  parseNetworkV4,
  UNLIMITED_EPOCH,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { fromHex, hex, keyOf } from './builders.ts';

const key = (byte: string): string => byte.repeat(32);
const lines = (...parts: readonly string[]): string => parts.join('');

const link: Link = {
  owner: keyOf(1),
  index: 2n,
  bumpSeed: 255,
  sideAPk: keyOf(3),
  sideZPk: keyOf(4),
  linkType: 127,
  bandwidth: 10_000_000_000n,
  mtu: 9000,
  delayNs: nanoseconds(5),
  jitterNs: nanoseconds(6),
  tunnelId: 7,
  tunnelNet: parseNetworkV4('172.16.0.2/31'),
  status: 7,
  code: 'a:b',
  contributorPk: keyOf(8),
  sideAIfaceName: 'Et1',
  sideZIfaceName: '',
  delayOverrideNs: nanoseconds(9),
  linkHealth: 2,
  desiredStatus: 6,
  linkTopologies: [keyOf(10)],
  linkFlags: 1,
};

test('a link is written as its layout says', () => {
  const head = lines('06', key('01'), `02${'00'.repeat(15)}`, 'ff', key('03'), key('04'), '7f', '00e40b5402000000', '28230000');
  const middle = lines('0500000000000000', '0600000000000000', '0700', 'ac1000021f', '07', '03000000613a62', key('08'), '03000000457431');
  const tail = lines('00000000', '0900000000000000', '02', '06', '01000000', key('0a'), '01000000');
  expect(hex(encodeLink(link))).toBe(head + middle + tail);
  const data = encodeLink(link);
  expect([data[114], data[143], data[150], data[151]]).toEqual([127, 7, 7, 3]);
});

test('the global state is written as its layout says, and ends early where it is older', () => {
  const state = {
    bumpSeed: 254,
    accountIndex: 3n,
    foundationAllowlist: [keyOf(1)],
    deviceAllowlist: [],
    userAllowlist: [],
    activatorAuthorityPk: keyOf(2),
    sentinelAuthorityPk: keyOf(3),
    contributorAirdropLamports: lamports(4),
    userAirdropLamports: lamports(5),
    healthOraclePk: keyOf(6),
    qaAllowlist: [keyOf(7)],
    featureFlags: 2n,
    feedAuthorityPk: keyOf(8),
  };
  const upToOracle = lines(
    '01fe',
    `03${'00'.repeat(15)}`,
    `01000000${key('01')}`,
    '0000000000000000',
    key('02'),
    key('03'),
    '0400000000000000',
    '0500000000000000',
    key('06'),
  );
  expect(hex(encodeGlobalState(state))).toBe(lines(upToOracle, `01000000${key('07')}`, `02${'00'.repeat(15)}`, key('08')));
  expect(decodeGlobalState(fromHex(upToOracle))).toEqual({
    ...state,
    qaAllowlist: [],
    featureFlags: 0n,
    feedAuthorityPk: ZERO_ADDRESS,
  });
});

const pass = {
  owner: keyOf(1),
  bumpSeed: 255,
  accessPassType: { kind: 'prepaid' },
  clientIp: ipv4('203.0.114.7'),
  userPayer: keyOf(2),
  lastAccessEpoch: UNLIMITED_EPOCH,
  connectionCount: 3,
  status: 1,
  mgroupPubAllowlist: [],
  mgroupSubAllowlist: [keyOf(4)],
  flags: 2,
  tenantAllowlist: [],
  unicastUserCount: 5,
  maxUnicastUsers: 6,
  multicastUserCount: 7,
  maxMulticastUsers: 8,
} as const;
const seat = {
  feedKey: keyOf(9),
  maxUsers: 1,
  maxFutureUsers: 2,
  currentUsers: 3,
  anniversaryDay: 4,
  windowEnd: -1n,
  terminatesAt: 5n,
};
const passTail = lines(
  'cb007207',
  key('02'),
  'ff'.repeat(8),
  '0300',
  '01',
  '00000000',
  `01000000${key('04')}`,
  '02',
  '00000000',
  '0500060007000800',
);

test.each([
  [{ kind: 'prepaid' }, '00'],
  [{ kind: 'solana-validator', key: keyOf(5) }, `01${key('05')}`],
  [{ kind: 'solana-rpc', key: keyOf(5) }, `02${key('05')}`],
  [{ kind: 'others', texts: ['ab', 'c'] }, '030200000061620100000063'],
  [{ kind: 'edge-seat', seats: [seat] }, lines('0401000000', key('09'), '01020304', 'ff'.repeat(8), '0500000000000000')],
] as const)('an access pass of the kind $0.kind is written as its layout says', (accessPassType, kind) => {
  const data = lines('0b', key('01'), 'ff', kind, passTail);
  expect(hex(encodeAccessPass({ ...pass, accessPassType }))).toBe(data);
  expect(decodeAccessPass(fromHex(data))).toEqual({ ...pass, accessPassType });
});

test('an access pass of another kind ends there, with the program’s own one user of each kind', () => {
  expect(decodeAccessPass(fromHex(lines('0b', key('01'), 'ff', '09', passTail)))).toEqual({
    ...pass,
    accessPassType: { kind: 'unknown', tag: 9 },
    clientIp: '0.0.0.0',
    userPayer: ZERO_ADDRESS,
    lastAccessEpoch: 0n,
    connectionCount: 0,
    status: 0,
    mgroupSubAllowlist: [],
    flags: 0,
    unicastUserCount: 0,
    maxUnicastUsers: 1,
    multicastUserCount: 0,
    maxMulticastUsers: 1,
  });
});

const indexed = { owner: keyOf(1), index: 2n, bumpSeed: 255 };
const INDEXED = lines(key('01'), `02${'00'.repeat(15)}`, 'ff');

test('the small accounts are written as their layouts say', () => {
  expect(hex(encodeContributor({ ...indexed, status: 1, code: 'co', referenceCount: 3, opsManagerPk: keyOf(4) }))).toBe(
    lines('0a', INDEXED, '01', '02000000636f', '03000000', key('04')),
  );
  expect(
    hex(encodeLocation({ ...indexed, lat: 1.5, lng: -2, locId: 3, status: 1, code: 'a', name: 'b', country: 'DE', referenceCount: 4 })),
  ).toBe(
    lines('03', INDEXED, '000000000000f83f', '00000000000000c0', '03000000', '01', '0100000061', '0100000062', '020000004445', '04000000'),
  );
  const exchange = { ...indexed, lat: 1.5, lng: -2, bgpCommunity: 10_000, unused: 0, status: 2, code: 'a', name: 'b', referenceCount: 4 };
  expect(hex(encodeExchange({ ...exchange, device1Pk: keyOf(5), device2Pk: keyOf(6) }))).toBe(
    lines(
      '04',
      INDEXED,
      '000000000000f83f',
      '00000000000000c0',
      '1027',
      '0000',
      '02',
      '0100000061',
      '0100000062',
      '04000000',
      key('05'),
      key('06'),
    ),
  );
  const group = { ...indexed, tenantPk: keyOf(3), multicastIp: ipv4('233.84.178.1'), maxBandwidth: 4n, status: 1, code: 'm' };
  expect(hex(encodeMulticastGroup({ ...group, publisherCount: 5, subscriberCount: 6 }))).toBe(
    lines('08', INDEXED, key('03'), 'e954b201', '0400000000000000', '01', '010000006d', '05000000', '06000000'),
  );
  expect(hex(encodePermission({ owner: keyOf(1), bumpSeed: 255, status: 1, userPayer: keyOf(2), permissions: 5n }))).toBe(
    lines('0f', key('01'), 'ff', '01', key('02'), `05${'00'.repeat(15)}`),
  );
  expect(hex(encodeIndexEntry({ pk: keyOf(1), entityAccountType: 5, key: 'dz', bumpSeed: 253 }))).toBe(
    lines('10', key('01'), '05', '02000000647a', 'fd'),
  );
  const topology = { owner: keyOf(1), bumpSeed: 255, name: 'T', adminGroupBit: 1, flexAlgoNumber: 129, constraint: 1, referenceCount: 2 };
  expect(hex(encodeTopology(topology))).toBe(lines('11', key('01'), 'ff', '0100000054', '01', '81', '01', '02000000'));
  expect(hex(encodeFeed({ owner: keyOf(1), bumpSeed: 255, code: 'f', name: 'g', exchange: keyOf(2), groups: [keyOf(3)] }))).toBe(
    lines('12', key('01'), 'ff', '0100000066', '0100000067', key('02'), '01000000', key('03')),
  );
});

test.each([
  ['user', decodeUser, 7],
  ['device', decodeDevice, 5],
  ['link', decodeLink, 6],
  ['location', decodeLocation, 3],
  ['exchange', decodeExchange, 4],
  ['multicast group', decodeMulticastGroup, 8],
] as const)('a %s without a status is activated, as for the program', (_, decode, type) => {
  expect(decode(Uint8Array.of(type)).status).toBe(1);
});

test('fields that an older account lacks have the defaults of the program', () => {
  expect(decodeDevice(Uint8Array.of(5))).toMatchObject({ deviceHealth: 1, desiredStatus: 0, maxUsers: 0 });
  expect(decodeLink(Uint8Array.of(6))).toMatchObject({ linkType: 1, linkHealth: 1, desiredStatus: 0 });
  expect(decodeGlobalConfig(Uint8Array.of(2))).toMatchObject({ nextBgpCommunity: 10_000, localAsn: 0 });
  expect(decodeContributor(Uint8Array.of(10)).status).toBe(0);
});

const FOUNDERS = `01ff${'00'.repeat(16)}`;

test.each([
  ['the first list', `${FOUNDERS}02000000${key('01')}`],
  ['the last list', `${FOUNDERS}${'00000000'.repeat(3)}${'00'.repeat(64 + 16 + 32)}01000000`],
])('a global state whose count lies in %s is an error, and is kept as it is', (_, data) => {
  const bytes = fromHex(data);
  expect(() => decodeGlobalState(bytes)).toThrow(expect.objectContaining({ name: 'AccountDataError', code: 'ACCOUNT__INCONSISTENT' }));
  expect(decodeAccount(bytes)).toEqual({ type: 'unknown', data: bytes });
});

test('a global state that ends before a list has an empty one', () => {
  expect(decodeGlobalState(fromHex(`${FOUNDERS}01000000${key('01')}0000`))).toMatchObject({
    foundationAllowlist: [keyOf(1)],
    deviceAllowlist: [],
    qaAllowlist: [],
  });
});

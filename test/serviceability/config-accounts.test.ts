import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  accountType,
  decodeGlobalConfig,
  decodeProgramConfig,
  decodeTenant,
  encodeGlobalConfig,
  encodeProgramConfig,
  encodeTenant,
  formatProgramVersion,
  type GlobalConfig,
  type ProgramConfig,
  parseNetworkV4,
  type Tenant,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import {
  fromHex,
  hex,
  isPrefixOf,
  keyOf,
  someByte,
  someKey,
  someKeys,
  someNetwork,
  someText,
  someU16,
  someU32,
  someU64,
} from './builders.ts';

const NO_NETWORK = parseNetworkV4('0.0.0.0/0');
const NO_VERSION = { major: 0, minor: 0, patch: 0 };

const someTenant: fc.Arbitrary<Tenant> = fc.record({
  owner: someKey,
  bumpSeed: someByte,
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
});
const emptyTenant: Tenant = {
  owner: ZERO_ADDRESS,
  bumpSeed: 0,
  code: '',
  vrfId: 0,
  referenceCount: 0,
  administrators: [],
  paymentStatus: 0,
  tokenAccount: ZERO_ADDRESS,
  metroRouting: false,
  routeLiveness: false,
  billing: { kind: 0, rate: 0n, lastDeductionDzEpoch: 0n },
  includeTopologies: [],
};
const someGlobalConfig: fc.Arbitrary<GlobalConfig> = fc.record({
  owner: someKey,
  bumpSeed: someByte,
  localAsn: someU32,
  remoteAsn: someU32,
  deviceTunnelBlock: someNetwork,
  userTunnelBlock: someNetwork,
  multicastGroupBlock: someNetwork,
  nextBgpCommunity: someU16,
  multicastPublisherBlock: someNetwork,
});
const emptyGlobalConfig: GlobalConfig = {
  owner: ZERO_ADDRESS,
  bumpSeed: 0,
  localAsn: 0,
  remoteAsn: 0,
  deviceTunnelBlock: NO_NETWORK,
  userTunnelBlock: NO_NETWORK,
  multicastGroupBlock: NO_NETWORK,
  nextBgpCommunity: 10_000,
  multicastPublisherBlock: NO_NETWORK,
};
const someVersion = fc.record({ major: someU32, minor: someU32, patch: someU32 });
const someProgramConfig: fc.Arbitrary<ProgramConfig> = fc.record({
  bumpSeed: someByte,
  version: someVersion,
  minCompatibleVersion: someVersion,
});

const tenant: Tenant = {
  owner: keyOf(1),
  bumpSeed: 250,
  code: 'acme',
  vrfId: 2,
  referenceCount: 3,
  administrators: [keyOf(4)],
  paymentStatus: 1,
  tokenAccount: keyOf(5),
  metroRouting: true,
  routeLiveness: false,
  billing: { kind: 0, rate: 6n, lastDeductionDzEpoch: 7n },
  includeTopologies: [keyOf(8)],
};
const TENANT = [
  '0d', // account_type
  '01'.repeat(32), // owner
  'fa', // bump_seed
  '0400000061636d65', // code
  '0200', // vrf_id
  '03000000', // reference_count
  `01000000${'04'.repeat(32)}`, // administrators
  '01', // payment_status
  '05'.repeat(32), // token_account
  '01', // metro_routing
  '00', // route_liveness
  '00', // billing: flat per epoch
  '0600000000000000', // rate
  '0700000000000000', // last_deduction_dz_epoch
  `01000000${'08'.repeat(32)}`, // include_topologies
].join('');

test('a tenant reads and writes as the account layout says', () => {
  expect(decodeTenant(fromHex(TENANT))).toEqual(tenant);
  expect(hex(encodeTenant(tenant))).toBe(TENANT);
});

test('a tenant whose billing is of an unknown kind keeps the kind, and believes nothing after it', () => {
  const data = encodeTenant({ ...tenant, billing: { ...tenant.billing, kind: 3 } });
  expect(decodeTenant(data)).toEqual({
    ...tenant,
    billing: { kind: 3, rate: 0n, lastDeductionDzEpoch: 0n },
    includeTopologies: [],
  });
});

test('the global configuration is 64 bytes, each block at its offset', () => {
  const config: GlobalConfig = {
    owner: keyOf(1),
    bumpSeed: 254,
    localAsn: 65_342,
    remoteAsn: 65_000,
    deviceTunnelBlock: parseNetworkV4('172.16.0.0/16'),
    userTunnelBlock: parseNetworkV4('169.254.0.0/16'),
    multicastGroupBlock: parseNetworkV4('233.84.178.0/24'),
    nextBgpCommunity: 10_001,
    multicastPublisherBlock: parseNetworkV4('148.51.120.0/21'),
  };
  const data = encodeGlobalConfig(config);
  expect(hex(data)).toBe(
    `02${'01'.repeat(32)}fe${'3eff0000'}${'e8fd0000'}${'ac10000010'}${'a9fe000010'}${'e954b20018'}${'1127'}${'9433780015'}`,
  );
  expect(data.length).toBe(64);
  expect(decodeGlobalConfig(data)).toEqual(config);
});

test('the program configuration is 26 bytes', () => {
  const config: ProgramConfig = {
    bumpSeed: 255,
    version: { major: 0, minor: 34, patch: 1 },
    minCompatibleVersion: { major: 0, minor: 30, patch: 0 },
  };
  const data = encodeProgramConfig(config);
  expect(hex(data)).toBe(`09ff${'00000000'}${'22000000'}${'01000000'}${'00000000'}${'1e000000'}${'00000000'}`);
  expect(decodeProgramConfig(data)).toEqual(config);
  expect(formatProgramVersion(config.version)).toBe('0.34.1');
});

test('every tenant reads back the same, and cut anywhere as the whole one up to the cut', () => {
  assertCodec(someTenant, encodeTenant, decodeTenant, emptyTenant);
});

test('every global configuration reads back the same, and cut anywhere as the whole one up to the cut', () => {
  assertCodec(someGlobalConfig, encodeGlobalConfig, decodeGlobalConfig, emptyGlobalConfig);
});

test('every program configuration reads back the same, and cut anywhere as the whole one up to the cut', () => {
  const empty = { bumpSeed: 0, version: NO_VERSION, minCompatibleVersion: NO_VERSION };
  assertCodec(someProgramConfig, encodeProgramConfig, decodeProgramConfig, empty);
});

test.each([
  ['tenant', decodeTenant, 13],
  ['global configuration', decodeGlobalConfig, 2],
  ['program configuration', decodeProgramConfig, 9],
] as const)('no bytes make the reading of a %s fail, but those of another account type', (_name, decode, type) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decode(Uint8Array.of(type, ...bytes));
    }),
  );
  expect(() => decode(Uint8Array.of(99))).toThrow(expect.objectContaining({ code: 'ACCOUNT__WRONG_TYPE' }));
  expect(() => decode(new Uint8Array())).toThrow(expect.objectContaining({ code: 'ACCOUNT__EMPTY' }));
});

test('the type of an account is its first byte', () => {
  expect([7, 5, 13, 2, 9, 18, 14, 0, 19, 255].map((byte) => accountType(Uint8Array.of(byte)))).toEqual([
    'user',
    'device',
    'tenant',
    'globalConfig',
    'programConfig',
    'feed',
    'none',
    'none',
    'none',
    'none',
  ]);
  expect(accountType(new Uint8Array())).toBe('none');
});

function assertCodec<T extends object>(
  some: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (data: Uint8Array) => T,
  empty: T,
): void {
  fc.assert(
    fc.property(some, fc.double({ min: 0, max: 1, noNaN: true }), (value, part) => {
      const data = encode(value);
      expect(decode(data)).toEqual(value);
      const read = decode(data.subarray(0, 1 + Math.floor(part * (data.length - 1))));
      expect(isPrefixOf(flat(read), flat(value), flat(empty))).toBe(true);
    }),
  );
}

/** One level of nesting taken out, so that each field of the account counts by itself. */
function flat(value: object): object {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      ['billing', 'version', 'minCompatibleVersion'].includes(key)
        ? Object.entries(inner).map(([name, field]) => [`${key}.${name}`, field])
        : [[key, inner]],
    ),
  );
}

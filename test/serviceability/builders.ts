import fc from 'fast-check';
import {
  type Address,
  addressOf,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  type NetworkV4,
  nanoseconds,
  parseNetworkV4,
  slot,
  type User,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';

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
  status: 0,
});

export const someByte = fc.integer({ min: 0, max: 0xff });
export const someU16 = fc.integer({ min: 0, max: 0xffff });
export const someU32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const someU64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
export const someU128 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
export const someText = fc.string({ unit: 'binary', maxLength: 12 });
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

const asText = (value: unknown): string => JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

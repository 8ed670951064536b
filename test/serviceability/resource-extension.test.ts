import { expect, test } from 'vitest';
import {
  allocatedAddresses,
  allocatedCount,
  allocatedIds,
  decodeResourceExtension,
  encodeResourceExtension,
  isAllocated,
  parseNetworkV4,
  type ResourceAllocator,
  type ResourceExtension,
  resourceCapacity,
  ZERO_ADDRESS,
} from '../../src/serviceability/index.ts';
import { fromHex, hex, keyOf } from './builders.ts';

const pool = (allocator: ResourceAllocator, bitmap: readonly number[]): ResourceExtension => ({
  owner: keyOf(1),
  bumpSeed: 255,
  associatedWith: keyOf(2),
  allocator,
  bitmap: Uint8Array.from(bitmap),
});
const addresses = (net: string, ...bitmap: readonly number[]): ResourceExtension =>
  pool({ kind: 'addresses', baseNet: parseNetworkV4(net), firstFreeIndex: 3n }, bitmap);
const ids = (rangeStart: number, rangeEnd: number, ...bitmap: readonly number[]): ResourceExtension =>
  pool({ kind: 'ids', rangeStart, rangeEnd, firstFreeIndex: 4n }, bitmap);

const HEAD = `0c${'01'.repeat(32)}ff${'02'.repeat(32)}`;

test.each([
  [addresses('169.254.0.0/26', 0x03, 0, 0, 0, 0, 0, 0, 0x80), `${HEAD}00a9fe00001a0300000000000000${'00'.repeat(8)}0300000000000080`],
  [ids(500, 532, 0x05, 0, 0, 0, 0, 0, 0, 0), `${HEAD}01f40114020400000000000000${'00'.repeat(9)}0500000000000000`],
])('the bitmap stands at byte 88 behind both kinds of allocator', (extension, text) => {
  expect(hex(encodeResourceExtension(extension))).toBe(text);
  expect(decodeResourceExtension(fromHex(text))).toEqual(extension);
  expect(encodeResourceExtension(extension).indexOf(extension.bitmap[0] ?? 0, 88)).toBe(88);
});

test('each bit of an address pool is one address from the base of its network', () => {
  const extension = addresses('169.254.0.5/26', 0b0000_1101, 0b1000_0000, 0, 0, 0, 0, 0, 0b1000_0000);
  expect(allocatedAddresses(extension)).toEqual(['169.254.0.0', '169.254.0.2', '169.254.0.3', '169.254.0.15', '169.254.0.63']);
  expect(allocatedIds(extension)).toEqual([]);
  expect([allocatedCount(extension), resourceCapacity(extension)]).toEqual([5, 64]);
  expect([0, 1, 63, 64, -1, 0.5].map((index) => isAllocated(extension, index))).toEqual([true, false, true, false, false, false]);
});

test('each bit of a number pool is one number from the start of its range', () => {
  const extension = ids(500, 512, 0xff, 0xff, 0, 0, 0, 0, 0, 0);
  expect(allocatedIds(extension)).toEqual([500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511]);
  expect(allocatedAddresses(extension)).toEqual([]);
  expect(resourceCapacity(extension)).toBe(12);
});

test('a pool is never larger than its bitmap, however large its network or range says it is', () => {
  expect(resourceCapacity(addresses('0.0.0.0/0', 0xff))).toBe(8);
  expect(allocatedAddresses(addresses('0.0.0.0/0', 0x81))).toEqual(['0.0.0.0', '0.0.0.7']);
  expect(resourceCapacity(ids(600, 500, 0xff))).toBe(0);
  expect(allocatedIds(ids(65_534, 65_535, 0xff))).toEqual([65_534]);
});

test('an address pool that ends at the last address does not wrap', () => {
  expect(allocatedAddresses(addresses('255.255.255.254/31', 0x03))).toEqual(['255.255.255.254', '255.255.255.255']);
});

test('an allocator that is not known, and an account that ends early, have nothing allocated', () => {
  const unknown = decodeResourceExtension(fromHex(`${HEAD}07ffffffffff`));
  expect(unknown).toEqual(pool({ kind: 'unknown', tag: 7 }, []));
  expect([resourceCapacity(unknown), allocatedIds(unknown), allocatedAddresses(unknown)]).toEqual([0, [], []]);
  expect(decodeResourceExtension(fromHex('0c'))).toEqual({
    owner: ZERO_ADDRESS,
    bumpSeed: 0,
    associatedWith: ZERO_ADDRESS,
    allocator: { kind: 'addresses', baseNet: parseNetworkV4('0.0.0.0/0'), firstFreeIndex: 0n },
    bitmap: new Uint8Array(),
  });
});

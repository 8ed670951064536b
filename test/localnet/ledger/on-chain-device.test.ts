import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readDeviceOnChain } from '../../../localnet/ledger/serviceability.ts';
import { type Device, decodeDevice, encodeDevice, parseNetworkV4, ZERO_ADDRESS } from '../../../src/serviceability/index.ts';
import { aDevice, anInterface, hex, keyOf, someDevice } from '../../serviceability/builders.ts';

const SEGMENT = { topology: keyOf(9), nodeSegmentIdx: 1 };

/** A device with so many interfaces in both vectors, each with so many segments. */
function deviceWith(count: number, segments: number): Device {
  const all = Array.from({ length: count }, (_, index) =>
    anInterface({ name: `Ethernet${10 + (index % 90)}/1`, flexAlgoNodeSegments: Array.from({ length: segments }, () => SEGMENT) }),
  );
  const deprecatedInterfaces = all.map(({ kind: _, surplus: _s, flexAlgoNodeSegments: _f, ...fields }) => ({
    layout: 1 as const,
    ...fields,
  }));
  return aDevice({
    code: 'lo-dz001',
    mgmtVrf: 'mgmt',
    dzPrefixes: [parseNetworkV4('198.19.64.0/19')],
    deprecatedInterfaces,
    interfaces: all,
  });
}

/** What the instruction allocates besides the device, with a user without keys. */
const REST = 728;

test.each([
  [36, 1, 11_761],
  [52, 1, 24_225],
  [60, 1, 33_745],
  [65, 0, 30_055],
])('%i interfaces with %i segments each need as much heap as measured in the program', (count, segments, bytes) => {
  expect(readDeviceOnChain(encodeDevice(deviceWith(count, segments))).heapBytes + REST).toBe(bytes);
});

test('a device with only the first vector needs the heap for the second one, too', () => {
  const both = readDeviceOnChain(encodeDevice(deviceWith(8, 0)));
  const first = readDeviceOnChain(encodeDevice({ ...deviceWith(8, 0), interfaces: [] }));
  expect([first.deprecatedInterfaces, first.interfaces]).toEqual([8, 0]);
  // 4 and 8 elements of 88 bytes instead of 8, and each name once and 120 bytes of buffers instead of a body of 54 bytes and its name.
  expect(first.heapBytes - both.heapBytes).toBe(4 * 88 + 8 * (120 - 54));
});

/** The device's bytes with one hexadecimal run, which must occur, replaced where it first occurs. */
function replaced(device: Device, from: string, to: string): Uint8Array {
  const text = hex(encodeDevice(device));
  expect(text).toContain(from);
  return Uint8Array.from(Buffer.from(text.replace(from, to), 'hex'));
}

const one = deviceWith(1, 0);
const NAME = '0c00000045746865726e657431302f31';

test.each([
  ['a bool of 2 at the end of an interface', '0c0001010000000300', '0c0002010000000300'],
  ['a bool of 255 at the end of an interface', '0c0001010000000300', '0c00ff010000000300'],
])('%s empties the first vector, and the second one is read', (_, from, to) => {
  const device = { ...one, referenceCount: 1, usersCount: 3 };
  expect(readDeviceOnChain(replaced(device, from, to))).toMatchObject({ deprecatedInterfaces: 0, interfaces: 1 });
});

test.each([
  ['an unknown status', `03${NAME}`, `07${NAME}`],
  ['an unknown type', `${NAME}02`, `${NAME}03`],
  ['a name that is not UTF-8', NAME, NAME.replace('4574', 'ff74')],
])('%s empties the first vector, and what follows is read from its middle', (_, from, to) => {
  const found = readDeviceOnChain(replaced(one, from, to));
  expect(found).toMatchObject({ isDevice: true, metricsPublisherPk: one.metricsPublisherPk, deprecatedInterfaces: 0, interfaces: 0 });
});

test('the first of two prefixes is above 32: the publisher is read from the second prefix on', () => {
  const device = aDevice({
    dzPrefixes: [parseNetworkV4('198.19.64.0/19'), parseNetworkV4('198.19.96.0/19')],
    metricsPublisherPk: keyOf(4),
  });
  const second = readDeviceOnChain(replaced(device, 'c613600013', 'c613600021'));
  expect(second.metricsPublisherPk).toBe(keyOf(4));
  const first = readDeviceOnChain(replaced(device, 'c613400013', 'c613400021'));
  expect(first.metricsPublisherPk).not.toBe(keyOf(4));
});

test('a well-formed device is read like by clients', () => {
  fc.assert(
    fc.property(someDevice, (device) => {
      const data = encodeDevice(device);
      const { metricsPublisherPk } = decodeDevice(data);
      expect(readDeviceOnChain(data)).toMatchObject({ isDevice: true, metricsPublisherPk });
    }),
  );
});

test('no bytes are too strange to read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      const { isDevice, heapBytes } = readDeviceOnChain(Uint8Array.of(5, ...noise));
      expect(isDevice).toBe(true);
      expect(heapBytes).toBeLessThan(100_000);
    }),
  );
  expect(readDeviceOnChain(new Uint8Array())).toMatchObject({ isDevice: false, metricsPublisherPk: ZERO_ADDRESS });
});

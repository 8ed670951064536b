import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AccountDataError,
  decodeResourceExtension,
  parseNetworkV4,
  ServiceabilityError,
  ZERO_ADDRESS,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { key } from './rfc11-world.ts';

const blockOf = (network: string, reserved: { reservedStart: number; reservedEnd: number } = rfc11.UNRESERVED) =>
  rfc11.newIpBlockBitmap({ blockType: 'dzIp', ...reserved }, parseNetworkV4(network));
const extensionWith = (change: Partial<rfc11.ResourceExtension>): rfc11.ResourceExtension => ({
  associatedWith: ZERO_ADDRESS,
  idAllocations: [],
  ipAllocations: [],
  interfaceCount: 0,
  ...change,
});
const deviceExtension = (): rfc11.ResourceExtension =>
  extensionWith({
    associatedWith: key('device'),
    idAllocations: [rfc11.newIdBitmap(rfc11.TUNNEL_IDS), rfc11.newIdBitmap(rfc11.SEGMENT_ROUTING_IDS)],
    ipAllocations: [
      rfc11.newIpBlockBitmap({ blockType: 'userTunnelNet', ...rfc11.UNRESERVED }, parseNetworkV4('169.254.0.0/16')),
      blockOf('198.19.1.0/24', rfc11.DZ_IP_RESERVED),
      blockOf('198.19.2.0/29', rfc11.DZ_IP_RESERVED),
    ],
  });
function pool<Pool>(value: Pool | undefined): Pool {
  if (value === undefined) throw new Error('no such pool');
  return value;
}

describe('SlotBitmap', () => {
  test('a bitmap gives the lowest free slot, across words, and none when it is full', () => {
    const bitmap = new rfc11.SlotBitmap(130);
    const taken: (number | undefined)[] = [];
    for (let n = 0; n < 131; n++) {
      const slot = bitmap.firstFree();
      taken.push(slot);
      if (slot !== undefined) bitmap.set(slot);
    }
    expect(taken).toEqual([...Array.from({ length: 130 }, (_, slot) => slot), undefined]);
  });

  test('a bitmap stores slot n as bit n % 64 of the little-endian word n / 64', () => {
    const bitmap = new rfc11.SlotBitmap(128);
    for (const slot of [0, 9, 63, 64]) bitmap.set(slot);
    expect(Buffer.from(bitmap.bytes).toString('hex')).toBe('01020000000000800100000000000000');
  });

  test('a bitmap agrees with a set of numbers, whatever is taken and given back', () => {
    const operations = fc.array(fc.record({ slot: fc.nat(199), take: fc.boolean() }), { maxLength: 400 });
    fc.assert(
      fc.property(operations, (steps) => {
        const bitmap = new rfc11.SlotBitmap(200);
        const model = new Set<number>();
        for (const { slot, take } of steps) {
          if (take) bitmap.set(slot);
          else bitmap.clear(slot);
          if (take) model.add(slot);
          else model.delete(slot);
          let lowest = 0;
          while (model.has(lowest)) lowest += 1;
          expect(bitmap.firstFree()).toBe(lowest < 200 ? lowest : undefined);
        }
        expect(bitmap.countSet()).toBe(model.size);
        for (let slot = 0; slot < 200; slot++) expect(bitmap.isSet(slot)).toBe(model.has(slot));
      }),
      { numRuns: 50 },
    );
  });
});

describe('slots and addresses', () => {
  test("slots and addresses: they are the block's base and 2^slot_size addresses for each slot, both ways", () => {
    const tunnels = pool(rfc11.networkPool(deviceExtension(), 'userTunnelNet'));
    expect(tunnels.networkOf(0)).toEqual(parseNetworkV4('169.254.0.0/31'));
    expect(tunnels.networkOf(32_767)).toEqual(parseNetworkV4('169.254.255.254/31'));
    expect(tunnels.networkOf(32_768)).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(32_767), (slot) => {
        const network = tunnels.networkOf(slot);
        expect(network === undefined ? undefined : tunnels.slotOf(network)).toBe(slot);
      }),
    );
  });

  test.each(['169.254.0.1/31', '169.254.0.0/30', '169.253.255.254/31', '169.255.0.0/31'])('%s is no slot of the block', (network) => {
    expect(pool(rfc11.networkPool(deviceExtension(), 'userTunnelNet')).slotOf(parseNetworkV4(network))).toBeUndefined();
  });

  test('slots of several prefixes are numbered on from one to the next', () => {
    const addresses = pool(rfc11.networkPool(deviceExtension(), 'dzIp'));
    expect(addresses.slots).toBe(264);
    expect(addresses.networkOf(255)).toEqual(parseNetworkV4('198.19.1.255/32'));
    expect(addresses.networkOf(258)).toEqual(parseNetworkV4('198.19.2.2/32'));
    expect(addresses.slotOf(parseNetworkV4('198.19.2.2/32'))).toBe(258);
  });

  test('slots of a block that was not stored by its base are counted from its base', () => {
    const extension = extensionWith({ ipAllocations: [blockOf('198.19.1.77/24')] });
    expect(pool(rfc11.networkPool(extension, 'dzIp')).networkOf(0)).toEqual(parseNetworkV4('198.19.1.0/32'));
  });

  test('slots of tunnel ids begin at Tunnel500', () => {
    const ids = pool(rfc11.idPool(deviceExtension(), 'tunnelId'));
    expect([ids.idOf(0), ids.idOf(3_595), ids.slotOf(500), ids.slotOf(499), ids.slotOf(4_596)]).toEqual([
      500,
      4_095,
      0,
      undefined,
      undefined,
    ]);
  });
});

describe('what is set apart', () => {
  test('network, gateway and broadcast address are never given out', () => {
    const addresses = pool(rfc11.networkPool(extensionWith({ ipAllocations: [blockOf('198.19.1.0/29', rfc11.DZ_IP_RESERVED)] }), 'dzIp'));
    const given = Array.from({ length: 6 }, () => addresses.allocate());
    expect(given).toEqual([2, 3, 4, 5, 6, undefined]);
  });

  test('a reserved slot belongs to no entity', () => {
    const block = blockOf('198.19.1.0/29', rfc11.DZ_IP_RESERVED);
    expect([block.bitmap.countSet(), block.allocatedCount]).toEqual([3, 0]);
  });

  test('reserved slots may be all of a small block', () => {
    const addresses = pool(rfc11.networkPool(extensionWith({ ipAllocations: [blockOf('198.19.1.0/31', rfc11.DZ_IP_RESERVED)] }), 'dzIp'));
    expect(addresses.allocate()).toBeUndefined();
  });
});

describe('ResourceExtension', () => {
  test('a ResourceExtension has the sizes that RFC-11 estimates: 4.2 KB for the network, 5.1 KB for a device', () => {
    const network = extensionWith({
      ipAllocations: [
        rfc11.newIpBlockBitmap({ blockType: 'linkTunnelNet', ...rfc11.UNRESERVED }, parseNetworkV4('172.16.0.0/16')),
        rfc11.newIpBlockBitmap({ blockType: 'multicast', ...rfc11.UNRESERVED }, parseNetworkV4('233.84.178.0/24')),
      ],
    });
    expect(rfc11.encodeResourceExtension(network).length).toBe(4_205);
    const device = deviceExtension();
    expect(rfc11.encodeResourceExtension({ ...device, ipAllocations: device.ipAllocations.slice(0, 2) }).length).toBe(5_243);
  });

  test('a ResourceExtension as drafted has type byte 161, so readers of the deployed 12 refuse it', () => {
    const bytes = rfc11.encodeResourceExtension(deviceExtension());
    expect(bytes[0]).toBe(161);
    expect(() => decodeResourceExtension(bytes)).toThrow(AccountDataError);
    expect(() => rfc11.decodeResourceExtension(Uint8Array.of(12, ...bytes.subarray(1)))).toThrow(ServiceabilityError);
  });

  test('a ResourceExtension reads back as it was written', () => {
    const extension = deviceExtension();
    for (const type of ['tunnelId', 'userTunnelNet', 'dzIp'] as const) pool(rfc11.resourcePool(extension, type)).allocate();
    extension.interfaceCount = 3;
    const bytes = rfc11.encodeResourceExtension(extension);
    expect(rfc11.decodeResourceExtension(bytes)).toEqual(extension);
    expect(rfc11.encodeResourceExtension(rfc11.decodeResourceExtension(bytes))).toEqual(bytes);
  });

  test('a ResourceExtension that is cut anywhere, too long or garbage is refused as one, and nothing else happens', () => {
    const bytes = rfc11.encodeResourceExtension(deviceExtension());
    const read = (data: Uint8Array) => () => rfc11.decodeResourceExtension(data);
    for (let length = 0; length < bytes.length; length += 61) expect(read(bytes.subarray(0, length))).toThrow(ServiceabilityError);
    expect(read(Uint8Array.of(...bytes, 0))).toThrow(ServiceabilityError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
        try {
          read(Uint8Array.of(161, ...tail))();
        } catch (error) {
          expect(error).toBeInstanceOf(ServiceabilityError);
        }
      }),
    );
  });
});

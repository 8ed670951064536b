import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  currentInterfaces,
  type DeprecatedInterface,
  type Device,
  decodeDevice,
  encodeDevice,
  interfacesDisagree,
} from '../../src/serviceability/index.ts';
import { aDevice, anInterface, emptyDevice, fromHex, hex, isPrefixOf, keyOf, someDevice } from './builders.ts';

const HEAD = [
  '05', // account_type
  '01'.repeat(32), // owner
  `07${'00'.repeat(15)}`, // index
  'fe', // bump_seed
  '02'.repeat(32), // location_pk
  '03'.repeat(32), // exchange_pk
  '00', // device_type
  'cb007201', // public_ip
  '01', // status
  '090000006c6132722d647a3031', // code
  '01000000cb00728019', // dz_prefixes
  '04'.repeat(32), // metrics_publisher_pk
  '05'.repeat(32), // contributor_pk
  '040000006d676d74', // mgmt_vrf
].join('');
const COUNTERS = ['01000000', '0200', '8000', '03', '01', '0300', '0400', '0500', '0600', '0700', '0800', '0900'].join('');
const NONE = '00000000';

/** Everything of a current interface but its flex-algo segments. */
const ETHERNET1 = [
  '03', // status
  '0900000045746865726e657431', // name
  '02', // interface_type
  '01', // interface_cyoa
  '01', // interface_dia
  '00', // loopback_type
  '00e40b5402000000', // bandwidth
  '00ca9a3b00000000', // cir
  '0024', // mtu
  '01', // routing_mode
  '6400', // vlan_id
  'cb0072011f', // ip_net
  '0c00', // node_segment_idx
  '01', // user_tunnel_endpoint
].join('');
const { kind: _kind, surplus: _surplus, flexAlgoNodeSegments: _segments, ...ethernet1 } = anInterface();
const LOOPBACK0 = ['03', '090000004c6f6f706261636b30', '01', '02', '0000', '0a00000120', '0700', '00'].join('');
const loopback0: DeprecatedInterface = {
  layout: 0,
  status: 3,
  name: 'Loopback0',
  interfaceType: 1,
  loopbackType: 2,
  vlanId: 0,
  ipNet: { address: anInterface().ipNet.address, prefixLength: 32 },
  nodeSegmentIdx: 7,
  userTunnelEndpoint: false,
};

test('a device without interfaces reads and writes as the account layout says', () => {
  const data = HEAD + NONE + COUNTERS + NONE;
  expect(decodeDevice(fromHex(data))).toEqual(aDevice());
  expect(hex(encodeDevice(aDevice()))).toBe(data);
});

test('status and code stand at fixed offsets', () => {
  const data = encodeDevice(aDevice({ status: 5 }));
  expect([data[119], data[120]]).toEqual([5, 9]);
});

test('every layout of the first vector is passed over at its own length', () => {
  const deprecated = [
    '04000000',
    `00${LOOPBACK0.replace('0a000001', 'cb007201')}`,
    `01${ETHERNET1}`,
    `02${ETHERNET1}`,
    `03${ETHERNET1}01000000${'06'.repeat(32)}0500`,
  ].join('');
  const device = aDevice({
    deprecatedInterfaces: [
      loopback0,
      { layout: 1, ...ethernet1 },
      { layout: 2, ...ethernet1 },
      { layout: 3, ...ethernet1, flexAlgoNodeSegments: [{ topology: keyOf(6), nodeSegmentIdx: 5 }] },
    ],
  });
  const data = HEAD + deprecated + COUNTERS + NONE;
  expect(decodeDevice(fromHex(data))).toEqual(device);
  expect(hex(encodeDevice(device))).toBe(data);
});

test('an interface of a later version is read with the fields of version 4, and keeps what follows them', () => {
  const body = `${ETHERNET1}${NONE}beef`;
  const size = (3 + body.length / 2).toString(16).padStart(2, '0');
  const data = `${HEAD}${NONE}${COUNTERS}02000000${size}0005${body}${size}0004${body}`;
  const surplus = Uint8Array.of(0xbe, 0xef);
  const device = decodeDevice(fromHex(data));
  expect(device.interfaces).toEqual([
    { ...ethernet1, kind: 'known', version: 5, flexAlgoNodeSegments: [], surplus },
    { ...ethernet1, kind: 'known', flexAlgoNodeSegments: [], surplus },
  ]);
  expect(hex(encodeDevice(device))).toBe(data);
});

test('an interface of a later version whose fields do not fit is kept as bytes, and what follows it is read', () => {
  const future = `3e0005${'aa'.repeat(59)}`;
  const current = `3600${'04'}${ETHERNET1}00000000`;
  expect(current.length / 2).toBe(0x36);
  const data = `${HEAD}${NONE}${COUNTERS}02000000${future}${current}`;
  const device = aDevice({ interfaces: [{ kind: 'unknown', version: 5, body: new Uint8Array(59).fill(0xaa) }, anInterface()] });
  expect(decodeDevice(fromHex(data))).toEqual(device);
  expect(hex(encodeDevice(device))).toBe(data);
});

test('bytes that a known interface has after its known fields are kept', () => {
  const data = `${HEAD}${NONE}${COUNTERS}01000000380004${ETHERNET1}00000000beef`;
  const device = aDevice({ interfaces: [anInterface({ surplus: Uint8Array.of(0xbe, 0xef) })] });
  expect(decodeDevice(fromHex(data))).toEqual(device);
  expect(hex(encodeDevice(device))).toBe(data);
});

test('an interface whose fields do not fit its size is kept as bytes', () => {
  const data = `${HEAD}${NONE}${COUNTERS}0100000006000401ff02`;
  expect(decodeDevice(fromHex(data))).toEqual(aDevice({ interfaces: [{ kind: 'unknown', version: 4, body: Uint8Array.of(1, 0xff, 2) }] }));
});

test.each([
  ['a layout that is not known', `0200000009${ETHERNET1}00${LOOPBACK0}`],
  ['a count that the account cannot hold', `ffffffff02${ETHERNET1}`],
  ['a name that the account cannot hold', `0100000002${'03ffffff7f'}${'00'.repeat(40)}`],
])('a first vector with %s ends the reading there, says so, and is written back as it was', (_what, vector) => {
  const tail = vector + COUNTERS + NONE;
  const device: Device = {
    ...emptyDevice,
    ...headOf(aDevice()),
    unreadTail: { from: 'deprecatedInterfaces', bytes: fromHex(tail) },
  };
  expect(decodeDevice(fromHex(HEAD + tail))).toEqual(device);
  expect(hex(encodeDevice(device))).toBe(HEAD + tail);
});

test.each([
  ['a size that is less than its own prefix', '0100000002000400'],
  ['a size that the account cannot hold', '01000000ff7f0400'],
  ['a count that the account cannot hold', 'ffffff0003000500'],
])('a second vector with %s ends the reading there, says so, and is written back as it was', (_what, tail) => {
  const data = HEAD + NONE + COUNTERS + tail;
  const device = aDevice({ unreadTail: { from: 'interfaces', bytes: fromHex(tail) } });
  expect(decodeDevice(fromHex(data))).toEqual(device);
  expect(hex(encodeDevice(device))).toBe(data);
});

test('a device from before the second vector has its interfaces in today’s form', () => {
  const device = decodeDevice(encodeDevice(aDevice({ deprecatedInterfaces: [loopback0, { layout: 2, ...ethernet1 }] })));
  expect(currentInterfaces(device)).toEqual([
    anInterface({
      ...withoutLayout(loopback0),
      cyoa: 0,
      dia: 0,
      bandwidth: 0n,
      cir: 0n,
      mtu: 9000,
      routingMode: 0,
    }),
    anInterface(),
  ]);
  expect(interfacesDisagree(device)).toBe(false);
});

test('two vectors of different length contradict each other, unless the second is empty', () => {
  expect(interfacesDisagree(aDevice({ deprecatedInterfaces: [loopback0], interfaces: [anInterface()] }))).toBe(false);
  expect(interfacesDisagree(aDevice({ deprecatedInterfaces: [loopback0] }))).toBe(false);
  expect(interfacesDisagree(aDevice({ interfaces: [anInterface()] }))).toBe(true);
  expect(currentInterfaces(aDevice({ deprecatedInterfaces: [loopback0], interfaces: [anInterface()] }))).toEqual([anInterface()]);
});

test('a code that is not UTF-8 reads as empty, without moving what follows', () => {
  const data = encodeDevice(aDevice());
  data[124] = 0xff;
  expect(decodeDevice(data)).toEqual(aDevice({ code: '' }));
});

test('a code keeps every character, a byte order mark at its start included', () => {
  const device = aDevice({ code: '\ufeffλ💥' });
  expect(decodeDevice(encodeDevice(device)).code).toBe('\ufeffλ💥');
});

test('data that is not a device is an error with a code', () => {
  expect(() => decodeDevice(new Uint8Array())).toThrow(expect.objectContaining({ code: 'ACCOUNT__EMPTY' }));
  expect(() => decodeDevice(Uint8Array.of(7))).toThrow('the account is of type 7, not a device account (type 5)');
});

test('every device that can be written reads back the same', () => {
  fc.assert(
    fc.property(someDevice, (device) => {
      expect(decodeDevice(encodeDevice(device))).toEqual(device);
    }),
  );
});

test('a device cut anywhere reads as the whole one up to the cut, and as the defaults after it', () => {
  fc.assert(
    fc.property(someDevice, fc.double({ min: 0, max: 1, noNaN: true }), (device, part) => {
      const data = encodeDevice(device);
      const { unreadTail: _, ...read } = decodeDevice(data.subarray(0, 1 + Math.floor(part * (data.length - 1))));
      expect(isPrefixOf(read, device, emptyDevice)).toBe(true);
    }),
  );
});

test('no bytes make the reading of a device fail, and what was not understood is not lost', () => {
  const head = encodeDevice(aDevice()).subarray(0, HEAD.length / 2);
  const someTail = fc.tuple(fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(fc.boolean(), someTail, (afterHead, [count, bytes]) => {
      const data = Uint8Array.of(...(afterHead ? head : [5]), ...count, ...bytes);
      const device = decodeDevice(data);
      if (device.unreadTail?.from === 'deprecatedInterfaces') expect(encodeDevice(device)).toEqual(data);
    }),
    { numRuns: 500 },
  );
});

function headOf(device: Device): Partial<Device> {
  const { owner, index, bumpSeed, locationPk, exchangePk, deviceType, publicIp, status, code, dzPrefixes } = device;
  const { metricsPublisherPk, contributorPk, mgmtVrf } = device;
  const place = { owner, index, bumpSeed, locationPk, exchangePk, deviceType, publicIp, status, code, dzPrefixes };
  return { ...place, metricsPublisherPk, contributorPk, mgmtVrf };
}

function withoutLayout({ layout: _, ...fields }: DeprecatedInterface): Omit<DeprecatedInterface, 'layout'> {
  return fields;
}

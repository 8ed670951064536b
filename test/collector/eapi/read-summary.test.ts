import { expect, test } from 'vitest';
import { readSummary } from '../../../src/collector/eapi/summary.ts';
import { isAgentError } from '../../../src/lib/index.ts';

const WHERE = { endpoint: 'https://dz1', source: 'eapi' };

/** A peer as cEOS 4.34 writes it, with what a test cares about. */
function peer(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const counters = { msgReceived: 5, msgSent: 4, inMsgQueue: 0, outMsgQueue: 0, prefixAccepted: 1, prefixReceived: 1 };
  return {
    version: 4,
    ...counters,
    asn: '65000',
    upDownTime: 1_721_080_527.052_693,
    underMaintenance: false,
    peerState: 'Established',
    ...fields,
  };
}

/** What one peer of vrf1 is read as. */
function readOne(value: unknown): unknown {
  const { vrfs } = readSummary({ vrfs: { vrf1: { vrf: 'vrf1', peers: { '169.254.0.1': value, '169.254.0.3': peer() } } } }, WHERE);
  const reading = vrfs.get('vrf1');
  return reading?.kind === 'collected' ? reading.neighbors.get('169.254.0.1') : reading;
}

/** The readings of some VRFs next to a good one. */
function readVrfs(vrfs: Readonly<Record<string, unknown>>): unknown {
  const reading = readSummary({ vrfs: { ...vrfs, good: { peers: { '169.254.0.1': peer() } } } }, WHERE).vrfs;
  return Object.fromEntries([...reading].filter(([vrf]) => vrf !== 'good'));
}

function errorOf(result: Readonly<Record<string, unknown>>): string {
  try {
    readSummary(result, WHERE);
  } catch (error) {
    if (isAgentError(error)) return error.message;
    throw error;
  }
  return 'none';
}

test('a BGP summary is read whole', () => {
  const result = {
    vrfs: {
      default: { vrf: 'default', routerId: '100.0.0.1', asn: '65342', peers: { '10.0.0.2': peer({ asn: 65_342 }) } },
      vrf1: {
        vrf: 'vrf1',
        routerId: '100.0.0.2',
        asn: '65342',
        peers: {
          '169.254.0.1': peer({ description: 'USER-500' }),
          '169.254.0.3': peer({ peerState: 'Idle', peerStateIdleReason: 'MaxPath', upDownTime: 1_791_030_695.734_125 }),
        },
      },
    },
    _meta: { execStartTime: 1_741_014_072.253_403_7, execDuration: 0.002_4 },
  };
  const shared = { kind: 'collected', source: 'eapi', switchTime: 1_741_014_072_253, changedAtToleranceMs: 1_000 };
  expect(readSummary(result, WHERE)).toEqual({
    established: 2,
    vrfs: new Map([
      [
        'default',
        {
          ...shared,
          neighbors: new Map([['10.0.0.2', { address: '10.0.0.2', state: 'established', changedAt: 1_721_080_527_053, remoteAs: 65_342 }]]),
        },
      ],
      [
        'vrf1',
        {
          ...shared,
          neighbors: new Map<string, unknown>([
            [
              '169.254.0.1',
              { address: '169.254.0.1', state: 'established', changedAt: 1_721_080_527_053, remoteAs: 65_000, description: 'USER-500' },
            ],
            [
              '169.254.0.3',
              {
                address: '169.254.0.3',
                state: 'idle',
                changedAt: 1_791_030_695_734,
                remoteAs: 65_000,
                downReason: 'Idle(MaxPath): more routes than maximum-routes allows',
              },
            ],
          ]),
        },
      ],
    ]),
  });
});

test.each([
  ['Idle', 'idle'],
  ['Connect', 'connect'],
  ['Active', 'active'],
  ['OpenSent', 'open-sent'],
  ['OpenConfirm', 'open-confirm'],
  ['Established', 'established'],
  ['NotNegotiated', 'unrecognized'],
  ['Estab', 'unrecognized'],
  ['ESTABLISHED', 'unrecognized'],
  ['Idle(Admin)', 'unrecognized'],
  ['', 'unrecognized'],
  [undefined, 'unrecognized'],
  [null, 'unrecognized'],
  [6, 'unrecognized'],
  [['Established'], 'unrecognized'],
  ['constructor', 'unrecognized'],
])('a BGP summary has peerState %s read as %s', (peerState, state) => {
  expect(readOne(peer({ peerState }))).toMatchObject({ state });
});

test.each([
  ['65000', 65_000],
  [65_000, 65_000],
  ['65001.1028', 4_259_906_564],
  ['4294967295', 4_294_967_295],
  [4_294_967_295, 4_294_967_295],
  ['4294967296', undefined],
  ['65536.1', undefined],
  ['0', undefined],
  [0, undefined],
  [-1, undefined],
  [65_001.1028, undefined],
  ['65000 ', undefined],
  ['AS65000', undefined],
  [null, undefined],
  [undefined, undefined],
])('a BGP summary has asn %s read as %s', (asn, remoteAs) => {
  expect(readOne(peer({ asn }))).toHaveProperty('state', 'established');
  expect((readOne(peer({ asn })) as { remoteAs?: number }).remoteAs).toBe(remoteAs);
});

test.each([
  [1_611_930_496.25, 1_611_930_496_250],
  ['1611930496.250000', 1_611_930_496_250],
  [1_611_930_496, 1_611_930_496_000],
  [0, undefined],
  [-1, undefined],
  [1e18, undefined],
  ['soon', undefined],
  ['0x10', undefined],
  ['1e9', undefined],
  [null, undefined],
  [undefined, undefined],
  [{}, undefined],
])('a BGP summary has upDownTime %s read as %s', (upDownTime, changedAt) => {
  expect((readOne(peer({ upDownTime })) as { changedAt?: number }).changedAt).toBe(changedAt);
});

test.each([
  ['USER-500', 'USER-500'],
  ['', undefined],
  [500, undefined],
  [null, undefined],
  ['x'.repeat(257), undefined],
])('a BGP summary has description %s read as %s', (description, read) => {
  expect((readOne(peer({ description })) as { description?: string }).description).toBe(read);
});

test.each([[null], [[]], ['Established'], [6], [true]])(
  'a BGP summary with a peer that is %j has its address in an unrecognized state',
  (value) => {
    expect(readOne(value)).toEqual({ address: '169.254.0.1', state: 'unrecognized' });
  },
);

test('a BGP summary keeps IPv6, link-local and interface peers next to ours', () => {
  const peers = {
    '2001:db8::1': peer(),
    'fe80::a8c1:abff:fe94:4171%Et3': peer(),
    'Ethernet1/1.100': peer(),
    'Port-Channel7': peer(),
    '169.254.0.1': peer(),
  };
  const reading = readSummary({ vrfs: { default: { peers } } }, WHERE).vrfs.get('default');
  expect(reading?.kind === 'collected' ? [...reading.neighbors.keys()] : reading).toEqual(Object.keys(peers));
});

test('a time of last change from another clock is ignored, so no session counts as down for decades', () => {
  const execStartTime = 1_741_014_072;
  const ageOf = (upDownTime: number) => {
    const peers = { '169.254.0.1': peer({ peerState: 'Idle', upDownTime }) };
    const reading = readSummary({ vrfs: { vrf1: { peers } }, _meta: { execStartTime } }, WHERE).vrfs.get('vrf1');
    return reading?.kind === 'collected' ? reading.neighbors.get('169.254.0.1')?.changedAt : reading;
  };
  expect([100, 946_684_800, execStartTime - 100].map(ageOf)).toEqual([undefined, undefined, (execStartTime - 100) * 1_000]);
});

test.each([
  '169.254.0.01',
  '169.254.0.1/32',
  ' 169.254.0.1',
  '169.254.0',
  '',
  '__proto__',
  'x'.repeat(101),
  '10.0.0.1%Et3',
  '%Et3',
  '::ffff:169.254.0.1',
])('a BGP summary leaves a VRF failed in which it names a peer “%s”', (address) => {
  const peers = JSON.parse(`{${JSON.stringify(address)}:{}}`) as unknown;
  expect(readVrfs({ vrf1: { peers } })).toEqual({
    vrf1: { kind: 'failed', source: 'eapi', problem: expect.stringMatching(/^“.*” is not the address of a peer$/) },
  });
});

test.each([
  [null, 'it is null'],
  [[], 'it is a list'],
  ['vrf1', 'it is a string'],
  [{ vrf: 'vrf1' }, 'its peers are missing'],
  [{ peers: null }, 'its peers are null'],
  [{ peers: [] }, 'its peers are a list'],
  [{ peers: 3 }, 'its peers are a number'],
])('a BGP summary leaves a VRF failed that is %j', (value, problem) => {
  expect(readVrfs({ vrf1: value })).toEqual({ vrf1: { kind: 'failed', source: 'eapi', problem } });
});

test('a BGP summary covers a VRF without peers when another VRF has some', () => {
  expect(readVrfs({ vrf1: { peers: {} } })).toEqual({
    vrf1: { kind: 'collected', source: 'eapi', neighbors: new Map(), changedAtToleranceMs: 1_000 },
  });
});

test.each([
  ['no VRF', { vrfs: {} }, 'BGP is not running on the switch behind eAPI at https://dz1: the summary names no VRF'],
  [
    'no VRF and the warning of a BGP that does not run',
    { vrfs: {}, warnings: ['BGP inactive'] },
    'BGP is not running on the switch behind eAPI at https://dz1: BGP inactive',
  ],
  ['no peer in any VRF', { vrfs: { default: { peers: {} }, vrf1: { peers: {} } } }, 'eAPI at https://dz1 shows no BGP neighbor in any VRF'],
  ['no VRF that could be read', { vrfs: { vrf1: 7, vrf2: {} } }, 'malformed eAPI response from https://dz1: VRF vrf1: it is a number'],
  [
    'no peer but in a VRF that could not be read',
    { vrfs: { default: { peers: {} }, vrf1: {} } },
    'malformed eAPI response from https://dz1: VRF vrf1: its peers are missing',
  ],
  ['vrfs missing', {}, 'malformed eAPI response from https://dz1: vrfs is missing'],
  ['vrfs a list', { vrfs: [] }, 'malformed eAPI response from https://dz1: vrfs is a list'],
])('a BGP summary with %s is an error, not an empty snapshot', (_, result, message) => {
  expect(errorOf(result)).toBe(message);
});

test('a BGP summary with other warnings is read as it is', () => {
  expect(errorOf({ vrfs: { vrf1: { peers: { '169.254.0.1': peer() } } }, warnings: ['Model is deprecated', 7] })).toBe('none');
});

test.each([[undefined], [null], ['now'], [{}], [{ execStartTime: 'now' }], [{ execStartTime: -1 }]])(
  'a BGP summary with _meta %j has sessions without an age',
  (_meta) => {
    const reading = readSummary({ vrfs: { vrf1: { peers: { '169.254.0.1': peer() } } }, _meta }, WHERE).vrfs.get('vrf1');
    expect(reading?.kind === 'collected' ? reading.switchTime : reading).toBeUndefined();
  },
);

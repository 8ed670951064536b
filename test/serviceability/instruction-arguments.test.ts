import { expect, test } from 'vitest';
import { addressOf, type DecodedInstruction, decodeInstruction, ZERO_ADDRESS } from '../../src/serviceability/index.ts';
import { fromHex } from './builders.ts';

const NO_NETWORK = { address: '0.0.0.0', prefixLength: 0 };
const PUBLISHER = addressOf(Uint8Array.of(5, ...new Uint8Array(31)));

/** Data as the deployed program's own fixtures have it. */
const FIXTURES: readonly (readonly [name: DecodedInstruction['name'], data: string, args: object])[] = [
  [
    'SetGlobalConfig',
    `03${'00'.repeat(29)}`,
    {
      localAsn: 0,
      remoteAsn: 0,
      deviceTunnelBlock: NO_NETWORK,
      userTunnelBlock: NO_NETWORK,
      multicastGroupBlock: NO_NETWORK,
      nextBgpCommunity: undefined,
      multicastPublisherBlock: NO_NETWORK,
    },
  ],
  [
    'CreateDevice',
    `140400000064657631000a000001010000000a0000001805${'00'.repeat(31)}040000006d676d740002`,
    {
      code: 'dev1',
      deviceType: 0,
      publicIp: '10.0.0.1',
      dzPrefixes: [{ address: '10.0.0.0', prefixLength: 24 }],
      metricsPublisherPk: PUBLISHER,
      mgmtVrf: 'mgmt',
      desiredStatus: undefined,
      resourceCount: 2,
    },
  ],
  ['DeleteDevice', '1a02', { resourceCount: 2 }],
  [
    'CreateLink',
    '1c050000006c696e6b310100e40b54020000002823000040420f0000000000a0860100000000000900000045746865726e657431010900000045746865726e6574310001',
    {
      code: 'link1',
      linkType: 1,
      bandwidth: 10_000_000_000n,
      mtu: 9_000,
      delayNs: 1_000_000n,
      jitterNs: 100_000n,
      sideAIfaceName: 'Ethernet1',
      sideZIfaceName: 'Ethernet1',
      desiredStatus: undefined,
      useOnchainAllocation: true,
    },
  ],
  [
    'CreateUser',
    '2400010a0b0c0dc0a8010201',
    { userType: 0, cyoaType: 1, clientIp: '10.11.12.13', tunnelEndpoint: '192.168.1.2', dzPrefixCount: 1 },
  ],
  [
    'CreateSubscribeUser',
    `3b01010a0b0c0d0100c0a8010201${'00'.repeat(32)}`,
    {
      userType: 1,
      cyoaType: 1,
      clientIp: '10.11.12.13',
      publisher: true,
      subscriber: false,
      tunnelEndpoint: '192.168.1.2',
      dzPrefixCount: 1,
      owner: ZERO_ADDRESS,
    },
  ],
  ['DeleteUser', '2a0301', { dzPrefixCount: 3, multicastPublisherCount: 1 }],
  ['ClearTopology', '6d04000000746f706f', { name: 'topo' }],
  ['AssignTopologyNodeSegments', '6e04000000746f706f', { name: 'topo' }],
  ['SetUserBgpStatus', '6a01e070720000000000', { status: 'up', rttNs: 7_500_000n }],
];

test.each(FIXTURES)('%s is read as its fixture says', (name, data, args) => {
  expect(decodeInstruction(fromHex(data))).toEqual({ name, args });
  expect(decodeInstruction(fromHex(`${data}ffff`))).toEqual({ name, args });
});

test('arguments that an older client does not send have the defaults of the program', () => {
  expect(decodeInstruction(fromHex('24'))).toEqual({
    name: 'CreateUser',
    args: { userType: 0, cyoaType: 0, clientIp: '0.0.0.0', tunnelEndpoint: '0.0.0.0', dzPrefixCount: 0 },
  });
  expect(decodeInstruction(fromHex('1c050000006c696e6b31'))).toMatchObject({
    args: { code: 'link1', linkType: 1, mtu: 0, sideZIfaceName: undefined, useOnchainAllocation: false },
  });
});

test.each(['2400010a0b', '1405000000646576', '6d04000000746f', '6a030000000000000000', '25', 'ff', ''])(
  '%s ends inside an argument, or is another instruction, and is not read',
  (data) => {
    expect(decodeInstruction(fromHex(data))).toBeUndefined();
  },
);

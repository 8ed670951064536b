import { expect, test } from 'vitest';
import * as sdk from '../../src/serviceability/index.ts';

const upTo = (last: number, name: (byte: number) => string): string[] => Array.from({ length: last + 1 }, (_, byte) => name(byte));

test('rfc19 25: the statuses of a user are called as the doublezero command calls them', () => {
  expect(upTo(9, sdk.userStatusName)).toEqual([
    'pending (deprecated)',
    'activated',
    'suspended (deprecated)',
    'deleting',
    'rejected (deprecated)',
    'pending ban (deprecated)',
    'banned',
    'updating (deprecated)',
    'out_of_credits',
    'unknown(9)',
  ]);
  expect(upTo(3, sdk.bgpStatusName)).toEqual(['unknown', 'up', 'down', 'unknown(3)']);
});

test('the statuses of a device have the program’s numbers', () => {
  expect(upTo(8, sdk.deviceStatusName)).toEqual([
    'pending (deprecated)',
    'activated',
    'unknown(2)',
    'deleting',
    'rejected (deprecated)',
    'drained',
    'device-provisioning',
    'link-provisioning',
    'unknown(8)',
  ]);
  expect(sdk.deviceStatusName(sdk.DeviceStatus.drained)).toBe('drained');
});

test('every other enum byte has its name', () => {
  expect(upTo(4, sdk.userTypeName)).toEqual(['IBRL', 'IBRLWithAllocatedIP', 'EdgeFiltering', 'Multicast', 'unknown(4)']);
  expect(upTo(6, sdk.cyoaTypeName)).toEqual([
    'none',
    'GREOverDIA',
    'GREOverFabric',
    'GREOverPrivatePeering',
    'GREOverPublicPeering',
    'GREOverCable',
    'unknown(6)',
  ]);
  expect(upTo(3, sdk.deviceTypeName)).toEqual(['hybrid', 'transit', 'edge', 'unknown(3)']);
  expect(upTo(5, sdk.deviceHealthName)).toEqual(['unknown', 'pending', 'ready-for-links', 'ready-for-users', 'impaired', 'unknown(5)']);
  expect([0, 1, 5, 6].map(sdk.deviceDesiredStatusName)).toEqual(['pending', 'activated', 'unknown(5)', 'drained']);
  expect(upTo(7, sdk.interfaceStatusName)).toEqual([
    'invalid',
    'unmanaged',
    'pending',
    'activated',
    'deleting',
    'rejected',
    'unlinked',
    'unknown(7)',
  ]);
  expect(upTo(3, sdk.interfaceTypeName)).toEqual(['invalid', 'loopback', 'physical', 'unknown(3)']);
  expect(upTo(4, sdk.loopbackTypeName)).toEqual(['none', 'vpnv4', 'ipv4', 'pim_rp_addr', 'unknown(4)']);
  expect(upTo(2, sdk.interfaceDiaName)).toEqual(['none', 'dia', 'unknown(2)']);
  expect(upTo(2, sdk.routingModeName)).toEqual(['static', 'bgp', 'unknown(2)']);
  expect(upTo(2, sdk.paymentStatusName)).toEqual(['Delinquent', 'Paid', 'unknown(2)']);
});

test('the bytes of links, places, groups and passes have the names of the program', () => {
  expect([1, 127, 2].map(sdk.linkTypeName)).toEqual(['WAN', 'DZX', 'unknown(2)']);
  expect(upTo(9, sdk.linkStatusName)).toEqual([
    'pending (deprecated)',
    'activated',
    'unknown(2)',
    'deleting',
    'rejected (deprecated)',
    'requested',
    'hard-drained',
    'soft-drained',
    'provisioning',
    'unknown(9)',
  ]);
  expect(upTo(4, sdk.linkHealthName)).toEqual(['unknown', 'pending', 'ready-for-service', 'impaired', 'unknown(4)']);
  expect([0, 1, 6, 7, 8].map(sdk.linkDesiredStatusName)).toEqual(['pending', 'activated', 'hard-drained', 'soft-drained', 'unknown(8)']);
  expect(upTo(4, sdk.contributorStatusName)).toEqual(['none', 'activated', 'suspended', 'deleting', 'unknown(4)']);
  expect(upTo(3, sdk.placeStatusName)).toEqual(['pending (deprecated)', 'activated', 'suspended', 'unknown(3)']);
  expect(upTo(5, sdk.multicastGroupStatusName)).toEqual([
    'pending (deprecated)',
    'activated',
    'suspended',
    'deleting',
    'rejected (deprecated)',
    'unknown(5)',
  ]);
  expect(upTo(4, sdk.accessPassStatusName)).toEqual(['requested', 'connected', 'disconnected', 'expired (deprecated)', 'unknown(4)']);
  expect(upTo(3, sdk.permissionStatusName)).toEqual(['none', 'activated', 'suspended', 'unknown(3)']);
  expect(upTo(2, sdk.topologyConstraintName)).toEqual(['include-any', 'exclude', 'unknown(2)']);
});

test('a network is found by each of its names', () => {
  const names = ['mainnet-beta', 'mainnet', 'm', 'testnet', 't', 'devnet', 'd', 'localnet', 'local', 'l', 'MAINNET-BETA', 'moon', ''];
  expect(names.map((name) => sdk.findNetwork(name)?.name)).toEqual([
    'mainnet-beta',
    'mainnet-beta',
    'mainnet-beta',
    'testnet',
    'testnet',
    'devnet',
    'devnet',
    'localnet',
    'localnet',
    'localnet',
    'mainnet-beta',
    undefined,
    undefined,
  ]);
});

test('every network has valid addresses, URLs and its own AS number', () => {
  for (const { programId, telemetryProgramId, rpcUrl, wsUrl } of sdk.NETWORKS) {
    expect([programId, telemetryProgramId].every(sdk.isAddress)).toBe(true);
    expect([new URL(rpcUrl).protocol, new URL(wsUrl).protocol]).toEqual(
      rpcUrl.startsWith('http://localhost') ? ['http:', 'ws:'] : ['https:', 'wss:'],
    );
  }
  expect(sdk.NETWORKS.map(({ name, deviceAsn }) => [name, deviceAsn])).toEqual([
    ['mainnet-beta', 209_321],
    ['testnet', 65_342],
    ['devnet', 21_682],
    ['localnet', 21_682],
  ]);
});

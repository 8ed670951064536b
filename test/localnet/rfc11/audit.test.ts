import { expect, test } from 'vitest';
import { encodeUser, type Instruction } from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  extensionOf,
  FOUNDATION,
  interfaceAt,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  PROGRAM,
  userAt,
  type World,
} from './rfc11-world.ts';

const networkOf = (world: World) =>
  rfc11.readNetworkAccounts(
    PROGRAM,
    [...world.accounts].flatMap(([address, { owner, data }]) => (owner === PROGRAM ? [[address, data] as const] : [])),
  );
const findingsOf = (world: World) =>
  rfc11.auditPools(networkOf(world)).findings.map(({ kind, pool, value, holders }) => ({
    kind,
    pool,
    value,
    holders: holders.map(({ account }) => account),
  }));

/** A network in which every kind of entity holds something. */
function busyNetwork() {
  const bed = networkBed();
  const { world, device, other, pass } = bed;
  for (const n of [1, 2, 3]) world.must(newUser({ device, pass, clientIp: client(n) }), CUSTOMER);
  world.must(newLink(world, device, other), OPERATOR);
  world.must(newInterface(world, { device, kind: 'loopback with address' }), OPERATOR);
  world.must(newInterface(world, { device, name: 'Ethernet1', kind: 'physical' }), OPERATOR);
  world.must(newGroup(0));
  return bed;
}

const release = (device: rfc11.OnExtension['device'], resource: rfc11.ResourceTypeName, slot: number): Instruction =>
  rfc11.releaseResource({ programId: PROGRAM, device, authority: FOUNDATION, resourceType: rfc11.ResourceType[resource], slot });

test('an audit finds nothing after users, links, interfaces and groups of RFC-11 came and went', () => {
  const { world, device, onUser } = busyNetwork();
  expect(findingsOf(world)).toEqual([]);
  world.must(rfc11.deleteUser({ ...onUser(userAt(client(2))), authority: CUSTOMER }), CUSTOMER);
  world.must(rfc11.banUser({ ...onUser(userAt(client(3))), authority: FOUNDATION }));
  world.must(newUser({ device, pass: onUser().accessPass, clientIp: client(9) }), CUSTOMER);
  expect(findingsOf(world)).toEqual([]);
});

test('a release of a live slot by the foundation is found before and after the program gives it out again', () => {
  const { world, device, pass } = busyNetwork();
  world.must(release(device, 'tunnelId', 0));
  const about = { pool: 'TunnelId', value: '500' };
  expect(findingsOf(world)).toEqual([{ ...about, kind: 'held-but-free', holders: [userAt(client(1))] }]);
  world.must(newUser({ device, pass, clientIp: client(9) }), CUSTOMER);
  const [twice] = findingsOf(world);
  expect({ ...twice, holders: new Set(twice?.holders) }).toEqual({
    ...about,
    kind: 'two-holders',
    holders: new Set([userAt(client(1)), userAt(client(9))]),
  });
});

test('slots that are taken and held by no entity are found in each kind of pool', () => {
  const { world, device } = busyNetwork();
  for (const [scope, resource, slots] of [
    [device, 'tunnelId', [90, 91]],
    [device, 'segmentRoutingId', [7]],
    [device, 'userTunnelNet', [500]],
    [device, 'dzIp', [77]],
    [undefined, 'linkTunnelNet', [12]],
    [undefined, 'multicast', [200]],
  ] as const)
    world.must(
      rfc11.setResourceState({
        programId: PROGRAM,
        device: scope,
        authority: FOUNDATION,
        resourceType: rfc11.ResourceType[resource],
        slots,
      }),
    );
  expect(findingsOf(world).map(({ kind, pool, value }) => [kind, pool, value])).toEqual([
    ['taken-but-unheld', 'LinkTunnelNet', '172.16.0.24/31'],
    ['taken-but-unheld', 'Multicast', '233.84.178.200'],
    ['taken-but-unheld', 'DzIp', '198.19.1.77'],
    ['taken-but-unheld', 'SegmentRoutingId', '8'],
    ['taken-but-unheld', 'TunnelId', '590 to 591'],
    ['taken-but-unheld', 'UserTunnelNet', '169.254.3.232/31'],
  ]);
});

test('slots in an account that are not those of its values, and a count that differs from the bits, are found', () => {
  const { world, device } = busyNetwork();
  const { value, slots } = rfc11.decodeUserWithSlots(world.data(userAt(client(1))));
  if (slots === undefined) throw new Error('the user has slots');
  world.put(userAt(client(1)), rfc11.encodeUserWithSlots({ value, slots: { ...slots, tunnelIdSlot: 1, dzIpSlot: rfc11.NO_SLOT } }));
  expect(findingsOf(world).map(({ kind, pool }) => [kind, pool])).toEqual([
    ['slot-mismatch', 'TunnelId'],
    ['slot-mismatch', 'DzIp'],
  ]);
  world.put(userAt(client(1)), rfc11.encodeUserWithSlots({ value, slots }));
  const extension = world.extension(extensionOf(device));
  const [ids] = extension.idAllocations;
  if (ids !== undefined) ids.allocatedCount = 77;
  world.put(extensionOf(device), rfc11.encodeResourceExtension(extension));
  expect(findingsOf(world).map(({ kind, pool }) => [kind, pool])).toEqual([['count-wrong', 'TunnelId']]);
});

test('reserved slots that are free are found, because the program would give them out', () => {
  const { world, device } = busyNetwork();
  const extension = world.extension(extensionOf(device));
  const [ids] = extension.idAllocations;
  const addresses = extension.ipAllocations.find(({ blockType }) => blockType === 'dzIp');
  for (const slot of [0, 1, 255]) addresses?.bitmap.clear(slot);
  ids?.bitmap.clear(3_596);
  world.put(extensionOf(device), rfc11.encodeResourceExtension(extension));
  expect(findingsOf(world).map(({ kind, pool, value }) => [kind, pool, value])).toEqual([
    ['reserved-but-free', 'DzIp', '198.19.1.0 to 198.19.1.1'],
    ['reserved-but-free', 'DzIp', '198.19.1.255'],
    ['reserved-but-free', 'TunnelId', '4096'],
  ]);
});

test('an interface of an unknown device is found, and an extension that counts other interfaces than there are', () => {
  const { world, device } = busyNetwork();
  const address = interfaceAt(device, 'Ethernet1');
  const account = rfc11.decodeInterfaceAccount(world.data(address));
  world.put(address, rfc11.encodeInterfaceAccount({ ...account, devicePk: OPERATOR }));
  expect(findingsOf(world).map(({ kind, holders }) => [kind, holders])).toEqual([
    ['device-unknown', [address]],
    ['count-wrong', [extensionOf(device)]],
  ]);
});

test('a user without slots makes the network one in migration, whose values are compared all the same', () => {
  const { world } = busyNetwork();
  world.put(userAt(client(1)), encodeUser(rfc11.decodeUserWithSlots(world.data(userAt(client(1)))).value));
  expect(findingsOf(world)).toEqual([]);
});

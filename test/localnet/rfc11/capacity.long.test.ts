import { describe, expect, test } from 'vitest';
import { decodeUser, parseNetworkV4 } from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import {
  CUSTOMER,
  client,
  createWorld,
  deviceIn,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  newGlobalExtension,
  newGroup,
  newUser,
  OPERATOR,
  PROGRAM,
  userAt,
  userIn,
} from './rfc11-world.ts';

/** How many of a kind an extension gives out until it has none left, and which slot is the last. */
function drain(extension: rfc11.ResourceExtension, type: rfc11.ResourceTypeName): readonly [count: number, last: number | undefined] {
  const pool = rfc11.resourcePool(extension, type);
  let [count, last]: [number, number | undefined] = [0, undefined];
  for (let slot = pool?.allocate(); slot !== undefined; slot = pool?.allocate()) [count, last] = [count + 1, slot];
  return [count, last];
}

describe("RFC-11's capacity table", () => {
  const world = createWorld();
  world.must(newGlobalExtension());
  const device = deviceIn(world);

  test.each([
    ['User tunnel_net: 32,768 /31 blocks of 169.254.0.0/16', 'userTunnelNet', 32_768, 32_767],
    ['Tunnel ID: 3,596 a device, 500 to 4095 (the table says ~3,595)', 'tunnelId', 3_596, 3_595],
    ['Segment routing id: 4,096 a device', 'segmentRoutingId', 4_096, 4_095],
    ['DZ IP: a /24 prefix less network, gateway and broadcast', 'dzIp', 253, 254],
  ] as const)('%s', (_, type, count, last) => {
    expect(drain(world.extension(extensionOf(device)), type)).toEqual([count, last]);
  });

  test.each([
    ['Link tunnel_net: 32,768 /31 blocks of 172.16.0.0/16', 'linkTunnelNet', 32_768, 32_767],
    ['Multicast: 256 addresses of 233.84.178.0/24', 'multicast', 256, 255],
  ] as const)('%s', (_, type, count, last) => {
    expect(drain(world.extension(GLOBAL_EXTENSION), type)).toEqual([count, last]);
  });

  test('devices: no cap but the lamports of their creator', () => {
    for (let n = 0; n < 40; n++) deviceIn(world, { code: `cap${n}` });
    expect([...world.accounts.values()].filter(({ data }) => data[0] === 5).length).toBe(41);
  });
});

test('the last DoubleZero address goes to a user, the next one is refused, and after a delete it is given out again', () => {
  const world = createWorld();
  const device = deviceIn(world, { dzPrefixes: [parseNetworkV4('198.19.1.0/28')] });
  const pass = world.pass();
  // 16 addresses, of which 3 are set apart.
  for (let n = 1; n <= 13; n++) userIn(world, { device, pass, clientIp: client(n) });
  expect(decodeUser(world.data(userAt(client(13)))).dzIp).toBe('198.19.1.14');
  expect(world.run(newUser({ device, pass, clientIp: client(14) }), CUSTOMER).err).toBe('DzIpExhausted');
  const removal = { programId: PROGRAM, user: userAt(client(5)), device, extension: extensionOf(device), accessPass: pass };
  world.must(rfc11.deleteUser({ ...removal, authority: CUSTOMER }), CUSTOMER);
  world.must(newUser({ device, pass, clientIp: client(14) }), CUSTOMER);
  expect(decodeUser(world.data(userAt(client(14))))).toMatchObject({ dzIp: '198.19.1.6', tunnelId: 504 });
});

test('the 256th group gets the last address of the block, the 257th none', () => {
  const world = createWorld();
  world.must(newGlobalExtension());
  const extension = world.extension(GLOBAL_EXTENSION);
  for (let n = 0; n < 255; n++) rfc11.resourcePool(extension, 'multicast')?.allocate();
  world.put(GLOBAL_EXTENSION, rfc11.encodeResourceExtension(extension));
  world.must(newGroup(255));
  expect(world.run(newGroup(0), FOUNDATION).err).toBe('MulticastExhausted');
});

test('a tunnel id is handed from user to user without end: five hundred users on a device that holds one', () => {
  const world = createWorld();
  const device = deviceIn(world, { dzPrefixes: [parseNetworkV4('198.19.1.0/30')] });
  const pass = world.pass();
  const cycle = [newUser({ device, pass })];
  const removal = { programId: PROGRAM, user: userAt(), device, extension: extensionOf(device), accessPass: pass, authority: CUSTOMER };
  for (let n = 0; n < 500; n++) world.must([...cycle, rfc11.deleteUser(removal)], CUSTOMER);
  expect(rfc11.isUnused(world.extension(extensionOf(device)))).toBe(true);
  expect(world.run(rfc11.deleteDevice({ ...removal, authority: OPERATOR, contributor: world.contributors[0] }), OPERATOR).err).toBeNull();
});

import { expect, test } from 'vitest';
import { newTenant } from '../../../localnet/ledger/factories.ts';
import {
  type Address,
  decodeAccessPass,
  decodeDevice,
  decodeLink,
  decodeMulticastGroup,
  decodeUser,
  encodeAccessPass,
  encodeDevice,
  encodeLink,
  encodeMulticastGroup,
  encodeTenant,
  encodeUser,
  ipv4,
  linkAddress,
  multicastGroupAddress,
  parseNetworkV4,
  type User,
  UserStatus,
  ZERO_ADDRESS,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  createWorld,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  groupAt,
  key,
  linkEnds,
  newGlobalExtension,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  PROGRAM,
  userAt,
  userIn,
  type World,
} from './rfc11-world.ts';

/** A network as it was before RFC-11: two devices with a user each and a link, and a group; no extension, no slots, indexed addresses. */
function oldNetwork() {
  const { world: template, device: a, other: b, pass } = networkBed();
  const users = [
    userIn(template, { device: a, pass, clientIp: client(1) }),
    userIn(template, { device: b, pass, clientIp: client(2) }),
  ] as const;
  template.must(newLink(template, a, b), OPERATOR);
  template.must(newGroup(0));

  const world = createWorld();
  world.pass();
  for (const device of [a, b]) world.put(device, encodeDevice(decodeDevice(template.data(device))));
  const passValue = decodeAccessPass(template.data(pass));
  world.put(pass, encodeAccessPass(passValue));
  for (const [n, user] of users.entries()) {
    const value = decodeUser(template.data(user));
    // An IBRL user of today: its own address is its DoubleZero address, and its tunnel is somewhere in the block.
    const old: User = { ...value, dzIp: value.clientIp, tunnelId: 507 + n, tunnelNet: parseNetworkV4(`169.254.${n}.14/31`) };
    world.put(user, encodeUser(old));
  }
  const link = linkAddress(PROGRAM, 1n).address;
  const linkValue = decodeLink(template.data(linkEnds(a, b).link));
  world.put(link, encodeLink({ ...linkValue, index: 1n, tunnelId: 500, tunnelNet: parseNetworkV4('172.16.0.8/31') }));
  const group = multicastGroupAddress(PROGRAM, 2n).address;
  world.put(group, encodeMulticastGroup({ ...decodeMulticastGroup(template.data(groupAt(0))), multicastIp: ipv4('233.84.178.9') }));
  return { world, a, b, pass, users, link, group };
}

const extensionFor = (device: Address) =>
  rfc11.createResourceExtension({
    programId: PROGRAM,
    extension: extensionOf(device),
    associatedWith: device,
    authority: FOUNDATION,
    payer: FOUNDATION,
    idBitmaps: [rfc11.TUNNEL_IDS, rfc11.SEGMENT_ROUTING_IDS].map(({ idType, ...range }) => ({ idType: rfc11.IdType[idType], ...range })),
    ipBlocks: [
      { blockType: rfc11.IpBlockType.userTunnelNet, ...rfc11.UNRESERVED },
      { blockType: rfc11.IpBlockType.dzIp, ...rfc11.DZ_IP_RESERVED },
    ],
  });

const setState = (extension: Address, type: rfc11.ResourceTypeName, slots: readonly number[]) =>
  rfc11.setResourceState({ programId: PROGRAM, extension, authority: FOUNDATION, resourceType: rfc11.ResourceType[type], slots });

const NONE = { tunnelNetSlot: undefined, dzIpSlot: undefined, tunnelIdSlot: undefined, tunnelIdSlotB: undefined, multicastSlot: undefined };

const slotOf = <T>(slot: T | undefined): T => {
  if (slot === undefined) throw new Error('the value lies in no pool');
  return slot;
};

/** What a user's values are as slots of its device's extension. */
function slotsOfUser(world: World, address: Address) {
  const user = decodeUser(world.data(address));
  const extension = world.extension(extensionOf(user.devicePk));
  return {
    tunnelNetSlot: slotOf(rfc11.networkPool(extension, 'userTunnelNet')?.slotOf(user.tunnelNet)),
    tunnelIdSlot: slotOf(rfc11.idPool(extension, 'tunnelId')?.slotOf(user.tunnelId)),
    dzIpSlot: rfc11.networkPool(extension, 'dzIp')?.slotOf({ address: user.dzIp, prefixLength: 32 }) ?? rfc11.NO_SLOT,
  };
}

test('phases 1 to 5: a network from before RFC-11 is taken over, its users, link and group are backfilled, and deleted with release', () => {
  const { world, a, b, pass, users, link, group } = oldNetwork();
  const [first, second] = users;
  const before = new Map(users.map((user) => [user, decodeUser(world.data(user))]));

  // Phase 1: the program knows the new instructions, and no account has changed. The old users cannot be deleted by them.
  const deletion = { programId: PROGRAM, user: first, device: a, extension: extensionOf(a), accessPass: pass, authority: CUSTOMER };
  expect(world.run(rfc11.deleteUser(deletion), CUSTOMER).err).toBe('SlotsNotTracked');

  // Phase 2: the network's extension and one for each device.
  for (const instruction of [newGlobalExtension(), extensionFor(a), extensionFor(b)]) world.must(instruction);

  // Phase 3: what is in use is marked.
  for (const user of users) {
    const { devicePk } = decodeUser(world.data(user));
    const { tunnelNetSlot, tunnelIdSlot } = slotsOfUser(world, user);
    world.must(setState(extensionOf(devicePk), 'userTunnelNet', [tunnelNetSlot]));
    // Both devices give the link Tunnel500 too.
    world.must(setState(extensionOf(devicePk), 'tunnelId', [tunnelIdSlot, 0]));
  }
  world.must(setState(GLOBAL_EXTENSION, 'linkTunnelNet', [4]));
  world.must(setState(GLOBAL_EXTENSION, 'multicast', [9]));
  expect(slotsOfUser(world, first)).toEqual({ tunnelNetSlot: 7, tunnelIdSlot: 7, dzIpSlot: rfc11.NO_SLOT });

  // Phase 4: the old accounts get their slots.
  const backfill = { programId: PROGRAM, authority: FOUNDATION, ...NONE };
  for (const user of users) {
    const { devicePk } = decodeUser(world.data(user));
    const extensions = [extensionOf(devicePk)];
    world.must(rfc11.backfillEntitySlots({ ...backfill, entity: user, extensions, accessPass: pass, ...slotsOfUser(world, user) }));
  }
  const linkSlots = { tunnelNetSlot: 4, tunnelIdSlot: 0, tunnelIdSlotB: 0 };
  const ends = [GLOBAL_EXTENSION, extensionOf(a), extensionOf(b)];
  world.must(rfc11.backfillEntitySlots({ ...backfill, entity: link, extensions: ends, ...linkSlots }));
  world.must(rfc11.backfillEntitySlots({ ...backfill, entity: group, extensions: [GLOBAL_EXTENSION], multicastSlot: 9 }));
  for (const user of users) expect(decodeUser(world.data(user))).toEqual(before.get(user));
  expect(rfc11.decodeUserWithSlots(world.data(second)).slots).toEqual({ ...slotsOfUser(world, second), accessPassPk: pass });

  // Phase 5: new users stay out of the old ones' way, and the old ones are deleted like new ones.
  for (let n = 10; n < 20; n++) world.must(newUser({ device: a, pass, clientIp: client(n) }), CUSTOMER);
  const newcomers = Array.from({ length: 10 }, (_, n) => decodeUser(world.data(userAt(client(10 + n)))));
  expect(newcomers.map(({ tunnelId }) => tunnelId)).toEqual([501, 502, 503, 504, 505, 506, 508, 509, 510, 511]);
  expect(newcomers.map(({ tunnelNet }) => tunnelNet.address)).not.toContain('169.254.0.14');
  world.must(rfc11.deleteUser(deletion), CUSTOMER);
  world.must(rfc11.deleteUser({ ...deletion, user: second, device: b, extension: extensionOf(b) }), CUSTOMER);
  world.must(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(a, b), link, authority: OPERATOR }), OPERATOR);
  world.must(rfc11.deleteMulticastGroup({ programId: PROGRAM, group, globalExtension: GLOBAL_EXTENSION, authority: FOUNDATION }));
  expect(rfc11.isUnused(world.extension(extensionOf(b)))).toBe(true);
  expect(rfc11.isUnused(world.extension(GLOBAL_EXTENSION))).toBe(true);
  world.must(newUser({ device: a, pass, clientIp: client(20) }), CUSTOMER);
  expect(decodeUser(world.data(userAt(client(20)))).tunnelId).toBe(500);
});

test('BackfillEntitySlots refuses what is not so', () => {
  const { world, a, b, pass, users, link } = oldNetwork();
  const [first] = users;
  for (const instruction of [newGlobalExtension(), extensionFor(a), extensionFor(b)]) world.must(instruction);
  const own = slotsOfUser(world, first);
  const backfill = (change: object, extensions: readonly Address[] = [extensionOf(a)], accessPass = pass) => {
    const input = { programId: PROGRAM, entity: first, authority: FOUNDATION, extensions, accessPass, ...NONE, ...own, ...change };
    return world.run(rfc11.backfillEntitySlots(input)).err;
  };
  expect(backfill({})).toBe('SlotNotAllocated');
  world.must([setState(extensionOf(a), 'userTunnelNet', [own.tunnelNetSlot]), setState(extensionOf(a), 'tunnelId', [own.tunnelIdSlot])]);
  expect(backfill({ tunnelNetSlot: own.tunnelNetSlot + 1 })).toBe('SlotMismatch');
  expect(backfill({ tunnelIdSlot: undefined })).toBe('Custom 65');
  expect(backfill({ multicastSlot: 1 })).toBe('Custom 65');
  expect(backfill({}, [extensionOf(b)])).toBe('InvalidSeeds');
  expect(backfill({}, [extensionOf(a)], world.pass({ owner: OPERATOR }))).toBe('Custom 25');
  expect(
    backfill({ entity: world.put(key('tenant'), encodeTenant(newTenant({ code: 't', vrfId: 1, bumpSeed: 255, owner: ZERO_ADDRESS }))) }),
  ).toBe('InvalidAccountData');
  expect(backfill({ entity: link }, [GLOBAL_EXTENSION, extensionOf(a), extensionOf(b)])).toBe('Custom 65');
  expect(backfill({})).toBeNull();
  expect(backfill({})).toBe('SlotsAlreadyTracked');
});

/** The old network with its extensions, and what its entities hold marked as in phase 3. */
function markedNetwork() {
  const old = oldNetwork();
  const { world, a, b, users } = old;
  for (const instruction of [newGlobalExtension(), extensionFor(a), extensionFor(b)]) world.must(instruction);
  for (const user of users) {
    const { devicePk } = decodeUser(world.data(user));
    const { tunnelNetSlot, tunnelIdSlot } = slotsOfUser(world, user);
    world.must(setState(extensionOf(devicePk), 'userTunnelNet', [tunnelNetSlot]));
    world.must(setState(extensionOf(devicePk), 'tunnelId', [tunnelIdSlot]));
  }
  world.must(setState(GLOBAL_EXTENSION, 'linkTunnelNet', [4]));
  const backfill = (entity: Address, extensions: readonly Address[], slots: object) => {
    const input = { programId: PROGRAM, authority: FOUNDATION, entity, extensions, accessPass: old.pass, ...NONE, ...slots };
    return world.run(rfc11.backfillEntitySlots(input));
  };
  return { ...old, backfill, ends: [GLOBAL_EXTENSION, extensionOf(a), extensionOf(b)] };
}

const changeOf = (world: World, address: Address, change: Partial<User>): Address =>
  world.put(address, encodeUser({ ...decodeUser(world.data(address)), ...change }));
const linkSlots = { tunnelNetSlot: 4, tunnelIdSlot: 0, tunnelIdSlotB: 0 };

test("BackfillEntitySlots checks a link's side Z like its side A: the slot of a user is not taken for it", () => {
  const { world, a, b, pass, link, backfill, ends } = markedNetwork();
  for (const device of [a, b]) world.must(setState(extensionOf(device), 'tunnelId', [0]));
  userIn(world, { device: b, pass, clientIp: client(30) });
  expect(backfill(link, ends, { ...linkSlots, tunnelIdSlotB: 1 }).err).toBe('SlotMismatch');
  expect(backfill(link, ends, linkSlots).err).toBeNull();
});

test('BackfillEntitySlots gives a slot to one entity only: not to a second one, nor one that a live user holds', () => {
  const { world, a, b, pass, users, link, backfill, ends } = markedNetwork();
  const [first] = users;
  const twin = world.put(userAt(client(40)), encodeUser({ ...decodeUser(world.data(first)), clientIp: client(40) }));
  const slots = slotsOfUser(world, first);
  expect(backfill(first, [extensionOf(a)], slots).err).toBeNull();
  expect(backfill(twin, [extensionOf(a)], slots).err).toBe('SlotAlreadyAllocated');
  // A live user got tunnel id 500 on side Z, because the link's was marked too late.
  userIn(world, { device: b, pass, clientIp: client(41) });
  for (const device of [a, b]) world.must(setState(extensionOf(device), 'tunnelId', [0]));
  const changed = world.watch();
  expect(backfill(link, ends, linkSlots).err).toBe('SlotAlreadyAllocated');
  expect(changed()).toEqual([]);
});

test('BackfillEntitySlots takes the draft size for an extension again when all is claimed', () => {
  const { world, a, users, backfill } = markedNetwork();
  const size = world.data(extensionOf(a)).length;
  world.must(setState(extensionOf(a), 'userTunnelNet', [32_767]));
  expect(world.data(extensionOf(a)).length).toBeGreaterThan(size);
  world.must(
    rfc11.releaseResource({ programId: PROGRAM, extension: extensionOf(a), authority: FOUNDATION, resourceType: 2, slot: 32_767 }),
  );
  expect(backfill(users[0], [extensionOf(a)], slotsOfUser(world, users[0])).err).toBeNull();
  expect(world.data(extensionOf(a)).length).toBe(5_243);
});

test('BackfillEntitySlots takes a user that was banned before, with no slots; it counts on its pass no longer and can be deleted', () => {
  const { world, a, pass, users, backfill } = markedNetwork();
  const [first] = users;
  const zeroed = { tunnelId: 0, tunnelNet: parseNetworkV4('0.0.0.0/0'), dzIp: ipv4('0.0.0.0') };
  changeOf(world, first, { status: UserStatus.banned, ...zeroed });
  const before = decodeAccessPass(world.data(pass)).connectionCount;
  const extensions = [extensionOf(a)];
  expect(backfill(first, extensions, { tunnelNetSlot: 0, dzIpSlot: 2, tunnelIdSlot: 0 }).err).toBe('SlotMismatch');
  const none = { tunnelNetSlot: rfc11.NO_SLOT, dzIpSlot: rfc11.NO_SLOT, tunnelIdSlot: rfc11.NO_ID_SLOT };
  expect(backfill(first, extensions, none).err).toBeNull();
  expect(decodeAccessPass(world.data(pass)).connectionCount).toBe(before - 1);
  const deletion = { programId: PROGRAM, user: first, device: a, extension: extensionOf(a), accessPass: pass, authority: FOUNDATION };
  world.must(rfc11.deleteUser({ ...deletion, banned: true }));
  expect(decodeAccessPass(world.data(pass)).connectionCount).toBe(before - 1);
});

test('deployed ids without a slot are logged, kept out of the pools, and do not keep their account from being deleted', () => {
  const { world, a, b, pass, users, link, backfill, ends } = markedNetwork();
  // LinkIds begins at 1, and a device's deployed tunnel ids end at 4595.
  world.put(link, encodeLink({ ...decodeLink(world.data(link)), tunnelId: 12 }));
  changeOf(world, users[0], { tunnelId: 4_200, dzIp: ipv4('198.19.1.1') });
  const without = { ...linkSlots, tunnelIdSlot: rfc11.NO_ID_SLOT, tunnelIdSlotB: rfc11.NO_ID_SLOT };
  const ended = backfill(link, ends, without);
  expect(ended).toMatchObject({ err: null });
  expect(ended.logs).toContain(`Program log: Backfilled slots of ${link}; without a slot: tunnel_id_a, tunnel_id_b`);
  const slots = { tunnelNetSlot: 7, tunnelIdSlot: rfc11.NO_ID_SLOT, dzIpSlot: rfc11.NO_SLOT };
  expect(backfill(users[0], [extensionOf(a)], slots).err).toBeNull();
  const taken = world.extension(extensionOf(b)).idAllocations.map(({ allocatedCount }) => allocatedCount);
  world.must(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(a, b), link, authority: OPERATOR }), OPERATOR);
  expect(world.extension(extensionOf(b)).idAllocations.map(({ allocatedCount }) => allocatedCount)).toEqual(taken);
  const deletion = { programId: PROGRAM, user: users[0], device: a, extension: extensionOf(a), accessPass: pass, authority: CUSTOMER };
  world.must(rfc11.deleteUser(deletion), CUSTOMER);
});

test('interfaces of before: what phase 3 marks for them is freed with them, and then the device can go', () => {
  const { world, a } = oldNetwork();
  const loopback = { name: 'Loopback255', status: 3, interfaceType: 1, loopbackType: 1, vlanId: 0, nodeSegmentIdx: 9 };
  const embedded = [
    { layout: 0, ...loopback, ipNet: parseNetworkV4('198.19.1.7/32'), userTunnelEndpoint: false },
    { layout: 0, ...loopback, name: 'Ethernet1', nodeSegmentIdx: 0, ipNet: parseNetworkV4('0.0.0.0/0'), userTunnelEndpoint: false },
  ] as const;
  world.put(a, encodeDevice({ ...decodeDevice(world.data(a)), referenceCount: 0, usersCount: 0, deprecatedInterfaces: embedded }));
  world.must(extensionFor(a));
  world.must([setState(extensionOf(a), 'segmentRoutingId', [8]), setState(extensionOf(a), 'dzIp', [7])]);
  const on = { programId: PROGRAM, device: a, extension: extensionOf(a), authority: OPERATOR, contributor: world.contributors[0] };
  expect(world.run(rfc11.deleteDevice(on), OPERATOR).err).toBe('Custom 70');
  const removal = (name: string) => rfc11.deleteInterface({ ...on, interface: rfc11.interfaceAddress(PROGRAM, a, name).address });
  expect(world.must(removal('Loopback255'), OPERATOR).logs).toContain('Program log: Deallocated slots: segment_routing_id 8, dz_ip 7');
  world.must(removal('Ethernet1'), OPERATOR);
  expect(world.run(removal('Ethernet1'), OPERATOR).err).toBe('InvalidAccountOwner');
  expect(rfc11.isUnused(world.extension(extensionOf(a)))).toBe(true);
  world.must(rfc11.deleteDevice(on), OPERATOR);
});

test('an interface of before frees nothing that phase 3 did not mark for it', () => {
  const { world, a } = oldNetwork();
  const shape = { layout: 0, name: 'Loopback255', status: 3, interfaceType: 1, loopbackType: 1, vlanId: 0, userTunnelEndpoint: false };
  const embedded = { ...shape, layout: 0, nodeSegmentIdx: 1, ipNet: parseNetworkV4('0.0.0.0/0') } as const;
  world.put(a, encodeDevice({ ...decodeDevice(world.data(a)), deprecatedInterfaces: [embedded] }));
  world.must(extensionFor(a));
  world.must(newInterface(world, { device: a, name: 'Loopback1' }), OPERATOR);
  const on = { programId: PROGRAM, device: a, extension: extensionOf(a), authority: OPERATOR, contributor: world.contributors[0] };
  world.must(rfc11.deleteInterface({ ...on, interface: rfc11.interfaceAddress(PROGRAM, a, 'Loopback255').address }), OPERATOR);
  expect(rfc11.idPool(world.extension(extensionOf(a)), 'segmentRoutingId')?.isAllocated(0)).toBe(true);
});

test('SetResourceState may be repeated after a lost answer: it succeeds and counts nothing twice', () => {
  const { world, a } = oldNetwork();
  world.must(extensionFor(a));
  world.must(setState(extensionOf(a), 'userTunnelNet', [7, 8]));
  const changed = world.watch();
  const repeated = world.must(setState(extensionOf(a), 'userTunnelNet', [7, 8]));
  expect(changed()).toEqual([]);
  expect(repeated.logs).toContain('Program log: SetResourceState: UserTunnelNet marked 0 slots; 2 were taken already');
  world.must(setState(extensionOf(a), 'userTunnelNet', [9, 8]));
  expect(rfc11.networkPool(world.extension(extensionOf(a)), 'userTunnelNet')?.allocatedCount).toBe(3);
});

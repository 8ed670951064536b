import { beforeEach, describe, expect, test } from 'vitest';
import { rentExemptMinimum } from '../../../localnet/ledger/index.ts';
import {
  AccessPassStatus,
  type Address,
  decodeAccessPass,
  decodeDevice,
  decodeLink,
  decodeMulticastGroup,
  decodeUser,
  lamports,
  nanoseconds,
  parseNetworkV4,
  setUserBgpStatusInstruction,
  UserStatus,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { type NetworkBed, networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  deviceIn,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  key,
  linkEnds,
  newDevice,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  OUTSIDER,
  PROGRAM,
  userAt,
  userIn,
  type World,
} from './rfc11-world.ts';

let world: World;
let device: Address;
let other: Address;
let pass: Address;
let onUser: NetworkBed['onUser'];
beforeEach(() => {
  ({ world, device, other, pass, onUser } = networkBed());
});

/** What the program itself says, without the runtime's lines. */
const said = ({ logs }: { readonly logs: readonly string[] }) =>
  logs.filter((line) => line.startsWith('Program log: ')).map((line) => line.slice('Program log: '.length));
const counts = (address: Address) => {
  const extension = world.extension(address);
  return Object.fromEntries([
    ...extension.idAllocations.map(({ idType, allocatedCount }) => [idType, allocatedCount]),
    ...extension.ipAllocations.map(({ blockType, allocatedCount }) => [blockType, allocatedCount]),
  ]);
};

describe('CreateAndActivateDevice', () => {
  test("CreateAndActivateDevice makes an activated device and its extension, with RFC-11's bitmaps", () => {
    const ended = world.must(newDevice(world, { code: 'lon1' }), OPERATOR);
    const made = rfc11.deviceAddress(PROGRAM, 'lon1').address;
    expect(decodeDevice(world.data(made))).toMatchObject({
      owner: OPERATOR,
      status: 1,
      code: 'lon1',
      contributorPk: world.contributors[0],
      metricsPublisherPk: key('publisher'),
      locationPk: world.location,
      exchangePk: world.exchange,
    });
    const { associatedWith, idAllocations, ipAllocations } = world.extension(extensionOf(made));
    expect(associatedWith).toBe(made);
    expect(idAllocations.map(({ idType, startOffset, allocatedCount }) => [idType, startOffset, allocatedCount])).toEqual([
      ['tunnelId', 500, 0],
      ['segmentRoutingId', 1, 0],
    ]);
    expect(
      ipAllocations.map(({ blockType, block, slotSize, reservedStart, reservedEnd }) => [
        blockType,
        block,
        slotSize,
        reservedStart,
        reservedEnd,
      ]),
    ).toEqual([
      ['userTunnelNet', parseNetworkV4('169.254.0.0/16'), 1, 0, 0],
      ['dzIp', parseNetworkV4('198.19.1.0/24'), 0, 2, 1],
    ]);
    expect(said(ended)).toEqual([
      'Instruction: CreateAndActivateDevice',
      `Created Device ${made} (lon1)`,
      `Created ResourceExtension ${extensionOf(made)} associated with ${made}`,
    ]);
  });

  test('CreateAndActivateDevice keeps as many addresses of each prefix back as its argument says, two without', () => {
    const made = deviceIn(world, { code: 'lon1', dzIpReservedStart: 1 });
    const user = userIn(world, { device: made, pass });
    expect(decodeUser(world.data(user)).dzIp).toBe('198.19.1.1');
  });

  test('CreateAndActivateDevice makes one DzIp bitmap a prefix', () => {
    const made = deviceIn(world, { code: 'lon1', dzPrefixes: ['198.19.1.0/24', '198.19.2.0/29'].map(parseNetworkV4) });
    expect(world.extension(extensionOf(made)).ipAllocations.map(({ bitmap }) => bitmap.slots)).toEqual([32_768, 256, 8]);
  });
});

describe('CreateAndActivateUser', () => {
  test('CreateAndActivateUser allocates a tunnel id, a tunnel network and an address, keeps their slots, counts on the pass, and logs them', () => {
    const ended = world.must(newUser({ device, pass }), CUSTOMER);
    const { value: user, slots } = rfc11.decodeUserWithSlots(world.data(userAt()));
    expect(user).toMatchObject({
      owner: CUSTOMER,
      devicePk: device,
      status: UserStatus.activated,
      tunnelId: 500,
      tunnelNet: parseNetworkV4('169.254.0.0/31'),
      dzIp: '198.19.1.2',
      clientIp: client(1),
      bgpStatus: 0,
    });
    expect(slots).toEqual({ tunnelIdSlot: 0, tunnelNetSlot: 0, dzIpSlot: 2, accessPassPk: pass });
    expect(decodeAccessPass(world.data(pass))).toMatchObject({ connectionCount: 1, unicastUserCount: 1, multicastUserCount: 0 });
    expect(counts(extensionOf(device))).toEqual({ tunnelId: 1, segmentRoutingId: 0, userTunnelNet: 1, dzIp: 1 });
    expect(said(ended)).toEqual([
      'Instruction: CreateAndActivateUser',
      'AllocateResource: TunnelId slot 0',
      'AllocateResource: UserTunnelNet slot 0',
      'AllocateResource: DzIp slot 2',
      'Allocated tunnel_net: 169.254.0.0/31 (slot 0), dz_ip: 198.19.1.2 (slot 2), tunnel_id: 500 (slot 0)',
    ]);
  });

  test('users count on their device by kind, and connect their pass, as deployed, until they are deleted', () => {
    const about = () => {
      const { referenceCount, usersCount, unicastUsersCount, multicastSubscribersCount } = decodeDevice(world.data(device));
      return [referenceCount, usersCount, unicastUsersCount, multicastSubscribersCount, decodeAccessPass(world.data(pass)).status];
    };
    expect(about()).toEqual([0, 0, 0, 0, 0]);
    userIn(world, { device, pass });
    userIn(world, { device, pass, userType: 3 });
    expect(about()).toEqual([2, 2, 1, 1, 1]);
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    expect(about()).toEqual([2, 2, 1, 1, 1]);
    world.must(rfc11.deleteUser({ ...onUser(), authority: FOUNDATION, banned: true }));
    world.must(rfc11.deleteUser({ ...onUser(userAt(client(1), 3)), authority: CUSTOMER }), CUSTOMER);
    expect(about()).toEqual([0, 0, 0, 0, 2]);
  });

  test('CreateAndActivateUser pays exactly the rent from the payer', () => {
    userIn(world, { device, pass });
    expect(world.accounts.get(userAt())?.lamports).toBe(rentExemptMinimum(206 + rfc11.USER_SLOTS_LENGTH));
  });

  test('CreateAndActivateUser counts a multicast user apart from the others', () => {
    userIn(world, { device, pass, userType: 3 });
    expect(decodeAccessPass(world.data(pass))).toMatchObject({ connectionCount: 1, unicastUserCount: 0, multicastUserCount: 1 });
  });

  test('CreateAndActivateUser works for an address that holds lamports already', () => {
    world.fund(userAt(), 890_880n);
    world.must(newUser({ device, pass }), CUSTOMER);
    expect(world.accounts.get(userAt())).toMatchObject({ owner: PROGRAM, lamports: rentExemptMinimum(248) });
  });

  test('CreateAndActivateUser reads for every deployed client as a user of the deployed layout', () => {
    userIn(world, { device, pass });
    const data = world.data(userAt());
    expect(decodeUser(data)).toEqual(decodeUser(data.subarray(0, 206)));
  });
});

describe('SetUserBGPStatus on a user with slots', () => {
  test('SetUserBGPStatus on a user with slots leaves the slots alone, and a delete afterwards gives everything back', () => {
    const user = userIn(world, { device, pass });
    const { slots } = rfc11.decodeUserWithSlots(world.data(user));
    world.fund(key('publisher'));
    const status = { status: 'up', rttNs: nanoseconds(7) } as const;
    world.must(
      setUserBgpStatusInstruction({ programId: PROGRAM, user, device, metricsPublisher: key('publisher'), ...status }),
      key('publisher'),
    );
    const after = rfc11.decodeUserWithSlots(world.data(user));
    expect([after.slots, after.value.bgpStatus, after.value.bgpRttNs]).toEqual([slots, 1, 7n]);
    world.must(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER);
    expect(counts(extensionOf(device))).toEqual({ tunnelId: 0, segmentRoutingId: 0, userTunnelNet: 0, dzIp: 0 });
  });
});

describe('DeleteUser', () => {
  test('DeleteUser gives back all three, counts off the pass, closes the account to its owner, and logs the slots', () => {
    userIn(world, { device, pass, clientIp: client(1) });
    userIn(world, { device, pass, clientIp: client(2) });
    const before = world.accounts.get(CUSTOMER)?.lamports ?? lamports(0);
    const ended = world.must(rfc11.deleteUser({ ...onUser(userAt(client(1))), authority: CUSTOMER }), FOUNDATION);
    expect(world.exists(userAt(client(1)))).toBe(false);
    expect(world.accounts.get(CUSTOMER)?.lamports).toBe(before + rentExemptMinimum(248));
    expect(decodeAccessPass(world.data(pass)).unicastUserCount).toBe(1);
    expect(said(ended).at(-1)).toBe('Deallocated slots: tunnel_id 0, tunnel_net 0, dz_ip 2');
    userIn(world, { device, pass, clientIp: client(3) });
    expect(decodeUser(world.data(userAt(client(3))))).toMatchObject({ tunnelId: 500, tunnelNet: parseNetworkV4('169.254.0.0/31') });
  });

  test('DeleteUser of a banned user releases nothing a second time', () => {
    userIn(world, { device, pass });
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    userIn(world, { device, pass, clientIp: client(2) });
    world.must(rfc11.deleteUser({ ...onUser(), authority: FOUNDATION, banned: true }));
    expect(counts(extensionOf(device)).tunnelId).toBe(1);
    expect(decodeAccessPass(world.data(pass)).unicastUserCount).toBe(1);
  });
});

describe('BanUser', () => {
  test('BanUser gives back what the user held, zeroes it, and keeps the account and its last status', () => {
    userIn(world, { device, pass });
    const ended = world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    expect(decodeUser(world.data(userAt()))).toMatchObject({
      status: UserStatus.banned,
      tunnelId: 0,
      tunnelNet: parseNetworkV4('0.0.0.0/0'),
      dzIp: '0.0.0.0',
    });
    expect(counts(extensionOf(device))).toEqual({ tunnelId: 0, segmentRoutingId: 0, userTunnelNet: 0, dzIp: 0 });
    expect(decodeAccessPass(world.data(pass)).connectionCount).toBe(0);
    expect(said(ended)).toContain('Deallocated slots: tunnel_id 0, tunnel_net 0, dz_ip 2');
  });
});

describe('SweepExpiredUsers', () => {
  const sweep = (pass: Address, users: readonly Address[]) =>
    rfc11.sweepExpiredUsers({ programId: PROGRAM, accessPass: pass, users, caller: OUTSIDER });

  test('marks the users of an expired pass, once, and gives nothing back', () => {
    const pass = world.pass({ lastAccessEpoch: 3n });
    const users = [1, 2].map((n) => userIn(world, { device, pass, clientIp: client(n) }));
    world.setEpoch(4n);
    expect(said(world.must(sweep(pass, users), OUTSIDER))).toContain('Marked 2 users as OutOfCredits');
    expect(users.map((user) => decodeUser(world.data(user)).status)).toEqual([UserStatus.outOfCredits, UserStatus.outOfCredits]);
    expect(decodeAccessPass(world.data(pass))).toMatchObject({ status: 3, unicastUserCount: 2 });
    expect(counts(extensionOf(device)).tunnelId).toBe(2);
    const state = world.state();
    expect(said(world.must(sweep(pass, users), OUTSIDER))).toContain('Marked 0 users as OutOfCredits');
    expect(world.state()).toEqual(state);
  });

  test('passes over users of another pass, banned ones and those that are gone, and takes one that is named twice once', () => {
    const pass = world.pass({ lastAccessEpoch: 3n });
    const otherPass = world.pass({ owner: OUTSIDER });
    const mine = userIn(world, { device, pass, clientIp: client(1) });
    const foreign = userIn(world, { device, pass: otherPass, clientIp: client(2), payer: OUTSIDER });
    const banned = userIn(world, { device, pass, clientIp: client(3) });
    world.must(rfc11.banUser({ ...onUser(banned), authority: FOUNDATION }));
    world.setEpoch(4n);
    const ended = world.must(sweep(pass, [mine, foreign, banned, userAt(client(9)), mine]), OUTSIDER);
    expect(said(ended)).toContain('Marked 1 users as OutOfCredits');
    expect([foreign, banned].map((user) => decodeUser(world.data(user)).status)).toEqual([UserStatus.activated, UserStatus.banned]);
  });

  test('a user that is out of credits can be deleted, which gives everything back', () => {
    const pass = world.pass({ lastAccessEpoch: 3n });
    const user = userIn(world, { device, pass });
    world.setEpoch(4n);
    world.must(sweep(pass, [user]), OUTSIDER);
    world.must(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER);
    expect(counts(extensionOf(device)).tunnelId).toBe(0);
    // Swept, it stays expired until it has a new user.
    expect(decodeAccessPass(world.data(pass)).status).toBe(AccessPassStatus.expired);
  });
});

describe('links', () => {
  test('links take the lowest tunnel id that is free on both devices and a network of the network, and give them back', () => {
    const [a, b] = [device, other];
    userIn(world, { device: b, pass });
    const ended = world.must(newLink(world, a, b), OPERATOR);
    const { link } = linkEnds(a, b);
    expect(decodeLink(world.data(link))).toMatchObject({
      owner: OPERATOR,
      status: 1,
      sideAPk: a,
      sideZPk: b,
      tunnelId: 501,
      tunnelNet: parseNetworkV4('172.16.0.0/31'),
      contributorPk: world.contributors[0],
    });
    expect(rfc11.decodeLinkWithSlots(world.data(link)).slots).toEqual({ tunnelNetSlot: 0, tunnelIdSlotA: 1, tunnelIdSlotB: 1 });
    expect(said(ended).at(-1)).toBe('Allocated tunnel_net: 172.16.0.0/31 (slot 0), tunnel_id_a: 501 (slot 1), tunnel_id_b: 501 (slot 1)');
    const deleted = world.must(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(a, b), authority: OPERATOR }), OPERATOR);
    expect(said(deleted).at(-1)).toBe('Deallocated slots: tunnel_id_a 1, tunnel_id_b 1, tunnel_net 0');
    expect([counts(extensionOf(a)).tunnelId, counts(extensionOf(b)).tunnelId, counts(GLOBAL_EXTENSION).linkTunnelNet]).toEqual([0, 1, 0]);
  });

  test('links count on both of their devices, as deployed, and no longer when they are deleted', () => {
    world.must(newLink(world, device, other), OPERATOR);
    expect([device, other].map((end) => decodeDevice(world.data(end)).referenceCount)).toEqual([1, 1]);
    world.must(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(device, other), authority: OPERATOR }), OPERATOR);
    expect([device, other].map((end) => decodeDevice(world.data(end)).referenceCount)).toEqual([0, 0]);
  });

  test('links are at the same address whichever device is named first', () => {
    const [a, b] = [key('a'), key('b')];
    expect(rfc11.linkAddress(PROGRAM, a, b)).toEqual(rfc11.linkAddress(PROGRAM, b, a));
  });
});

describe('interfaces', () => {
  test('a loopback gets a segment, and an address where it is to have one; both come back', () => {
    const ended = world.must(newInterface(world, { device, kind: 'loopback with address' }), OPERATOR);
    const address = rfc11.interfaceAddress(PROGRAM, device, 'Loopback100').address;
    expect(rfc11.decodeInterfaceAccount(world.data(address))).toMatchObject({
      devicePk: device,
      status: 3,
      nodeSegmentIdx: 1,
      ipNet: parseNetworkV4('198.19.1.2/32'),
      segmentRoutingSlot: 0,
      dzIpSlot: 2,
    });
    expect(said(ended).at(-1)).toBe('Allocated segment_routing_id: 1 (slot 0), dz_ip: 198.19.1.2 (slot 2)');
    const removal = { programId: PROGRAM, interface: address, device, extension: extensionOf(device), authority: OPERATOR };
    const deleted = world.must(rfc11.deleteInterface({ ...removal, contributor: world.contributors[0] }), OPERATOR);
    expect(said(deleted).at(-1)).toBe('Deallocated slots: segment_routing_id 0, dz_ip 2');
    expect(counts(extensionOf(device))).toMatchObject({ segmentRoutingId: 0, dzIp: 0 });
  });

  test('a loopback without an address logs none', () => {
    expect(said(world.must(newInterface(world, { device }), OPERATOR)).at(-1)).toBe('Allocated segment_routing_id: 1 (slot 0)');
  });

  test('a physical one is unlinked and holds nothing', () => {
    world.must(newInterface(world, { device, name: 'Ethernet1/1', kind: 'physical' }), OPERATOR);
    const account = rfc11.decodeInterfaceAccount(world.data(rfc11.interfaceAddress(PROGRAM, device, 'Ethernet1/1').address));
    expect([account.status, account.segmentRoutingSlot, account.dzIpSlot]).toEqual([6, undefined, undefined]);
    expect(counts(extensionOf(device))).toMatchObject({ segmentRoutingId: 0, dzIp: 0 });
  });
});

describe('multicast groups', () => {
  test('multicast groups get the lowest free address, and give it back', () => {
    world.must(newGroup(0));
    const ended = world.must(newGroup(1));
    const group = rfc11.multicastGroupAddress(
      PROGRAM,
      decodeMulticastGroup(world.data(newGroup(1).accounts[0]?.address ?? key('?'))).multicastIp,
    );
    expect(group.address).toBe(newGroup(1).accounts[0]?.address);
    expect(said(ended).at(-1)).toBe('Allocated multicast_ip: 233.84.178.1 (slot 1)');
    const removal = { programId: PROGRAM, group: group.address, globalExtension: GLOBAL_EXTENSION, authority: FOUNDATION };
    expect(said(world.must(rfc11.deleteMulticastGroup(removal))).at(-1)).toBe('Deallocated slots: multicast 1');
    expect(counts(GLOBAL_EXTENSION).multicast).toBe(1);
  });
});

describe('by hand', () => {
  test('the foundation allocates a slot and gets its number back in the log and as return data, and releases it', () => {
    const on = { programId: PROGRAM, extension: extensionOf(device), authority: FOUNDATION, resourceType: rfc11.ResourceType.tunnelId };
    const ended = world.must(rfc11.allocateResource(on));
    expect(said(ended)).toEqual(['Instruction: AllocateResource', 'AllocateResource: TunnelId slot 0']);
    expect(ended.logs.slice(-2)).toEqual([`Program return: ${PROGRAM} AAAAAA==`, `Program ${PROGRAM} success`]);
    expect(said(world.must(rfc11.releaseResource({ ...on, slot: 0 })))).toContain('ReleaseResource: TunnelId slot 0');
    expect(counts(extensionOf(device)).tunnelId).toBe(0);
  });

  test('SetResourceState marks a list of slots', () => {
    const on = { programId: PROGRAM, extension: extensionOf(device), authority: FOUNDATION };
    const ended = world.must(rfc11.setResourceState({ ...on, resourceType: rfc11.ResourceType.userTunnelNet, slots: [5, 7, 32_767] }));
    expect(said(ended).at(-1)).toBe('SetResourceState: UserTunnelNet marked 3 slots: 5, 7, 32767');
    expect(counts(extensionOf(device)).userTunnelNet).toBe(3);
  });

  test('the foundation gives a device to another contributor', () => {
    world.must(rfc11.updateDeviceContributor({ programId: PROGRAM, device, newContributor: world.contributors[1], authority: FOUNDATION }));
    expect(decodeDevice(world.data(device)).contributorPk).toBe(world.contributors[1]);
  });
});

describe('DeleteDevice', () => {
  test('DeleteDevice closes the device and its extension, and both rents come back', () => {
    const lamportsBefore = world.lamports();
    const removal = { programId: PROGRAM, device, extension: extensionOf(device), authority: OPERATOR, contributor: world.contributors[0] };
    world.must(rfc11.deleteDevice(removal), OPERATOR);
    expect([world.exists(device), world.exists(extensionOf(device))]).toEqual([false, false]);
    expect(world.lamports()).toBe(lamportsBefore - 5_000n);
  });
});

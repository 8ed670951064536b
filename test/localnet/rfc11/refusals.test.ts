import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Address,
  decodeDevice,
  decodeUser,
  encodeDevice,
  encodeUser,
  type Instruction,
  ipv4,
  parseNetworkV4,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { type NetworkBed, networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  key,
  linkEnds,
  newDevice,
  newGlobalExtension,
  newGroup,
  newInterface,
  newLink,
  newUser,
  OPERATOR,
  OTHER_OPERATOR,
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

/** Refused with this error, and nothing of the program's accounts changed. */
function refused(instruction: Instruction, payer: Address, err: string): void {
  const state = world.state();
  expect(world.run(instruction, payer).err).toBe(err);
  expect(world.state()).toEqual(state);
}

/** Takes all that is left of a pool of the extension, as if others had it. */
function exhaust(
  extension: Address,
  type: 'tunnelId' | 'userTunnelNet' | 'dzIp' | 'linkTunnelNet' | 'segmentRoutingId' | 'multicast',
): void {
  const value = world.extension(extension);
  const pool = rfc11.resourcePool(value, type);
  while (pool?.allocate() !== undefined);
  world.put(extension, rfc11.encodeResourceExtension(value));
}

const on = (extension = extensionOf(device)) => ({ programId: PROGRAM, extension, authority: FOUNDATION });
const withAccount = (instruction: Instruction, index: number, address: Address): Instruction => ({
  ...instruction,
  accounts: instruction.accounts.map((meta, at) => (at === index ? { ...meta, address } : meta)),
});

describe("RFC-11's error cases", () => {
  test('AccountAlreadyExists: one user for each client address and type', () => {
    userIn(world, { device, pass });
    refused(newUser({ device, pass }), CUSTOMER, 'AccountAlreadyExists');
    expect(world.run(newUser({ device, pass, userType: 3 }), CUSTOMER).err).toBeNull();
  });

  test.each([
    ['TunnelIdExhausted', 'tunnelId'],
    ['UserTunnelNetExhausted', 'userTunnelNet'],
    ['DzIpExhausted', 'dzIp'],
  ] as const)('%s, when the device has no %s left for a user', (err, type) => {
    exhaust(extensionOf(device), type);
    refused(newUser({ device, pass }), CUSTOMER, err);
  });

  test('LinkAlreadyExists: one link between two devices, whichever is named first', () => {
    world.must(newLink(world, device, other), OPERATOR);
    refused(newLink(world, device, other), OPERATOR, 'LinkAlreadyExists');
    const reversed = { ...newLink(world, other, device) };
    refused(reversed, OPERATOR, 'LinkAlreadyExists');
  });

  test('LinkTunnelNetExhausted', () => {
    exhaust(GLOBAL_EXTENSION, 'linkTunnelNet');
    refused(newLink(world, device, other), OPERATOR, 'LinkTunnelNetExhausted');
  });

  test.each(['fra1', 'ams1'])('TunnelIdExhausted, when device %s of a link has none left', (full) => {
    exhaust(extensionOf(full === 'fra1' ? device : other), 'tunnelId');
    refused(newLink(world, device, other), OPERATOR, 'TunnelIdExhausted');
  });

  test('SegmentRoutingIdExhausted and DzIpExhausted of a loopback', () => {
    exhaust(extensionOf(device), 'dzIp');
    refused(newInterface(world, { device, kind: 'loopback with address' }), OPERATOR, 'DzIpExhausted');
    exhaust(extensionOf(device), 'segmentRoutingId');
    refused(newInterface(world, { device }), OPERATOR, 'SegmentRoutingIdExhausted');
  });

  test('MulticastExhausted', () => {
    exhaust(GLOBAL_EXTENSION, 'multicast');
    refused(newGroup(0), FOUNDATION, 'MulticastExhausted');
  });
});

describe("RFC-11's security table", () => {
  test('bitmap manipulation: an extension at another address than its own is not taken', () => {
    const forged = world.put(key('forged'), world.data(extensionOf(device)));
    refused(rfc11.allocateResource({ ...on(forged), resourceType: 0 }), FOUNDATION, 'InvalidSeeds');
    refused(withAccount(newUser({ device, pass }), 2, forged), CUSTOMER, 'InvalidSeeds');
  });

  test('bitmap manipulation: an account that looks like an extension and belongs to another program is not taken', () => {
    const account = world.accounts.get(extensionOf(device));
    if (account === undefined) throw new Error('no extension');
    world.accounts.set(extensionOf(device), { ...account, owner: key('another program') });
    expect(world.run(newUser({ device, pass }), CUSTOMER).err).toBe('InvalidAccountOwner');
  });

  test('resource exhaustion: an error, and the state as it was', () => {
    exhaust(extensionOf(device), 'tunnelId');
    refused(rfc11.allocateResource({ ...on(), resourceType: rfc11.ResourceType.tunnelId }), FOUNDATION, 'TunnelIdExhausted');
  });

  test('double allocation: a slot that is taken, or named twice in a list, is marked and counted once', () => {
    const resourceType = rfc11.ResourceType.userTunnelNet;
    userIn(world, { device, pass });
    world.must(rfc11.setResourceState({ ...on(), resourceType, slots: [3, 0, 4, 4] }));
    expect(rfc11.networkPool(world.extension(extensionOf(device)), 'userTunnelNet')?.allocatedCount).toBe(3);
    userIn(world, { device, pass, clientIp: client(2) });
    expect(decodeUser(world.data(userAt(client(2)))).tunnelNet).toEqual(parseNetworkV4('169.254.0.2/31'));
  });

  test('double deallocation: a slot that is free cannot be released', () => {
    refused(rfc11.releaseResource({ ...on(), resourceType: rfc11.ResourceType.tunnelId, slot: 9 }), FOUNDATION, 'SlotNotAllocated');
  });

  test('double deallocation: a user whose slot the foundation took away cannot give it back a second time', () => {
    userIn(world, { device, pass });
    world.must(rfc11.releaseResource({ ...on(), resourceType: rfc11.ResourceType.userTunnelNet, slot: 0 }));
    refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER, 'SlotNotAllocated');
  });

  test('front-running: of two for the same group address the first gets it, and the second is refused', () => {
    const [first, second] = [newGroup(0), newGroup(0)];
    world.must(first);
    refused(second, FOUNDATION, 'InvalidSeeds');
  });

  test('front-running: of two users of one client address the first gets the account, in one block or one transaction', () => {
    const instruction = newUser({ device, pass });
    const state = world.state();
    expect(world.run([instruction, instruction], CUSTOMER).err).toBe('instruction 1: AccountAlreadyExists');
    expect(world.state()).toEqual(state);
  });

  test('unauthorized activation: who is not on the pass is refused as today', () => {
    refused(newUser({ device, pass, payer: OUTSIDER }), OUTSIDER, 'Custom 8');
  });

  test('unauthorized admin operations: a GlobalState of another owner authorizes no key', () => {
    const state = world.data(rfc11.globalStateAddress(PROGRAM).address);
    const own = world.put(key('own state'), state);
    refused(withAccount(rfc11.allocateResource({ ...on(), resourceType: 0 }), 2, own), FOUNDATION, 'InvalidSeeds');
  });

  test('invalid slot deallocation: slots that are not those of the values are refused', () => {
    const user = userIn(world, { device, pass });
    const { value, slots } = rfc11.decodeUserWithSlots(world.data(user));
    if (slots === undefined) throw new Error('no slots');
    for (const wrong of [{ tunnelIdSlot: 1 }, { tunnelNetSlot: 1 }, { dzIpSlot: 3 }]) {
      world.put(user, rfc11.encodeUserWithSlots({ value, slots: { ...slots, ...wrong } }));
      refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER, 'SlotMismatch');
      refused(rfc11.banUser({ ...onUser(), authority: FOUNDATION }), FOUNDATION, 'SlotMismatch');
    }
  });
});

describe('slots that are not those of the account', () => {
  test('slots of a link are all verified before one is freed', () => {
    world.must(newLink(world, device, other), OPERATOR);
    const { link } = linkEnds(device, other);
    const { value, slots } = rfc11.decodeLinkWithSlots(world.data(link));
    if (slots === undefined) throw new Error('no slots');
    for (const wrong of [{ tunnelIdSlotA: 7 }, { tunnelIdSlotB: 7 }, { tunnelNetSlot: 7 }, { tunnelIdSlotB: rfc11.NO_ID_SLOT }]) {
      world.put(link, rfc11.encodeLinkWithSlots({ value, slots: { ...slots, ...wrong } }));
      refused(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(device, other), authority: OPERATOR }), OPERATOR, 'SlotMismatch');
    }
  });

  test('slots of an interface are all verified before one is freed', () => {
    world.must(newInterface(world, { device, kind: 'loopback with address' }), OPERATOR);
    userIn(world, { device, pass });
    const address = rfc11.interfaceAddress(PROGRAM, device, 'Loopback100').address;
    const account = rfc11.decodeInterfaceAccount(world.data(address));
    const removal = { programId: PROGRAM, interface: address, device, extension: extensionOf(device), authority: OPERATOR };
    // Slot 3 is the user's.
    for (const wrong of [{ segmentRoutingSlot: 1 }, { dzIpSlot: 3 }, { dzIpSlot: undefined }]) {
      world.put(address, rfc11.encodeInterfaceAccount({ ...account, ...wrong }));
      refused(rfc11.deleteInterface({ ...removal, contributor: world.contributors[0] }), OPERATOR, 'SlotMismatch');
    }
  });
});

describe('users', () => {
  test('users of a device that is not activated are not created', () => {
    const drained = encodeDevice({ ...decodeDevice(world.data(device)), status: 5 });
    world.put(device, drained);
    refused(newUser({ device, pass }), CUSTOMER, 'Custom 7');
  });

  test('users of a pass that has expired are not created (opportunistic check)', () => {
    const short = world.pass({ lastAccessEpoch: 2n });
    world.setEpoch(2n);
    world.must(newUser({ device, pass: short }), CUSTOMER);
    world.setEpoch(3n);
    refused(newUser({ device, pass: short, clientIp: client(2) }), CUSTOMER, 'Custom 21');
  });

  test.each([
    [0, 'Custom 89'],
    [3, 'Custom 90'],
  ])('users of type %i beyond the pass are not created', (userType, err) => {
    const narrow = world.pass({ maxUnicastUsers: 1, maxMulticastUsers: 1 });
    world.must(newUser({ device, pass: narrow, userType }), CUSTOMER);
    refused(newUser({ device, pass: narrow, userType, clientIp: client(2) }), CUSTOMER, err);
  });

  test('users at another address than their own are not created', () => {
    refused(withAccount(newUser({ device, pass }), 0, userAt(client(2))), CUSTOMER, 'InvalidSeeds');
  });

  test('users with a client address that is not routable on the internet are not created', () => {
    refused(newUser({ device, pass, clientIp: ipv4('10.0.0.1') }), CUSTOMER, 'Custom 26');
  });

  test.each([
    ['type', { userType: 4 }],
    ['connection', { cyoaType: 6 }],
  ])('users of an unknown %s are not created', (_, change) => {
    const clientIp = client(1);
    const args = { userType: 0, cyoaType: 1, clientIp, tunnelEndpoint: ipv4('0.0.0.0'), ...change };
    refused({ ...newUser({ device, pass }), data: rfc11.encodeRfc11('CreateAndActivateUser', args) }, CUSTOMER, 'Custom 65');
  });

  test('users of a pass that does not list the tenant are not created', () => {
    const narrow = world.pass({ tenantAllowlist: [key('some tenant')] });
    const instruction = newUser({ device, pass: narrow });
    const tenant = { address: device, signer: false, writable: false };
    refused({ ...instruction, accounts: [...instruction.accounts, tenant] }, CUSTOMER, 'InvalidAccountData');
  });

  test('users from before RFC-11 are not deleted, banned or counted: their slots are not known', () => {
    const user = userIn(world, { device, pass });
    world.put(user, encodeUser(decodeUser(world.data(user))));
    refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER, 'SlotsNotTracked');
    refused(rfc11.banUser({ ...onUser(), authority: FOUNDATION }), FOUNDATION, 'SlotsNotTracked');
  });

  test('users that are gone cannot be deleted again', () => {
    userIn(world, { device, pass });
    world.must(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER);
    refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER, 'InvalidAccountOwner');
  });

  test('users are not deleted with another device, extension or pass than their own', () => {
    const user = userIn(world, { device, pass });
    const deletion = rfc11.deleteUser({ ...onUser(user), authority: CUSTOMER });
    refused(withAccount(deletion, 1, other), CUSTOMER, 'Custom 102');
    refused(withAccount(deletion, 2, extensionOf(other)), CUSTOMER, 'InvalidSeeds');
    refused(withAccount(deletion, 3, world.pass({ clientIp: client(1) })), CUSTOMER, 'Custom 25');
  });

  test('users that are banned are not deleted by their owner, who could create them again', () => {
    userIn(world, { device, pass });
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER, banned: true }), CUSTOMER, 'Custom 8');
    refused(rfc11.deleteUser({ ...onUser(), authority: CUSTOMER }), CUSTOMER, 'Custom 8');
    refused(newUser({ device, pass }), CUSTOMER, 'AccountAlreadyExists');
  });

  test('users that are banned can be deleted after their pass was closed, as no other account may be left', () => {
    const user = userIn(world, { device, pass });
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    world.accounts.delete(pass);
    world.must(rfc11.deleteUser({ ...onUser(), authority: FOUNDATION, banned: true }));
    expect(world.exists(user)).toBe(false);
    expect(decodeDevice(world.data(device)).usersCount).toBe(0);
  });

  test('users are not banned twice', () => {
    userIn(world, { device, pass });
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    refused(rfc11.banUser({ ...onUser(), authority: FOUNDATION }), FOUNDATION, 'Custom 7');
  });

  test('users are not swept while their pass is good, nor more than ten at once', () => {
    const user = userIn(world, { device, pass });
    const sweep = (users: readonly Address[]) => rfc11.sweepExpiredUsers({ programId: PROGRAM, accessPass: pass, users, caller: OUTSIDER });
    refused(sweep([user]), OUTSIDER, 'AccessPassNotExpired');
    refused(sweep(Array.from({ length: 11 }, (_, n) => userAt(client(n + 1)))), OUTSIDER, 'Custom 65');
  });
});

describe('devices', () => {
  test.each([
    ['a code with a space', { code: 'fra 1' }, 'Custom 19'],
    ['no prefixes', { code: 'new1', dzPrefixes: [] }, 'Custom 35'],
    ['a private prefix', { code: 'new1', dzPrefixes: [parseNetworkV4('10.0.0.0/24')] }, 'Custom 38'],
    ['a prefix twice', { code: 'new1', dzPrefixes: [parseNetworkV4('198.19.1.0/24'), parseNetworkV4('198.19.1.9/24')] }, 'Custom 38'],
    ['a prefix in another', { code: 'new1', dzPrefixes: [parseNetworkV4('198.19.1.0/28'), parseNetworkV4('198.19.1.0/24')] }, 'Custom 38'],
    ['a prefix too large for an account', { code: 'new1', dzPrefixes: [parseNetworkV4('198.18.0.0/15')] }, 'InvalidRealloc'],
  ])('devices with %s are not created', (_, change, err) => {
    refused(newDevice(world, change), OPERATOR, err);
  });

  test('devices are created once', () => {
    refused(newDevice(world), OPERATOR, 'AccountAlreadyExists');
  });

  test.each([
    ['users', () => userIn(world, { device, pass })],
    ['links', () => world.must(newLink(world, device, other), OPERATOR)],
    ['loopbacks', () => world.must(newInterface(world, { device }), OPERATOR)],
    ['physical interfaces', () => world.must(newInterface(world, { device, name: 'Ethernet1', kind: 'physical' }), OPERATOR)],
  ])('devices that still have %s are not deleted', (_, prepare) => {
    prepare();
    const deletion = {
      programId: PROGRAM,
      device,
      extension: extensionOf(device),
      authority: OPERATOR,
      contributor: world.contributors[0],
    };
    refused(rfc11.deleteDevice(deletion), OPERATOR, 'ResourceInUse');
  });

  const deletionOf = () =>
    rfc11.deleteDevice({
      programId: PROGRAM,
      device,
      extension: extensionOf(device),
      authority: OPERATOR,
      contributor: world.contributors[0],
    });

  test('devices with a banned user are not deleted before it, because it could be closed no longer', () => {
    userIn(world, { device, pass });
    world.must(rfc11.banUser({ ...onUser(), authority: FOUNDATION }));
    refused(deletionOf(), OPERATOR, 'ResourceInUse');
    world.must(rfc11.deleteUser({ ...onUser(), authority: FOUNDATION, banned: true }));
    world.must(deletionOf(), OPERATOR);
  });

  test('devices whose own counts know of a user or link that no bitmap knows are not deleted', () => {
    for (const count of ['referenceCount', 'usersCount'] as const) {
      world.put(device, encodeDevice({ ...decodeDevice(world.data(device)), referenceCount: 0, [count]: 1 }));
      refused(deletionOf(), OPERATOR, 'ResourceInUse');
    }
  });

  test('devices with interfaces from before RFC-11 inside are not deleted', () => {
    const { name, ...rest } = { name: 'Ethernet1', status: 3, interfaceType: 2, loopbackType: 0, vlanId: 0, nodeSegmentIdx: 0 };
    const embedded = { layout: 0, name, ...rest, ipNet: parseNetworkV4('0.0.0.0/0'), userTunnelEndpoint: false } as const;
    world.put(device, encodeDevice({ ...decodeDevice(world.data(device)), deprecatedInterfaces: [embedded] }));
    refused(deletionOf(), OPERATOR, 'Custom 70');
    refused(newInterface(world, { device, name, kind: 'physical' }), OPERATOR, 'Custom 56');
  });

  test('a device goes to a contributor only', () => {
    const update = rfc11.updateDeviceContributor({ programId: PROGRAM, device, newContributor: pass, authority: FOUNDATION });
    refused(update, FOUNDATION, 'InvalidAccountData');
  });
});

describe('links', () => {
  test('links of a device to itself, or with a contributor of neither, are not created', () => {
    refused(newLink(world, device, device), OPERATOR, 'Custom 5');
    refused(withAccount(newLink(world, device, other), 7, world.contributors[0]), OPERATOR, 'Custom 14');
  });

  test('links to a device that is not activated are not created', () => {
    world.put(other, encodeDevice({ ...decodeDevice(world.data(other)), status: 5 }));
    refused(newLink(world, device, other), OPERATOR, 'Custom 7');
  });

  test('links are not deleted by a key that neither created them nor names a contributor', () => {
    world.must(newLink(world, device, other), OPERATOR);
    const about = { programId: PROGRAM, ...linkEnds(device, other), authority: OTHER_OPERATOR };
    refused(rfc11.deleteLink(about), OTHER_OPERATOR, 'Custom 8');
    world.must(rfc11.deleteLink({ ...about, contributor: world.contributors[1] }), OTHER_OPERATOR);
  });

  test('links are not deleted with their devices exchanged', () => {
    world.must(newLink(world, device, other), OPERATOR);
    refused(rfc11.deleteLink({ programId: PROGRAM, ...linkEnds(other, device), authority: OPERATOR }), OPERATOR, 'Custom 4');
  });
});

describe('interfaces', () => {
  test.each([
    ['a name with a blank', { name: 'Ethernet 1' }, {}, 'Custom 12'],
    ['an unknown type', {}, { interfaceType: 3 }, 'Custom 57'],
    ['a loopback type though physical', {}, { interfaceType: 2, loopbackType: 1 }, 'Custom 58'],
    ['an address though physical', {}, { interfaceType: 2, loopbackType: 0, withDzIp: 1 }, 'Custom 65'],
  ])('interfaces with %s are not created', (_, named, change, err) => {
    const instruction = newInterface(world, { device, ...named });
    const args = rfc11.decodeRfc11('CreateAndActivateInterface', instruction.data);
    if (args === undefined) throw new Error('no arguments');
    refused({ ...instruction, data: rfc11.encodeRfc11('CreateAndActivateInterface', { ...args, ...change }) }, OPERATOR, err);
  });

  test('interfaces are one for each name', () => {
    world.must(newInterface(world, { device }), OPERATOR);
    refused(newInterface(world, { device }), OPERATOR, 'AccountAlreadyExists');
  });
});

describe('extensions', () => {
  const request = (change: Partial<Parameters<typeof rfc11.createResourceExtension>[0]>) => {
    const old = world.put(key('old device'), world.data(device));
    const defaults = { programId: PROGRAM, associatedWith: old, extension: extensionOf(old), authority: FOUNDATION, payer: FOUNDATION };
    return rfc11.createResourceExtension({ ...defaults, idBitmaps: [], ipBlocks: [], ...change });
  };
  const id = { idType: 0, startOffset: 500, usableSlots: 4_096 };
  const block = { blockType: rfc11.IpBlockType.userTunnelNet, ...rfc11.UNRESERVED };

  test('extensions are created once', () => {
    refused(newGlobalExtension(), FOUNDATION, 'AccountAlreadyExists');
  });

  test.each([
    ['an unknown kind of ids', { idBitmaps: [{ ...id, idType: 2 }] }],
    ['no usable ids', { idBitmaps: [{ ...id, usableSlots: 0 }] }],
    ['more ids than a bitmap has', { idBitmaps: [{ ...id, usableSlots: 4_097 }] }],
    ['ids beyond 65535', { idBitmaps: [{ ...id, startOffset: 65_000 }] }],
    ['the same ids twice', { idBitmaps: [id, id] }],
    ['the same block twice', { ipBlocks: [block, block] }],
    ["the network's blocks on a device", { ipBlocks: [{ ...block, blockType: rfc11.IpBlockType.multicast }] }],
    ['an unknown kind of block', { ipBlocks: [{ ...block, blockType: 4 }] }],
  ])('extensions with %s are not created', (_, change) => {
    refused(request(change), FOUNDATION, 'Custom 65');
  });

  test('extensions that lack a bitmap say so', () => {
    refused(rfc11.allocateResource({ ...on(GLOBAL_EXTENSION), resourceType: 0 }), FOUNDATION, 'ResourceNotFound');
    refused(rfc11.allocateResource({ ...on(), resourceType: 6 }), FOUNDATION, 'Custom 65');
  });

  test('extensions keep what is set apart, and know no slot past their end', () => {
    const resourceType = rfc11.ResourceType.dzIp;
    for (const slot of [0, 1, 255]) {
      refused(rfc11.releaseResource({ ...on(), resourceType, slot }), FOUNDATION, 'SlotReserved');
      refused(rfc11.setResourceState({ ...on(), resourceType, slots: [slot] }), FOUNDATION, 'SlotReserved');
    }
    refused(rfc11.setResourceState({ ...on(), resourceType, slots: [256] }), FOUNDATION, 'SlotOutOfRange');
    refused(rfc11.releaseResource({ ...on(), resourceType: 0, slot: 3_596 }), FOUNDATION, 'SlotReserved');
  });
});

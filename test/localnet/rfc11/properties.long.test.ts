import { describe, expect, test } from 'vitest';
import {
  type Address,
  accountType,
  decodeAccessPass,
  decodeDevice,
  type Instruction,
  type User,
  UserStatus,
  UserType,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { createRandomLife } from './random-life.ts';
import { CUSTOMER, client, extensionOf, FOUNDATION, GLOBAL_EXTENSION, newUser, PROGRAM, type World } from './rfc11-world.ts';

interface Entities {
  readonly users: readonly (rfc11.WithSlots<User, rfc11.UserSlots> & { readonly address: Address })[];
  readonly links: readonly ReturnType<typeof rfc11.decodeLinkWithSlots>[];
  readonly groups: readonly ReturnType<typeof rfc11.decodeMulticastGroupWithSlots>[];
  readonly interfaces: readonly rfc11.InterfaceAccount[];
  readonly devices: readonly Address[];
}

function entitiesOf(world: World): Entities {
  const own = [...world.accounts].filter(([, { owner }]) => owner === PROGRAM);
  const of = (type: string) => own.filter(([, { data }]) => accountType(data) === type);
  return {
    users: of('user').map(([address, { data }]) => ({ address, ...rfc11.decodeUserWithSlots(data) })),
    links: of('link').map(([, { data }]) => rfc11.decodeLinkWithSlots(data)),
    groups: of('multicastGroup').map(([, { data }]) => rfc11.decodeMulticastGroupWithSlots(data)),
    interfaces: own
      .filter(([, { data }]) => data[0] === rfc11.INTERFACE_ACCOUNT_TYPE)
      .map(([, { data }]) => rfc11.decodeInterfaceAccount(data)),
    devices: of('device').map(([address]) => address),
  };
}

/** The slots that a pool has given out, and the count that it keeps of them. */
function held(extension: rfc11.ResourceExtension, type: rfc11.ResourceTypeName): readonly [slots: readonly number[], count: number] {
  const pool = rfc11.resourcePool(extension, type);
  if (pool === undefined) return [[], 0];
  const parts = [
    ...extension.idAllocations.filter(({ idType }) => idType === type),
    ...extension.ipAllocations.filter(({ blockType }) => blockType === type),
  ];
  const slots: number[] = [];
  let before = 0;
  for (const { bitmap } of parts) {
    for (const [at, byte] of bitmap.bytes.entries()) {
      if (byte === 0) continue;
      for (let slot = at * 8; slot < at * 8 + 8; slot++) if (pool.isAllocated(before + slot)) slots.push(before + slot);
    }
    before += bitmap.slots;
  }
  return [slots, pool.allocatedCount];
}

const exactly = (slots: readonly (number | undefined)[]): readonly [readonly number[], number] => {
  const sorted = slots.filter((slot) => slot !== undefined).sort((a, b) => a - b);
  return [sorted, sorted.length];
};

/** Bits set are entities holding them, all counts are right, and no two users share a tunnel. */
function expectBalanced(world: World): void {
  const { users, links, groups, interfaces, devices } = entitiesOf(world);
  const holding = users.filter(({ value }) => value.status !== UserStatus.banned);
  for (const device of devices) {
    const extension = world.extension(extensionOf(device));
    const mine = holding.filter(({ value }) => value.devicePk === device);
    const loopbacks = interfaces.filter(({ devicePk }) => devicePk === device);
    const linkIds = links.flatMap(({ value, slots }) => [
      ...(value.sideAPk === device ? [slots?.tunnelIdSlotA] : []),
      ...(value.sideZPk === device ? [slots?.tunnelIdSlotB] : []),
    ]);
    expect(held(extension, 'tunnelId')).toEqual(exactly([...mine.map(({ slots }) => slots?.tunnelIdSlot), ...linkIds]));
    expect(held(extension, 'userTunnelNet')).toEqual(exactly(mine.map(({ slots }) => slots?.tunnelNetSlot)));
    expect(held(extension, 'dzIp')).toEqual(
      exactly([...mine.map(({ slots }) => slots?.dzIpSlot), ...loopbacks.map(({ dzIpSlot }) => dzIpSlot)]),
    );
    expect(held(extension, 'segmentRoutingId')).toEqual(exactly(loopbacks.map(({ segmentRoutingSlot }) => segmentRoutingSlot)));
    expect(extension.interfaceCount).toBe(loopbacks.length);
    const own = users.filter(({ value }) => value.devicePk === device);
    const { usersCount, unicastUsersCount, referenceCount } = decodeDevice(world.data(device));
    expect([usersCount, referenceCount]).toEqual([own.length, own.length + linkIds.length]);
    expect(unicastUsersCount).toBe(own.filter(({ value }) => value.userType !== UserType.multicast).length);
    expect(new Set(mine.map(({ value }) => value.tunnelNet.address)).size).toBe(mine.length);
    expect(new Set(mine.map(({ value }) => value.tunnelId)).size).toBe(mine.length);
  }
  const network = world.extension(GLOBAL_EXTENSION);
  expect(held(network, 'linkTunnelNet')).toEqual(exactly(links.map(({ slots }) => slots?.tunnelNetSlot)));
  expect(held(network, 'multicast')).toEqual(exactly(groups.map(({ slots }) => slots?.multicastSlot)));
  for (const [address, { data }] of world.accounts) {
    if (accountType(data) !== 'accessPass') continue;
    const pass = decodeAccessPass(data);
    const of = holding.filter(({ slots }) => slots?.accessPassPk === address).map(({ value }) => value.userType === UserType.multicast);
    expect([pass.connectionCount, pass.multicastUserCount]).toEqual([of.length, of.filter(Boolean).length]);
  }
}

const payerOf = ({ accounts }: Instruction): Address => accounts.find(({ signer }) => signer)?.address ?? CUSTOMER;

describe('under random instructions', () => {
  test.each(Array.from({ length: 6 }, (_, n) => n + 1))('the books balance at every step, and lamports with them (seed %i)', (seed) => {
    const { world, next, random } = createRandomLife(seed);
    const total = world.lamports();
    let [fees, landed] = [0n, 0];
    for (let step = 0; step < 250; step++) {
      if (step === 150) world.setEpoch(3n);
      const instruction = next();
      const changed = world.watch();
      const signers = new Set([payerOf(instruction), ...instruction.accounts.filter(({ signer }) => signer).map(({ address }) => address)]);
      const { err } = world.run(instruction, payerOf(instruction));
      fees += 5_000n * BigInt(signers.size);
      if (err === null) landed += 1;
      else expect(changed()).toEqual([]);
      expect(world.lamports()).toBe(total - fees);
      if (random() < 0.08) expectBalanced(world);
    }
    expectBalanced(world);
    expect(landed).toBeGreaterThan(30);
  });
});

describe('atomicity', () => {
  test.each(Array.from({ length: 6 }, (_, n) => n + 101))(
    'a transaction that fails at any of its steps leaves no bit and no account behind (seed %i)',
    (seed) => {
      const { world, next, random } = createRandomLife(seed);
      for (let step = 0; step < 60; step++) world.run(next(), CUSTOMER);
      let failures = 0;
      for (let round = 0; round < 40; round++) {
        const instructions = Array.from({ length: 2 + Math.floor(random() * 5) }, () => next());
        const changed = world.watch();
        const { err } = world.run(instructions, FOUNDATION);
        if (err === null) continue;
        failures += 1;
        expect(changed()).toEqual([]);
      }
      expectBalanced(world);
      expect(failures).toBeGreaterThan(10);
    },
  );

  test('a payer that cannot pay the rent gets nothing allocated either', () => {
    const { world, next } = createRandomLife(7);
    for (let step = 0; step < 80; step++) world.run(next(), CUSTOMER);
    const device = entitiesOf(world).devices[0];
    if (device === undefined) throw new Error('no device was made');
    const pass = world.pass();
    world.fund(CUSTOMER, 1_000_000n);
    const changed = world.watch();
    const { err, logs } = world.run(newUser({ device, pass, clientIp: client(2_000) }), CUSTOMER);
    expect(err).toBe('Custom 1'); // the System program's: not enough lamports
    expect(logs.some((line) => line.includes('AllocateResource: TunnelId'))).toBe(true);
    expect(changed()).toEqual([]);
  });
});

test('after everything is deleted again, every bit is free and every device can go', () => {
  const { world, next } = createRandomLife(42);
  for (let step = 0; step < 400; step++) {
    const instruction = next();
    world.run(instruction, payerOf(instruction));
  }
  const { users, devices } = entitiesOf(world);
  expect(users.length + devices.length).toBeGreaterThan(3);
  for (const { address, value, slots } of users) {
    const deletion = { programId: PROGRAM, user: address, device: value.devicePk, extension: extensionOf(value.devicePk) };
    const banned = value.status === UserStatus.banned;
    const authority = banned ? FOUNDATION : value.owner;
    world.must(rfc11.deleteUser({ ...deletion, accessPass: slots?.accessPassPk ?? PROGRAM, authority, banned }), authority);
  }
  for (const device of devices) {
    expect(held(world.extension(extensionOf(device)), 'userTunnelNet')).toEqual([[], 0]);
  }
});

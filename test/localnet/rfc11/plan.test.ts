import { expect, test } from 'vitest';
import {
  type Address,
  accessPassAddress,
  decodeAccessPass,
  encodeAccessPass,
  globalConfigAddress,
  globalStateAddress,
  type Instruction,
  ipv4,
  parseNetworkV4,
  UNSPECIFIED_NETWORK,
  type User,
  UserType,
  ZERO_ADDRESS,
} from '../../../src/serviceability/index.ts';
import {
  auditPools,
  deleteMulticastGroup,
  deleteUser,
  idPool,
  type MigrationPlan,
  type MisfitKind,
  NO_ID_SLOT,
  NO_SLOT,
  planInstructions,
  planMigration,
  planSteps,
  type ResourceTypeName,
  readNetworkAccounts,
} from '../../../src/serviceability/rfc11/index.ts';
import {
  AMS,
  accountsOf,
  type DeployedNetwork,
  deployedNetwork,
  FRA,
  GROUP,
  LINK,
  OWNER,
  read,
  userKey,
} from '../../serviceability/deployed-network.ts';
import { createWorld, FOUNDATION, PROGRAM, type World } from './rfc11-world.ts';

/** The network's accounts under the program of localnet, which has its own foundation. */
function worldOf(network: DeployedNetwork): World {
  const world = createWorld();
  const own = [globalStateAddress(PROGRAM).address, globalConfigAddress(PROGRAM).address];
  for (const [address, data] of accountsOf(network)) if (!own.includes(address)) world.put(address, data);
  world.fund(OWNER);
  return world;
}

const networkOf = (world: World) =>
  readNetworkAccounts(
    PROGRAM,
    [...world.accounts].flatMap(([address, { owner, data }]) => (owner === PROGRAM ? [[address, data] as const] : [])),
  );

function apply(world: World, plan: MigrationPlan): void {
  for (const { instruction } of planInstructions(plan, { programId: PROGRAM, authority: FOUNDATION })) world.must(instruction);
}

function changeUser(network: DeployedNetwork, n: number, change: Partial<User>): void {
  const user = network.users.get(userKey(n));
  if (user === undefined) throw new Error(`there is no user ${n}`);
  network.users.set(userKey(n), { ...user, ...change });
}

const misfitsAfter = (change: (network: DeployedNetwork) => void): readonly (readonly [MisfitKind, string])[] => {
  const network = deployedNetwork();
  change(network);
  const usual = new Set(planMigration(read(deployedNetwork())).misfits.map(({ kind, account }) => `${kind} ${account}`));
  return planMigration(read(network)).misfits.flatMap(({ kind, account }) =>
    usual.has(`${kind} ${account}`) ? [] : [[kind, account] as const],
  );
};

test('phases 2 to 4 are computed from deployed accounts', () => {
  const { extensions, marks, backfills, misfits } = planMigration(read(deployedNetwork()));
  expect(new Set(extensions.map(({ associatedWith }) => associatedWith))).toEqual(new Set([ZERO_ADDRESS, FRA, AMS]));
  const byPool = Object.fromEntries(
    marks.map(({ associatedWith, resource, slots }) => [
      `${associatedWith === FRA ? 'fra1' : associatedWith === AMS ? 'ams1' : 'network'} ${resource}`,
      slots,
    ]),
  );
  expect(byPool).toEqual({
    'network linkTunnelNet': [0, 2],
    'network multicast': [7],
    'fra1 tunnelId': [0, 1],
    'fra1 userTunnelNet': [0, 1],
    'fra1 segmentRoutingId': [0],
    'fra1 dzIp': [3],
    'ams1 tunnelId': [2, 3],
    'ams1 userTunnelNet': [2, 3],
    'ams1 segmentRoutingId': [1],
  });
  const accessPass = accessPassAddress(PROGRAM, ipv4('0.0.0.0'), OWNER).address;
  const none = { tunnelNetSlot: NO_SLOT, tunnelIdSlot: NO_ID_SLOT, dzIpSlot: NO_SLOT };
  const user = (n: number, device: typeof FRA, slots: object) => ({ kind: 'user', entity: userKey(n), device, accessPass, ...slots });
  expect(new Set(backfills)).toEqual(
    new Set([
      user(0, FRA, { tunnelNetSlot: 0, tunnelIdSlot: 0, dzIpSlot: NO_SLOT }),
      user(1, FRA, { tunnelNetSlot: 1, tunnelIdSlot: 1, dzIpSlot: 3 }),
      user(2, AMS, { tunnelNetSlot: 2, tunnelIdSlot: 2, dzIpSlot: NO_SLOT }),
      user(3, AMS, { tunnelNetSlot: 3, tunnelIdSlot: 3, dzIpSlot: NO_SLOT }),
      user(4, AMS, none),
      { kind: 'link', entity: LINK, sides: [FRA, AMS], tunnelNetSlot: 0, tunnelIdSlot: NO_ID_SLOT, tunnelIdSlotB: NO_ID_SLOT },
      { kind: 'multicastGroup', entity: GROUP, multicastSlot: 7 },
    ]),
  );
  expect(misfits.map(({ kind, account }) => [kind, account])).toEqual([
    ['publisher-address', userKey(2)],
    ['banned', userKey(4)],
    ['link-id-without-slot', LINK],
    ['loopback-in-link-block', FRA],
    ['global-segment-ids', FRA],
    ['loopback-in-link-block', AMS],
    ['global-segment-ids', AMS],
  ]);
});

test('a plan is carried out by the program; afterwards nothing remains and the audit finds nothing', () => {
  const world = worldOf(deployedNetwork());
  apply(world, planMigration(networkOf(world)));
  const rest = planMigration(networkOf(world));
  expect([rest.extensions, rest.marks, rest.backfills]).toEqual([[], [], []]);
  expect(auditPools(networkOf(world)).findings).toEqual([]);
  const accessPass = accessPassAddress(PROGRAM, ipv4('0.0.0.0'), OWNER).address;
  const ofPass = { programId: PROGRAM, accessPass };
  world.must(deleteUser({ ...ofPass, user: userKey(1), device: FRA, authority: OWNER }), OWNER);
  world.must(deleteUser({ ...ofPass, user: userKey(4), device: AMS, authority: FOUNDATION, banned: true }));
  expect(auditPools(networkOf(world)).findings).toEqual([]);
});

test('a plan of a half-migrated network is what remains, and a plan that was carried out twice changes nothing', () => {
  const world = worldOf(deployedNetwork());
  const whole = planMigration(networkOf(world));
  const all = planInstructions(whole, { programId: PROGRAM, authority: FOUNDATION });
  const order: readonly Instruction[] = all.map(({ instruction }) => instruction);
  for (const [done, instruction] of order.entries()) {
    const rest = planSteps(planMigration(networkOf(world)));
    for (const step of rest) expect(planSteps(whole).has(step)).toBe(true);
    expect(planInstructions(planMigration(networkOf(world)), { programId: PROGRAM, authority: FOUNDATION }).length).toBe(
      order.length - done,
    );
    world.must(instruction);
  }
  for (const { instruction } of all.filter(({ phase }) => phase === 3)) world.must(instruction);
  expect(auditPools(networkOf(world)).findings).toEqual([]);
});

test('each misfit is listed with its kind and account', () => {
  expect(misfitsAfter((network) => changeUser(network, 1, { dzIp: ipv4('198.19.1.1') }))).toEqual([['reserved-address', userKey(1)]]);
  expect(misfitsAfter((network) => changeUser(network, 1, { dzIp: ipv4('198.19.1.7') }))).toEqual([['reserved-address', userKey(1)]]);
  expect(misfitsAfter((network) => changeUser(network, 1, { dzIp: ipv4('198.19.2.9') }))).toEqual([['wrong-device', userKey(1)]]);
  expect(misfitsAfter((network) => changeUser(network, 3, { tunnelId: 4_096 }))).toEqual([['tunnel-id-beyond-eos', userKey(3)]]);
  expect(misfitsAfter((network) => changeUser(network, 3, { tunnelId: 502 }))).toEqual([
    ['duplicate-tunnel', userKey(2)],
    ['duplicate-tunnel', userKey(3)],
  ]);
  expect(misfitsAfter((network) => changeUser(network, 3, { status: 0, tunnelId: 0, tunnelNet: parseNetworkV4('0.0.0.0/0') }))).toEqual([
    ['pending', userKey(3)],
  ]);
  expect(misfitsAfter((network) => void network.passes.splice(0, 1)).filter(([kind]) => kind === 'no-access-pass').length).toBe(5);
  expect(misfitsAfter((network) => changeUser(network, 3, { devicePk: OWNER }))).toEqual([['device-unknown', userKey(3)]]);
  expect(
    misfitsAfter((network) => {
      const device = network.devices.get(FRA);
      const [loopback] = device?.interfaces ?? [];
      if (device !== undefined && loopback?.kind === 'known')
        network.devices.set(FRA, { ...device, interfaces: [{ ...loopback, nodeSegmentIdx: 4_097 }] });
    }),
  ).toEqual([['segment-id-without-slot', FRA]]);
});

test('every misfit that is backfilled is accepted by the program, and those that are not stay out of its hands', () => {
  const network = deployedNetwork();
  changeUser(network, 1, { dzIp: ipv4('198.19.1.1') });
  changeUser(network, 3, { tunnelId: 4_096 });
  network.users.set(userKey(5), {
    ...(network.users.get(userKey(0)) ?? failure()),
    clientIp: ipv4('198.18.0.50'),
    userType: UserType.ibrl,
  });
  const world = worldOf(network);
  const plan = planMigration(networkOf(world));
  apply(world, plan);
  const after = networkOf(world);
  expect([...after.users].flatMap(([account, { slots }]) => (slots === undefined ? [account] : [])).sort()).toEqual(
    [userKey(0), userKey(5)].sort(),
  );
  expect(planMigration(after)).toMatchObject({ extensions: [], marks: [], backfills: [] });
});

/** The network with these prefixes on the device in Frankfurt. */
function withPrefixes(...prefixes: readonly string[]): DeployedNetwork {
  const network = deployedNetwork();
  const device = network.devices.get(FRA) ?? failure();
  network.devices.set(FRA, { ...device, dzPrefixes: prefixes.map(parseNetworkV4) });
  return network;
}

test('a device whose extension the program cannot create is a misfit, and the rest of the network is migrated without it', () => {
  const world = worldOf(withPrefixes('198.19.0.0/16'));
  const plan = planMigration(networkOf(world));
  expect(plan.misfits.filter(({ kind }) => kind === 'extension-too-large')).toEqual([
    { kind: 'extension-too-large', account: FRA, detail: 'its extension would have 13403 bytes' },
  ]);
  apply(world, plan);
  const after = networkOf(world);
  for (const { value, slots } of after.users.values()) expect(slots === undefined).toBe(value.devicePk === FRA);
  expect(after.links.get(LINK)?.slots).toBeUndefined();
  expect(after.groups.get(GROUP)?.slots).toBeDefined();
  expect(planMigration(after)).toMatchObject({ extensions: [], marks: [], backfills: [] });
});

test('a block that no account can hold is a misfit, and its bitmap is never built', () => {
  const { misfits, extensions } = planMigration(read(withPrefixes('0.0.0.0/0')));
  expect(misfits.filter(({ kind }) => kind === 'extension-too-large')).toEqual([
    {
      kind: 'extension-too-large',
      account: FRA,
      detail: 'the account is not a ResourceExtension of RFC-11: DzIp of 0.0.0.0/0 has 4294967296 slots',
    },
  ]);
  expect(extensions.map(({ associatedWith }) => associatedWith)).toEqual([ZERO_ADDRESS, AMS]);
});

test('a prefix inside another gets no bitmap, which would give out its addresses twice', () => {
  const world = worldOf(withPrefixes('198.19.1.0/29', '198.19.1.0/24', '198.19.1.7/24'));
  apply(world, planMigration(networkOf(world)));
  const network = networkOf(world);
  const blocks = network.draftedExtensions.get(FRA)?.extension.ipAllocations ?? [];
  expect(blocks.filter(({ blockType }) => blockType === 'dzIp').map(({ block }) => block)).toEqual([parseNetworkV4('198.19.1.0/24')]);
  expect(auditPools(network).findings).toEqual([]);
});

test('a group with members from before RFC-11 can be deleted, because no instruction of the draft lowers their count', () => {
  const network = deployedNetwork();
  network.groups.set(GROUP, { ...(network.groups.get(GROUP) ?? failure()), publisherCount: 1, subscriberCount: 2 });
  const world = worldOf(network);
  apply(world, planMigration(networkOf(world)));
  world.must(deleteMulticastGroup({ programId: PROGRAM, group: GROUP, authority: FOUNDATION }));
  expect(world.exists(GROUP)).toBe(false);
});

test('the values of a user without a complete tunnel are marked, so that no other user gets them', () => {
  const network = deployedNetwork();
  changeUser(network, 3, { status: 0, tunnelNet: UNSPECIFIED_NETWORK, tunnelId: 500 });
  const world = worldOf(network);
  const plan = planMigration(networkOf(world));
  expect(plan.misfits).toContainEqual({ kind: 'pending', account: userKey(3), detail: 'it has no tunnel yet' });
  apply(world, plan);
  const extension = networkOf(world).draftedExtensions.get(AMS)?.extension ?? failure();
  expect(idPool(extension, 'tunnelId')?.isAllocated(0)).toBe(true);
});

test('a network of another size than a slot marks the slots that contain it or that it contains', () => {
  const network = deployedNetwork();
  changeUser(network, 1, { tunnelNet: parseNetworkV4('169.254.9.1/32') });
  changeUser(network, 3, { tunnelNet: parseNetworkV4('169.254.9.4/30') });
  const device = network.devices.get(FRA) ?? failure();
  const [loopback] = device.interfaces;
  if (loopback?.kind !== 'known') failure();
  network.devices.set(FRA, { ...device, interfaces: [{ ...loopback, ipNet: parseNetworkV4('172.16.0.40/30') }] });
  const world = worldOf(network);
  const plan = planMigration(networkOf(world));
  const marked = (scope: Address, type: ResourceTypeName) =>
    plan.marks.find(({ associatedWith, resource }) => associatedWith === scope && resource === type)?.slots;
  expect(marked(FRA, 'userTunnelNet')).toContain(9 * 128);
  expect(marked(AMS, 'userTunnelNet')).toEqual(expect.arrayContaining([9 * 128 + 2, 9 * 128 + 3]));
  expect(marked(ZERO_ADDRESS, 'linkTunnelNet')).toEqual(expect.arrayContaining([20, 21]));
  apply(world, plan);
  const after = networkOf(world);
  expect([1, 3].map((n) => after.users.get(userKey(n))?.slots?.tunnelNetSlot)).toEqual([NO_SLOT, NO_SLOT]);
  expect(auditPools(after).findings).toEqual([]);
});

test('a lower reserved start puts the first addresses of a prefix into the pool', () => {
  const network = deployedNetwork();
  changeUser(network, 1, { dzIp: ipv4('198.19.1.1') });
  const world = worldOf(network);
  const plan = planMigration(networkOf(world), { dzIpReservedStart: 1 });
  expect(plan.misfits.map(({ kind }) => kind)).not.toContain('reserved-address');
  apply(world, plan);
  expect(networkOf(world).users.get(userKey(1))?.slots?.dzIpSlot).toBe(1);
});

test('a network without devices needs its own extension alone', () => {
  const world = worldOf({ ...deployedNetwork(), devices: new Map(), users: new Map(), links: new Map(), groups: new Map() });
  const plan = planMigration(networkOf(world));
  expect(plan).toEqual({ extensions: [{ associatedWith: ZERO_ADDRESS }], marks: [], backfills: [], misfits: [] });
  apply(world, plan);
  expect(planMigration(networkOf(world)).extensions).toEqual([]);
});

test('a slot that an entity of RFC-11 took meanwhile is not given to one from before', () => {
  const world = worldOf(deployedNetwork());
  const plan = planMigration(networkOf(world));
  const [extensions, marks] = [2, 3].map((phase) =>
    planInstructions(plan, { programId: PROGRAM, authority: FOUNDATION }).filter((each) => each.phase === phase),
  );
  for (const { instruction } of [...(extensions ?? []), ...(marks ?? [])]) world.must(instruction);
  const backfill = planInstructions(plan, { programId: PROGRAM, authority: FOUNDATION }).find(({ label }) => label.endsWith(userKey(0)));
  world.must(backfill?.instruction ?? failure());
  // The account loses its slots, as one that was restored from a snapshot of before would.
  const bytes = world.data(userKey(0));
  world.put(userKey(0), bytes.slice(0, bytes.length - 42));
  expect(planMigration(networkOf(world)).misfits).toContainEqual(expect.objectContaining({ kind: 'slot-taken', account: userKey(0) }));
});

test('a banned user counts no longer on its pass after its backfill', () => {
  const world = worldOf(deployedNetwork());
  const accessPass = accessPassAddress(PROGRAM, ipv4('0.0.0.0'), OWNER).address;
  const pass = decodeAccessPass(world.data(accessPass));
  world.put(accessPass, encodeAccessPass({ ...pass, connectionCount: 5, unicastUserCount: 4, multicastUserCount: 1 }));
  apply(world, planMigration(networkOf(world)));
  expect(decodeAccessPass(world.data(accessPass)).unicastUserCount).toBe(3);
});

function failure(): never {
  throw new Error('the fixture has it');
}

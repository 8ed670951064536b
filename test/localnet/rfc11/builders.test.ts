import { expect, test } from 'vitest';
import {
  decodeUser,
  describeTransactionFailure,
  type Instruction,
  ipv4,
  parseNetworkV4,
  parseTransactionFailure,
  ServiceabilityError,
  UNSPECIFIED_IPV4,
  ZERO_ADDRESS,
} from '../../../src/serviceability/index.ts';
import * as rfc11 from '../../../src/serviceability/rfc11/index.ts';
import { networkBed } from './network-fixture.ts';
import {
  CUSTOMER,
  client,
  createWorld,
  deviceAt,
  extensionOf,
  FOUNDATION,
  GLOBAL_EXTENSION,
  groupAt,
  interfaceAt,
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
  PROGRAM,
  userAt,
} from './rfc11-world.ts';

const programId = PROGRAM;
const addressesOf = ({ accounts }: Instruction) => accounts.map(({ address }) => address);

test('each builder derives the addresses that follow from its other arguments', () => {
  const { world, device, other, pass } = networkBed();
  const user = { programId, device, accessPass: pass, authority: CUSTOMER };
  const args = { userType: 0, cyoaType: 1, clientIp: client(1), tunnelEndpoint: UNSPECIFIED_IPV4 };
  const { link, extensionA, extensionB, globalExtension, ...ends } = { programId, ...linkEnds(device, other) };
  const byName = <T extends object>(instruction: Instruction, input: T, build: (input: T) => Instruction) =>
    expect(addressesOf(build(input))).toEqual(addressesOf(instruction));

  byName(newUser({ device, pass }), { programId, device, accessPass: pass, payer: CUSTOMER, ...args }, rfc11.createAndActivateUser);
  for (const build of [rfc11.deleteUser, rfc11.banUser])
    byName(build({ ...user, user: userAt(), extension: extensionOf(device) }), { ...user, clientIp: client(1), userType: 0 }, build);
  byName(
    rfc11.deleteLink({ ...ends, link, extensionA, extensionB, globalExtension, authority: OPERATOR }),
    { ...ends, authority: OPERATOR },
    rfc11.deleteLink,
  );
  const swapped = rfc11.deleteLink({ programId, deviceA: other, deviceB: device, authority: OPERATOR });
  expect(addressesOf(swapped)[0]).toBe(link);
  const onInterface = { programId, device, authority: OPERATOR, contributor: world.contributors[0] };
  byName(
    rfc11.deleteInterface({ ...onInterface, interface: interfaceAt(device, 'Loopback100'), extension: extensionOf(device) }),
    { ...onInterface, name: 'Loopback100' },
    rfc11.deleteInterface,
  );
  byName(
    newGlobalExtension(),
    { programId, associatedWith: ZERO_ADDRESS, authority: FOUNDATION, payer: FOUNDATION },
    rfc11.createResourceExtension,
  );
  const hand = { programId, authority: FOUNDATION, resourceType: 0, slot: 1, slots: [1] };
  for (const build of [rfc11.allocateResource, rfc11.releaseResource, rfc11.setResourceState]) {
    expect(addressesOf(build(hand))[0]).toBe(GLOBAL_EXTENSION);
    expect(addressesOf(build({ ...hand, device }))[0]).toBe(extensionOf(device));
  }
  const backfill = { programId, entity: key('entity'), authority: FOUNDATION };
  expect(addressesOf(rfc11.backfillEntitySlots({ ...backfill, device, accessPass: pass })).slice(3, 5)).toEqual([
    extensionOf(device),
    pass,
  ]);
  expect(addressesOf(rfc11.backfillEntitySlots({ ...backfill, sides: [device, other] })).slice(3, 6)).toEqual([
    GLOBAL_EXTENSION,
    extensionOf(device),
    extensionOf(other),
  ]);
  expect(addressesOf(rfc11.backfillEntitySlots(backfill))[3]).toBe(GLOBAL_EXTENSION);
});

test('a builder refuses mistakes of untyped callers: a missing address, text or list, and a number for a u64', () => {
  const { device, pass } = networkBed();
  const user = { programId, device, accessPass: pass, authority: CUSTOMER, user: userAt() };
  const refused = (build: (input: never) => Instruction, input: object) => {
    let thrown: unknown;
    try {
      build(input as never);
    } catch (error) {
      thrown = error;
    }
    return thrown instanceof ServiceabilityError ? thrown.message : thrown;
  };
  expect(refused(rfc11.deleteUser, { ...user, authority: undefined })).toBe('undefined is not an address: not text');
  expect(refused(rfc11.deleteUser, { ...user, accessPass: 'pass' })).toBe('"pass" is not an address: it has 4 characters, not 32 to 44');
  const group = {
    programId,
    multicastIp: ipv4('233.84.178.1'),
    code: 'g',
    maxBandwidth: 1n,
    owner: OPERATOR,
    authority: FOUNDATION,
    payer: FOUNDATION,
  };
  const { createAndActivateMulticastGroup: create } = rfc11;
  expect(refused(create, { ...group, code: undefined })).toBe('undefined is not a valid text (field at byte 1)');
  expect(refused(create, { ...group, maxBandwidth: 1 })).toBe('1 is not a valid u64 (field at byte 6)');
  expect(refused(create, { ...group, maxBandwidth: '1' })).toBe('"1" is not a valid u64 (field at byte 6)');
  const slots = { programId, authority: FOUNDATION, resourceType: 0 };
  expect(refused(rfc11.setResourceState, slots)).toBe('undefined is not a valid vector (field at byte 2)');
});

test('a network is built, used and taken down without one address derived by hand', () => {
  const world = createWorld();
  const deviceInput = { location: world.location, exchange: world.exchange, deviceType: 0, publicIp: ipv4('198.19.255.1'), mgmtVrf: 'm' };
  const own = { programId, contributor: world.contributors[0], authority: OPERATOR };
  world.must(rfc11.createResourceExtension({ programId, associatedWith: ZERO_ADDRESS, authority: FOUNDATION, payer: FOUNDATION }));
  for (const [code, contributor, authority] of [
    ['fra1', world.contributors[0], OPERATOR],
    ['ams1', world.contributors[1], OTHER_OPERATOR],
  ] as const) {
    const input = { ...deviceInput, programId, code, contributor, authority, payer: authority, metricsPublisher: key('publisher') };
    world.must(rfc11.createAndActivateDevice({ ...input, dzPrefixes: [parseNetworkV4('198.19.1.0/24')] }), authority);
  }
  const [device, other] = [deviceAt('fra1'), deviceAt('ams1')];
  const accessPass = world.pass({ clientIp: client(1) });
  const asked = { userType: 0, clientIp: client(1) };
  world.must(
    rfc11.createAndActivateUser({ programId, device, payer: CUSTOMER, cyoaType: 1, tunnelEndpoint: UNSPECIFIED_IPV4, ...asked }),
    CUSTOMER,
  );
  const [contributorA, contributorB] = world.contributors;
  const wire = { linkType: 1, bandwidth: 1n, mtu: 9_000, delayNs: 1n, jitterNs: 1n, sideAIfaceName: 'Et1', sideZIfaceName: 'Et2' };
  const ends = { programId, deviceA: device, deviceB: other };
  world.must(rfc11.createAndActivateLink({ ...ends, contributorA, contributorB, payer: OPERATOR, code: 'l1', ...wire }), OPERATOR);
  const loopback = { name: 'Loopback7', interfaceType: 1, loopbackType: 1, bandwidth: 0n, mtu: 9_000, vlanId: 0, withDzIp: 1 };
  world.must(rfc11.createAndActivateInterface({ ...own, device, payer: OPERATOR, ...loopback }), OPERATOR);
  const group = { programId, authority: FOUNDATION, payer: FOUNDATION, maxBandwidth: 1n, owner: ZERO_ADDRESS };
  world.must(
    rfc11.createAndActivateMulticastGroup({ ...group, code: 'g', networkExtension: world.extension(GLOBAL_EXTENSION) }),
    FOUNDATION,
  );
  expect(rfc11.nextMulticastIp(world.extension(GLOBAL_EXTENSION))).toBe('233.84.178.1');

  world.must(rfc11.deleteMulticastGroup({ programId, multicastIp: ipv4('233.84.178.0'), authority: FOUNDATION }));
  world.must(rfc11.deleteInterface({ ...own, device, name: 'Loopback7' }), OPERATOR);
  world.must(rfc11.deleteLink({ ...ends, authority: OPERATOR }), OPERATOR);
  world.must(rfc11.deleteUser({ programId, device, accessPass, authority: CUSTOMER, ...asked }), CUSTOMER);
  world.must(rfc11.deleteDevice({ ...own, device }), OPERATOR);
  expect(world.exists(device)).toBe(false);
});

test('the log lines of each instruction give an indexer what was allocated and what was freed', () => {
  const { world, device, other, pass } = networkBed();
  const parsed = (instruction: Instruction | readonly Instruction[], payer = FOUNDATION) =>
    rfc11.parseRfc11Logs(world.must(instruction, payer).logs, PROGRAM);

  const [created] = parsed(newUser({ device, pass }), CUSTOMER);
  const user = decodeUser(world.data(userAt()));
  expect(created).toMatchObject({ instruction: 'CreateAndActivateUser', succeeded: true });
  expect(created?.details).toContainEqual({
    kind: 'allocated',
    slots: [
      { resource: 'tunnel_net', value: `${user.tunnelNet.address}/31`, slot: 0 },
      { resource: 'dz_ip', value: user.dzIp, slot: 2 },
      { resource: 'tunnel_id', value: '500', slot: 0 },
    ],
  });
  expect(created?.details).toContainEqual({ kind: 'slot', operation: 'allocate', resource: 'dzIp', slot: 2 });

  const [link] = parsed(newLink(world, device, other), OPERATOR);
  const linkSlots = link?.details.flatMap((detail) => (detail.kind === 'allocated' ? detail.slots : []));
  expect(linkSlots).toContainEqual({ resource: 'tunnel_net', value: '172.16.0.0/31', slot: 0 });
  const [loopback] = parsed(newInterface(world, { device }), OPERATOR);
  expect(loopback?.details.flatMap((detail) => (detail.kind === 'allocated' ? detail.slots : []))).toContainEqual(
    expect.objectContaining({ resource: 'segment_routing_id', value: '1', slot: 0 }),
  );
  expect(parsed(newGroup(0))).toEqual([
    {
      instruction: 'CreateAndActivateMulticastGroup',
      succeeded: true,
      details: [
        { kind: 'slot', operation: 'allocate', resource: 'multicast', slot: 0 },
        { kind: 'allocated', slots: [{ resource: 'multicast_ip', value: '233.84.178.0', slot: 0 }] },
      ],
    },
  ]);
  const [gone] = parsed(rfc11.deleteMulticastGroup({ programId, group: groupAt(0), authority: FOUNDATION }));
  expect(gone?.details).toContainEqual({ kind: 'deallocated', slots: [{ resource: 'multicast', slot: 0 }] });

  const byHand = { programId, device, authority: FOUNDATION, resourceType: rfc11.ResourceType.tunnelId };
  expect(parsed(rfc11.setResourceState({ ...byHand, slots: [70, 71] }))[0]?.details).toEqual([
    { kind: 'marked', resource: 'tunnelId', slots: [70, 71] },
  ]);
  const [allocated] = parsed(rfc11.allocateResource(byHand));
  expect(allocated?.details).toContainEqual({ kind: 'returned', slot: 2 });
  const [device2] = parsed(newDevice(world, { code: 'par1' }), OPERATOR);
  expect(device2?.details).toContainEqual({ kind: 'created', accounts: [deviceAt('par1')] });
});

test('a failed instruction, another program and lines of unknown form give an indexer nothing to count', () => {
  const { world, device, pass } = networkBed();
  const twice = world.run([newUser({ device, pass }), newUser({ device, pass })], CUSTOMER);
  expect(rfc11.parseRfc11Logs(twice.logs, PROGRAM).map(({ succeeded }) => succeeded)).toEqual([true, false]);
  const { logs } = world.must(newUser({ device, pass }), CUSTOMER);
  expect(rfc11.parseRfc11Logs(logs, key('another program'))).toEqual([]);
  expect(rfc11.parseRfc11Logs(['Log truncated', 'Program log: Instruction: DeleteUser', '', 'Program x success'], PROGRAM)).toEqual([]);
  const inherited = [`Program ${PROGRAM} invoke [1]`, 'Program log: Instruction: toString', `Program ${PROGRAM} success`];
  expect(rfc11.parseRfc11Logs(inherited, PROGRAM)).toEqual([]);
});

test('errors from 160 up are described like the deployed ones', () => {
  for (const { code, name, explanation } of rfc11.RFC11_ERRORS)
    expect(describeTransactionFailure(parseTransactionFailure({ InstructionError: [1, { Custom: code }] }))).toBe(
      `instruction 1 failed with ${name} (${code}): ${explanation}`,
    );
  expect(describeTransactionFailure(parseTransactionFailure({ InstructionError: [0, { Custom: 999 }] }))).toContain('unknown(999)');
});

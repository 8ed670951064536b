import { expect, test } from 'vitest';
import { ipv4, parseNetworkV4, type User } from '../../src/serviceability/index.ts';
import {
  type AuditFindingKind,
  auditPools,
  decodeAnyExtension,
  encodeResourceExtension,
  listPools,
} from '../../src/serviceability/rfc11/index.ts';
import { keyOf } from './builders.ts';
import { AMS, accountsOf, type DeployedNetwork, deployedNetwork, FRA, LINK, read, userKey } from './deployed-network.ts';

/** The findings after a change to a network that has none. */
function findingsAfter(change: (network: DeployedNetwork) => void) {
  const network = deployedNetwork();
  change(network);
  return auditPools(read(network)).findings.map(({ kind, pool, device, value, holders }) => ({
    kind,
    pool,
    device,
    value,
    holders: holders.map(({ account }) => account),
  }));
}

function changeUser(network: DeployedNetwork, n: number, change: Partial<User>): void {
  const user = network.users.get(userKey(n));
  if (user === undefined) throw new Error(`there is no user ${n}`);
  network.users.set(userKey(n), { ...user, ...change });
}

test('an audit of a deployed network in which every bit is right finds nothing', () => {
  const { findings, pools, claims } = auditPools(read(deployedNetwork()));
  expect(findings).toEqual([]);
  expect({ pools, claims }).toEqual({ pools: 12, claims: 20 });
});

test('an audit finds a value that is held but free, as the program would give it out again', () => {
  const kind: AuditFindingKind = 'held-but-free';
  const free = (network: DeployedNetwork) =>
    network.bits.push({ pool: { kind: 'tunnelids', device: FRA, index: 0n }, value: 501, taken: false });
  expect(findingsAfter(free)).toEqual([{ kind, pool: 'TunnelIds', device: FRA, value: '501', holders: [userKey(1)] }]);
  const half = (network: DeployedNetwork) =>
    network.bits.push({ pool: { kind: 'usertunnelblock' }, value: ipv4('169.254.0.7'), taken: false });
  expect(findingsAfter(half)).toEqual([
    { kind, pool: 'UserTunnelBlock', device: undefined, value: '169.254.0.6/31', holders: [userKey(3)] },
  ]);
  const reserved = (network: DeployedNetwork) =>
    network.bits.push({ pool: { kind: 'dzprefixblock', device: FRA, index: 0n }, value: ipv4('198.19.1.0'), taken: false });
  expect(findingsAfter(reserved)).toEqual([{ kind, pool: 'DzPrefixBlock', device: FRA, value: '198.19.1.0', holders: [FRA] }]);
});

test('an audit joins neighboring slots that are taken and held by no entity', () => {
  const taken = (network: DeployedNetwork) => {
    for (const value of [3, 4, 5, 9]) network.bits.push({ pool: { kind: 'linkids' }, value, taken: true });
  };
  const about = { kind: 'taken-but-unheld', pool: 'LinkIds', device: undefined, holders: [] };
  expect(findingsAfter(taken)).toEqual([
    { ...about, value: '3 to 5' },
    { ...about, value: '9' },
  ]);
});

test('an audit finds two holders of one value, once for a /31', () => {
  const twice = (network: DeployedNetwork) => changeUser(network, 3, { tunnelNet: parseNetworkV4('169.254.0.0/31') });
  expect(findingsAfter(twice)).toEqual([
    { kind: 'two-holders', pool: 'UserTunnelBlock', device: undefined, value: '169.254.0.0/31', holders: [userKey(0), userKey(3)] },
  ]);
  // On another device, the same tunnel id is another tunnel.
  expect(findingsAfter((network) => changeUser(network, 3, { tunnelId: 500 }))).toEqual([]);
  expect(findingsAfter((network) => changeUser(network, 3, { tunnelId: 502 }))).toEqual([
    { kind: 'two-holders', pool: 'TunnelIds', device: AMS, value: '502', holders: [userKey(2), userKey(3)] },
  ]);
});

test('an audit ignores a tunnel_net that is not set, even if several users have none', () => {
  const unset = (network: DeployedNetwork) => {
    for (const n of [0, 3]) changeUser(network, n, { tunnelNet: parseNetworkV4('0.0.0.0/0') });
    for (const value of ['169.254.0.0', '169.254.0.1', '169.254.0.6', '169.254.0.7'])
      network.bits.push({ pool: { kind: 'usertunnelblock' }, value: ipv4(value), taken: false });
  };
  expect(findingsAfter(unset)).toEqual([]);
});

test('a network too large for an allocation is outside its pool, so an audit does not list each of its addresses', () => {
  const widened = findingsAfter((network) => changeUser(network, 3, { tunnelNet: parseNetworkV4('169.254.0.0/16') }));
  expect(widened.map(({ kind, value }) => [kind, value])).toEqual([['outside-pool', '169.254.0.0/16']]);
});

test('an audit finds values outside of their pool, of another device, and beyond the interfaces of EOS', () => {
  const about = { pool: 'DzPrefixBlock', device: FRA, holders: [userKey(1)] };
  const freed = { kind: 'taken-but-unheld', pool: 'DzPrefixBlock', device: FRA, value: '198.19.1.3', holders: [] };
  const keepBit = (network: DeployedNetwork) =>
    network.bits.push({ pool: { kind: 'dzprefixblock', device: FRA, index: 0n }, value: ipv4('198.19.1.3'), taken: true });
  const moved = (dzIp: string) => (network: DeployedNetwork) => {
    changeUser(network, 1, { dzIp: ipv4(dzIp) });
    keepBit(network);
  };
  expect(findingsAfter(moved('198.19.7.7'))).toEqual([{ ...about, kind: 'outside-pool', value: '198.19.7.7' }, freed]);
  expect(findingsAfter(moved('198.19.2.77'))).toEqual([{ ...about, kind: 'wrong-device', value: '198.19.2.77' }, freed]);
  expect(findingsAfter((network) => changeUser(network, 3, { tunnelId: 4_100 }))).toEqual([
    { kind: 'id-beyond-eos', pool: undefined, device: AMS, value: '4100', holders: [userKey(3)] },
  ]);
  expect(findingsAfter((network) => changeUser(network, 3, { tunnelId: 499 })).map(({ kind }) => kind)).toEqual(['outside-pool']);
});

test('an audit finds missing pools, unknown devices and a loopback on the address of a link', () => {
  const missing = findingsAfter((network) => network.withoutPools.add('linkids'));
  expect(missing).toEqual([{ kind: 'pool-missing', pool: 'LinkIds', device: undefined, value: undefined, holders: [LINK] }]);
  const gone = findingsAfter((network) => changeUser(network, 3, { devicePk: keyOf(99) }));
  expect(gone.map(({ kind, device }) => [kind, device])).toContainEqual(['device-unknown', keyOf(99)]);
  const overlap = findingsAfter((network) => {
    const link = network.links.get(LINK);
    if (link !== undefined) network.links.set(LINK, { ...link, tunnelNet: parseNetworkV4('172.16.0.4/31') });
  });
  expect(overlap.map(({ kind, holders }) => [kind, holders])).toEqual([
    ['two-holders', [LINK, FRA]],
    ['two-holders', [LINK, AMS]],
  ]);
});

test('an unreadable account is a finding, and the others are audited', () => {
  const network = deployedNetwork();
  const accounts = read(network);
  const { findings, claims } = auditPools({ ...accounts, unreadable: [{ account: keyOf(77), problem: 'it is cut' }] });
  expect(findings).toEqual([{ kind: 'unreadable', count: 1, holders: [{ kind: 'none', account: keyOf(77) }], detail: 'it is cut' }]);
  expect(claims).toBe(20);
});

test('deployed pools are listed with range, capacity, reserved and taken slots', () => {
  const pools = listPools(read(deployedNetwork()));
  expect(pools.map(({ name, device, range, capacity, reserved, taken }) => [name, device, range, capacity, reserved, taken])).toEqual([
    ['AdminGroupBits', undefined, '1-126', 126, 0, 0],
    ['DeviceTunnelBlock', undefined, '172.16.0.0/16', 65_536, 0, 4],
    ['LinkIds', undefined, '0-65534', 65_535, 0, 1],
    ['MulticastGroupBlock', undefined, '233.84.178.0/24', 256, 0, 1],
    ['MulticastPublisherBlock', undefined, '198.19.248.0/24', 256, 0, 1],
    ['SegmentRoutingIds', undefined, '1-65534', 65_534, 0, 2],
    ['UserTunnelBlock', undefined, '169.254.0.0/16', 65_536, 0, 8],
    ['VrfIds', undefined, '1-1023', 1_023, 0, 1],
    ['DzPrefixBlock', AMS, '198.19.2.0/24', 256, 1, 0],
    ['TunnelIds', AMS, '500-4595', 4_096, 0, 2],
    ['DzPrefixBlock', FRA, '198.19.1.0/29', 8, 1, 1],
    ['TunnelIds', FRA, '500-4595', 4_096, 0, 2],
  ]);
});

test('an extension of either design is read by its type byte, and its pool translates slot and value both ways', () => {
  const pools = listPools(read(deployedNetwork()));
  const ids = pools.find(({ name, device }) => name === 'TunnelIds' && device === FRA);
  const block = pools.find(({ name }) => name === 'UserTunnelBlock');
  expect([ids?.slotsOf({ id: 507 }), ids?.valueOf(7), ids?.slotsOf({ id: 499 })]).toEqual([[7], '507', undefined]);
  const network = parseNetworkV4('169.254.0.14/31');
  expect([block?.slotsOf({ network }), block?.valueOf(14), block?.slotsOf({ id: 14 })]).toEqual([[14, 15], '169.254.0.14', undefined]);
  const accounts = accountsOf(deployedNetwork());
  const deployed = accounts.get(ids?.account ?? FRA) ?? new Uint8Array();
  expect(decodeAnyExtension(deployed)).toMatchObject({ layout: 'deployed', extension: { allocator: { kind: 'ids', rangeStart: 500 } } });
  const drafted = encodeResourceExtension({ associatedWith: FRA, idAllocations: [], ipAllocations: [], interfaceCount: 0 });
  expect(decodeAnyExtension(drafted)).toMatchObject({ layout: 'drafted', extension: { associatedWith: FRA } });
  expect(() => decodeAnyExtension(Uint8Array.of(7))).toThrow('not a resourceExtension');
});

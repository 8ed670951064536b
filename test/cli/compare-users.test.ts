import { expect, test } from 'vitest';
import { compareUsers, mergeReadings } from '../../src/cli/check-switch.ts';
import { UserStatus } from '../../src/serviceability/index.ts';
import { active, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

const NOTHING_ODD = { missing: [], withoutVrf: [], wrongVrf: [], unknown: [], duplicated: [], invalid: [], orphaned: [] };
const compare = (users: Parameters<typeof viewOf>[0], ...snapshots: readonly ReturnType<typeof snapshotOf>[]) =>
  compareUsers(viewOf(users), mergeReadings(snapshots));

test('users with a neighbor in the expected VRF are found, whatever their session state', () => {
  expect(compare([userNumber(1), userNumber(2)], snapshotOf({ vrf1: [established(1), active(2)] }))).toEqual({
    activated: 2,
    found: 2,
    established: 1,
    ...NOTHING_ODD,
  });
});

test('of a neighbor in two VRFs the one in the expected VRF counts', () => {
  expect(compare([userNumber(1)], snapshotOf({ vrf1: [active(1)], vrf2: [established(1)] }))).toMatchObject({ found: 1, established: 0 });
});

test('a neighbor on the device side of the tunnel counts if the client side has none', () => {
  expect(compare([userNumber(1)], snapshotOf({ vrf1: [{ address: '169.254.0.2' }] }))).toMatchObject({ found: 1, missing: [] });
});

test('a user that is not activated needs no neighbor, and its neighbor is not an orphan', () => {
  const banned = userNumber(1, { account: { status: UserStatus.banned } });
  expect(compare([banned], snapshotOf({ vrf1: [established(1, { description: 'USER-501' })] }))).toEqual({
    activated: 0,
    found: 0,
    established: 0,
    ...NOTHING_ODD,
  });
});

test('a user is missing only if every VRF was read', () => {
  const name = `USER-501 (${keyNumber(1)}) 169.254.0.3`;
  expect(compare([userNumber(1)], snapshotOf({ vrf1: [] }))).toMatchObject({ missing: [name], unknown: [] });
  expect(compare([userNumber(1)], snapshotOf({ vrf1: [], vrf2: 'failed' }))).toMatchObject({ missing: [], unknown: [name] });
});

test('a user of a VRF that the switch does not report is listed with this VRF', () => {
  const compared = compare([userNumber(1, { expectedVrf: 'vrf9' })], snapshotOf({ vrf1: [established(2)] }));
  expect(compared).toMatchObject({ missing: [], withoutVrf: [`USER-501 (${keyNumber(1)}) in vrf9`] });
});

test('a tunnel_net that several activated users share is listed once', () => {
  const users = [userNumber(1), userNumber(2, { net: '169.254.0.2/31' }), userNumber(3, { net: '169.254.0.2/31' })];
  expect(compare(users, snapshotOf({ vrf1: [established(1)] })).duplicated).toEqual(['169.254.0.2/31']);
});

test('two tunnel_nets that name either address of one /31 are shared, and one that is not a /31 is only invalid', () => {
  const users = [
    userNumber(1),
    userNumber(2, { net: '169.254.0.3/31' }),
    userNumber(3, { net: '0.0.0.0/0' }),
    userNumber(4, { net: '0.0.0.0/0' }),
  ];
  expect(compare(users, snapshotOf({ vrf1: [established(1)] }))).toMatchObject({
    duplicated: ['169.254.0.2/31'],
    invalid: [`USER-503 (${keyNumber(3)}) 0.0.0.0/0`, `USER-504 (${keyNumber(4)}) 0.0.0.0/0`],
  });
});

test('neighbors described as a user that the ledger lacks are orphans, other neighbors are not', () => {
  const neighbors = [established(7, { description: 'USER-507' }), established(8, { description: 'uplink' }), established(9)];
  expect(compare([], snapshotOf({ vrf1: neighbors })).orphaned).toEqual(['USER-507 (vrf1 169.254.0.15)']);
});

test('a VRF that one source could not read comes from another source', () => {
  const first = snapshotOf({ vrf1: 'failed', vrf2: [established(2)] });
  const second = snapshotOf({ vrf1: [established(1)], vrf2: [], vrf3: 'failed' });
  const merged = mergeReadings([first, second]);
  expect([...merged].map(([vrf, { kind }]) => [vrf, kind])).toEqual([
    ['vrf1', 'collected'],
    ['vrf2', 'collected'],
    ['vrf3', 'failed'],
  ]);
  expect(merged.get('vrf2')).toBe(first.vrfs.get('vrf2'));
});

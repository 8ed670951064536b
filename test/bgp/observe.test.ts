import { describe, expect, test } from 'vitest';
import { type LedgerUser, type NeighborSnapshot, type Observation, observeUsers } from '../../src/bgp/index.ts';
import { parseNetworkV4, type User, UserStatus } from '../../src/serviceability/index.ts';
import { active, clientOf, established, keyNumber, snapshotOf, userNumber } from '../support/bgp-builders.ts';

const nothingRemembered = () => undefined;

function observe(users: readonly LedgerUser[], snapshot: NeighborSnapshot | undefined): readonly string[] {
  const { byUser } = observeUsers(users, snapshot, nothingRemembered);
  return users.map(({ pubkey }) => short(byUser.get(pubkey)));
}

function short(observation: Observation | undefined): string {
  if (observation === undefined) return 'missing';
  if (observation.kind === 'unobserved') return `unobserved: ${observation.reason}`;
  return observation.at === undefined ? observation.kind : `${observation.kind} at ${observation.at.vrf}/${observation.at.address}`;
}

describe('what one snapshot says of a user', () => {
  test('rule 4: Established is up, every other state of RFC 4271 is down, and a state of no RFC is neither', () => {
    const states = ['established', 'idle', 'connect', 'active', 'open-sent', 'open-confirm', 'unrecognized'] as const;
    const users = states.map((_, n) => userNumber(n));
    const snapshot = snapshotOf({ vrf1: states.map((state, n) => ({ address: clientOf(n), state })) });
    expect(observe(users, snapshot)).toEqual([
      'up at vrf1/169.254.0.1',
      'down at vrf1/169.254.0.3',
      'down at vrf1/169.254.0.5',
      'down at vrf1/169.254.0.7',
      'down at vrf1/169.254.0.9',
      'down at vrf1/169.254.0.11',
      'unobserved: state-unrecognized',
    ]);
  });

  test('rule 2: the neighbor is the client side of the /31, and the device side only where there is no client side', () => {
    const snapshot = snapshotOf({
      vrf1: [
        { address: '169.254.0.0', state: 'active' },
        { address: '169.254.0.1', state: 'established' },
        { address: '169.254.0.2', state: 'established' },
      ],
    });
    expect(observe([userNumber(0), userNumber(1)], snapshot)).toEqual(['up at vrf1/169.254.0.1', 'up at vrf1/169.254.0.2']);
  });

  test('rule 1: a switch that could not be read says nothing', () => {
    expect(observe([userNumber(0)], undefined)).toEqual(['unobserved: switch-not-read']);
  });

  test('a switch without any neighbor says nothing: its BGP agent is starting', () => {
    expect(observe([userNumber(0)], snapshotOf({ default: [], vrf1: [] }))).toEqual(['unobserved: no-neighbors-at-all']);
  });

  test('no such neighbor is down where every VRF was read', () => {
    expect(observe([userNumber(0)], snapshotOf({ default: [], vrf1: [established(5)] }))).toEqual(['down']);
  });

  test('rule 3: a user in a VRF that could not be read is held, and those in the others are not', () => {
    const users = [userNumber(0), userNumber(1, { expectedVrf: 'vrf2' }), userNumber(2)];
    const snapshot = snapshotOf({ vrf1: [established(0), active(2)], vrf2: 'failed' });
    expect(observe(users, snapshot)).toEqual(['up at vrf1/169.254.0.1', 'unobserved: vrf-not-collected', 'down at vrf1/169.254.0.5']);
  });

  test('rule 3: while one VRF failed, a user found in no other is held whichever VRF it is expected in', () => {
    const snapshot = snapshotOf({ vrf1: [established(5)], vrf2: 'failed' });
    expect(observe([userNumber(0), userNumber(1, { expectedVrf: null })], snapshot)).toEqual([
      'unobserved: vrf-not-collected',
      'unobserved: vrf-not-collected',
    ]);
  });

  test('a user whose own VRF is not in the answer is held', () => {
    expect(observe([userNumber(0, { expectedVrf: 'vrf7' })], snapshotOf({ vrf1: [established(5)] }))).toEqual([
      'unobserved: vrf-not-collected',
    ]);
  });

  test("the same address, down in another VRF, does not speak for a user whose own VRF failed, unless it is described as the user's", () => {
    const users = [userNumber(0, { expectedVrf: 'vrf2' }), userNumber(1, { expectedVrf: 'vrf2' })];
    const snapshot = snapshotOf({ default: [active(0), active(1, { description: 'USER-501' })], vrf2: 'failed' });
    expect(observe(users, snapshot)).toEqual(['unobserved: vrf-not-collected', 'down at default/169.254.0.3']);
  });

  test('rule 2: of several candidates the described one counts, else the Established one, and the case is counted', () => {
    const users = [userNumber(0), userNumber(1)];
    const snapshot = snapshotOf({
      default: [established(0), established(1)],
      vrf1: [active(0, { description: 'USER-500' }), active(1)],
    });
    expect(observe(users, snapshot)).toEqual(['down at vrf1/169.254.0.1', 'up at default/169.254.0.3']);
    expect(observeUsers(users, snapshot, nothingRemembered).ambiguous).toBe(2);
  });

  test("rule 2: of two that say the same of themselves the one in the user's own VRF speaks, in whatever order they come", () => {
    const snapshot = snapshotOf({
      default: [active(0), established(1)],
      vrf1: [active(0), established(1)],
      vrf2: [active(0), established(1)],
    });
    const users = [userNumber(0), userNumber(1, { expectedVrf: 'vrf2' })];
    expect(observe(users, snapshot)).toEqual(['down at vrf1/169.254.0.1', 'up at vrf2/169.254.0.3']);
  });

  test("a neighbor that is configured for another user is not this user's", () => {
    const snapshot = snapshotOf({ vrf1: [established(0, { description: 'USER-777' })] });
    expect(observe([userNumber(0)], snapshot)).toEqual(['unobserved: neighbor-of-another-user']);
  });

  test('a description of another form does not matter', () => {
    const snapshot = snapshotOf({ vrf1: [established(0, { description: 'r3-AS65001' })] });
    expect(observe([userNumber(0)], snapshot)).toEqual(['up at vrf1/169.254.0.1']);
  });

  test('two activated users with one tunnel_net are both held', () => {
    const users = [userNumber(0), userNumber(1, { net: '169.254.0.0/31' }), userNumber(2)];
    const snapshot = snapshotOf({ vrf1: [established(0), established(2)] });
    expect(observe(users, snapshot)).toEqual(['unobserved: tunnel-net-shared', 'unobserved: tunnel-net-shared', 'up at vrf1/169.254.0.5']);
  });

  test('rule 6: the whole 0.0.0.0/0, a /30 and a /32 match no neighbor loosely', () => {
    const users = ['0.0.0.0/0', '169.254.0.0/30', '169.254.0.1/32'].map((net, n) => userNumber(n, { net }));
    expect(observe(users, snapshotOf({ vrf1: [established(0)] }))).toEqual([
      'unobserved: tunnel-net-invalid',
      'unobserved: tunnel-net-invalid',
      'unobserved: tunnel-net-invalid',
    ]);
  });

  test('a banned user, whose account has lost its tunnel, is looked for at the last one known', () => {
    const banned = userNumber(0, { net: '0.0.0.0/0', status: 'up', account: { status: UserStatus.banned, tunnelId: 0 } });
    const remembered = () => ({ tunnelNet: parseNetworkV4('169.254.0.0/31'), tunnelId: 500 });
    const seen = (users: readonly LedgerUser[], snapshot: NeighborSnapshot) =>
      short(observeUsers(users, snapshot, remembered).byUser.get(banned.pubkey));
    expect(seen([banned], snapshotOf({ vrf1: [active(0)] }))).toBe('down at vrf1/169.254.0.1');
    expect(seen([banned], snapshotOf({ vrf1: [established(0)] }))).toBe('up at vrf1/169.254.0.1');
    // The tunnel has gone to somebody else: what happens on it is no longer about the banned user.
    expect(seen([banned, userNumber(1, { net: '169.254.0.0/31' })], snapshotOf({ vrf1: [active(0)] }))).toBe(
      'unobserved: tunnel-net-shared',
    );
  });

  test("5,000 foreign peers, IPv6 and zones included, do not touch ours; one with our user's address in another VRF does not either", () => {
    const foreign = Array.from({ length: 5_000 }, (_, n) => ({ address: `10.${n >> 8}.${n & 255}.1`, state: 'active' as const }));
    const sixes = [
      { address: 'fe80::a8c1:abff:fe94:4171%Et3', state: 'idle' as const },
      { address: '2001:db8::1', state: 'established' as const },
    ];
    const snapshot = snapshotOf({ default: [...foreign, ...sixes, active(0)], vrf1: [established(0)] });
    expect(observe([userNumber(0)], snapshot)).toEqual(['up at vrf1/169.254.0.1']);
  });

  test('how long it has been so is told by the switch, and not at all when its clock contradicts itself', () => {
    const at = (sinceMs: number | undefined) => {
      const snapshot = snapshotOf({ vrf1: [active(0, sinceMs === undefined ? {} : { sinceMs })] }, 50_000);
      const observation = observeUsers([userNumber(0)], snapshot, nothingRemembered).byUser.get(keyNumber(0));
      return observation?.kind === 'down' ? observation.at?.sinceMs : 'not down';
    };
    expect([at(7_000), at(undefined), at(-5_000)]).toEqual([7_000, undefined, undefined]);
  });

  test('a multicast user is found in the default VRF', () => {
    const user = userNumber(0, { expectedVrf: 'default', account: { userType: 3 } satisfies Partial<User> });
    expect(observe([user], snapshotOf({ default: [established(0)], vrf1: [] }))).toEqual(['up at default/169.254.0.1']);
  });
});

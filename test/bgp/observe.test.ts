import { describe, expect, test } from 'vitest';
import { type LedgerUser, type NeighborSnapshot, type Observation, observeUsers } from '../../src/bgp/index.ts';
import { parseNetworkV4, type User, UserStatus } from '../../src/serviceability/index.ts';
import { active, clientOf, established, keyNumber, snapshotOf, userNumber } from '../support/bgp-builders.ts';

const noLastTunnel = () => undefined;

function observe(users: readonly LedgerUser[], snapshot: NeighborSnapshot | undefined): readonly string[] {
  const { byUser } = observeUsers(users, snapshot, noLastTunnel);
  return users.map(({ pubkey }) => short(byUser.get(pubkey)));
}

function short(observation: Observation | undefined): string {
  if (observation === undefined) return 'missing';
  if (observation.kind === 'unobserved') return `unobserved: ${observation.reason}`;
  return observation.at === undefined ? observation.kind : `${observation.kind} at ${observation.at.vrf}/${observation.at.address}`;
}

describe('observation', () => {
  test('rule 4: Established is up, every other state of RFC 4271 is down, and an unknown state is unobserved', () => {
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

  test('rule 2: the neighbor is the client side of the /31, or the device side where there is no client side', () => {
    const snapshot = snapshotOf({
      vrf1: [
        { address: '169.254.0.0', state: 'active' },
        { address: '169.254.0.1', state: 'established' },
        { address: '169.254.0.2', state: 'established' },
      ],
    });
    expect(observe([userNumber(0), userNumber(1)], snapshot)).toEqual(['up at vrf1/169.254.0.1', 'up at vrf1/169.254.0.2']);
  });

  test('rule 1: all users are unobserved when the switch could not be read', () => {
    expect(observe([userNumber(0)], undefined)).toEqual(['unobserved: switch-not-read']);
  });

  test('all users are unobserved while the switch has no neighbor at all: its BGP agent is starting', () => {
    expect(observe([userNumber(0)], snapshotOf({ default: [], vrf1: [] }))).toEqual(['unobserved: no-neighbors-at-all']);
  });

  test('rule 3: a user without a neighbor is down when every VRF was read', () => {
    expect(observe([userNumber(0)], snapshotOf({ default: [], vrf1: [established(5)] }))).toEqual(['down']);
  });

  test('a session that is down has the reason of its neighbor, or why there is none', () => {
    const reasonOf = (snapshot: NeighborSnapshot) => {
      const observation = observeUsers([userNumber(0)], snapshot, noLastTunnel).byUser.get(keyNumber(0));
      return observation?.kind === 'down' ? observation.downReason : observation?.kind;
    };
    const downReason = 'Idle(MaxPath): more routes than maximum-routes allows';
    expect(reasonOf(snapshotOf({ vrf1: [{ address: clientOf(0), state: 'idle', downReason }] }))).toBe(downReason);
    expect(reasonOf(snapshotOf({ vrf1: [established(5)] }))).toBe('the switch has no such neighbor');
    const sockets = (tcpStates: ReadonlyMap<string, string>): NeighborSnapshot => {
      const { vrfs, takenAt } = snapshotOf({ vrf1: [established(5)] });
      return { takenAt, vrfs: new Map([...vrfs].map(([vrf, reading]) => [vrf, { ...reading, tcpStates }])) };
    };
    expect(reasonOf(sockets(new Map()))).toBe('no TCP connection');
    expect(reasonOf(sockets(new Map([[clientOf(0), 'SYN-RECV']])))).toBe('the TCP connection is in state SYN-RECV');
  });

  test('rule 3: a user in a VRF that could not be read is unobserved, and users of other VRFs are not', () => {
    const users = [userNumber(0), userNumber(1, { expectedVrf: 'vrf2' }), userNumber(2)];
    const snapshot = snapshotOf({ vrf1: [established(0), active(2)], vrf2: 'failed' });
    expect(observe(users, snapshot)).toEqual(['up at vrf1/169.254.0.1', 'unobserved: vrf-not-collected', 'down at vrf1/169.254.0.5']);
  });

  test('rule 3: while one VRF failed, a user found in no other is unobserved, whichever VRF is expected', () => {
    const snapshot = snapshotOf({ vrf1: [established(5)], vrf2: 'failed' });
    expect(observe([userNumber(0), userNumber(1, { expectedVrf: null })], snapshot)).toEqual([
      'unobserved: vrf-not-collected',
      'unobserved: vrf-not-collected',
    ]);
  });

  test('rule 3: a user whose VRF is missing from the answer is unobserved', () => {
    expect(observe([userNumber(0, { expectedVrf: 'vrf7' })], snapshotOf({ vrf1: [established(5)] }))).toEqual([
      'unobserved: vrf-not-collected',
    ]);
  });

  test('rule 3: the same address, down in another VRF, counts for a user whose VRF failed only with its description', () => {
    const users = [userNumber(0, { expectedVrf: 'vrf2' }), userNumber(1, { expectedVrf: 'vrf2' })];
    const snapshot = snapshotOf({ default: [active(0), active(1, { description: 'USER-501' })], vrf2: 'failed' });
    expect(observe(users, snapshot)).toEqual(['unobserved: vrf-not-collected', 'down at default/169.254.0.3']);
  });

  test('rule 2: of several candidates the described one wins, else the Established one, and the user is counted as ambiguous', () => {
    const users = [userNumber(0), userNumber(1, { expectedVrf: 'vrf2' })];
    const snapshot = snapshotOf({
      default: [established(0), established(1)],
      vrf1: [active(0, { description: 'USER-500' }), active(1)],
    });
    expect(observe(users, snapshot)).toEqual(['down at vrf1/169.254.0.1', 'up at default/169.254.0.3']);
    expect(observeUsers(users, snapshot, noLastTunnel).ambiguous).toEqual([500, 501]);
  });

  test("rule 2: the neighbor in the user's expected VRF decides before an Established one of the same address elsewhere", () => {
    const users = [userNumber(0, { expectedVrf: 'default' }), userNumber(1, { expectedVrf: 'vrf1' })];
    const snapshot = snapshotOf({ default: [active(0), active(1)], vrf1: [established(0), established(1)] });
    expect(observe(users, snapshot)).toEqual(['down at default/169.254.0.1', 'up at vrf1/169.254.0.3']);
    const described = snapshotOf({ default: [active(0)], vrf1: [established(0, { description: 'USER-500' })] });
    expect(observe(users.slice(0, 1), described)).toEqual(['up at vrf1/169.254.0.1']);
  });

  test("rule 2: of two equal candidates the one in the user's VRF wins, in any order", () => {
    const snapshot = snapshotOf({
      default: [active(0), established(1)],
      vrf1: [active(0), established(1)],
      vrf2: [active(0), established(1)],
    });
    const users = [userNumber(0), userNumber(1, { expectedVrf: 'vrf2' })];
    expect(observe(users, snapshot)).toEqual(['down at vrf1/169.254.0.1', 'up at vrf2/169.254.0.3']);
  });

  test('rule 2: the Established one of several decides wherever its VRF stands in the snapshot', () => {
    const user = userNumber(0, { expectedVrf: 'vrf9' });
    expect(observe([user], snapshotOf({ default: [active(0)], vrf1: [established(0)] }))).toEqual(['up at vrf1/169.254.0.1']);
    expect(observe([user], snapshotOf({ default: [established(0)], vrf1: [active(0)] }))).toEqual(['up at default/169.254.0.1']);
  });

  test('rule 2: of several Established ones the first stays, so that a VRF added by a later source takes no user over', () => {
    const user = userNumber(0, { expectedVrf: 'vrf9' });
    const snapshot = snapshotOf({ default: [established(0)], vrf1: [established(0)] });
    expect(observe([user], snapshot)).toEqual(['up at default/169.254.0.1']);
  });

  test('a neighbor that is described as another user is not used', () => {
    const snapshot = snapshotOf({ vrf1: [established(0, { description: 'USER-777' })] });
    expect(observe([userNumber(0)], snapshot)).toEqual(['unobserved: neighbor-of-another-user']);
  });

  test('a description of another form does not matter', () => {
    for (const description of ['r3-AS65001', 'was USER-777', 'USER-777 until May']) {
      const snapshot = snapshotOf({ vrf1: [established(0, { description })] });
      expect(observe([userNumber(0)], snapshot)).toEqual(['up at vrf1/169.254.0.1']);
    }
  });

  test('rule 5: two activated users with the same tunnel_net are both unobserved', () => {
    const users = [userNumber(0), userNumber(1, { net: '169.254.0.0/31' }), userNumber(2)];
    const snapshot = snapshotOf({ vrf1: [established(0), established(2)] });
    expect(observe(users, snapshot)).toEqual(['unobserved: tunnel-net-shared', 'unobserved: tunnel-net-shared', 'up at vrf1/169.254.0.5']);
  });

  test('rule 5: two tunnel_nets are the same if they name either address of one /31', () => {
    const users = [userNumber(0), userNumber(1, { net: '169.254.0.1/31' })];
    expect(observe(users, snapshotOf({ vrf1: [established(0)] }))).toEqual([
      'unobserved: tunnel-net-shared',
      'unobserved: tunnel-net-shared',
    ]);
  });

  test('rule 6: a tunnel_net that is not a /31 is invalid, even if several users have it', () => {
    const users = ['0.0.0.0/0', '0.0.0.0/0', '169.254.0.0/30', '169.254.0.0/30'].map((net, n) => userNumber(n, { net }));
    expect(observe(users, snapshotOf({ vrf1: [established(0)] }))).toEqual(Array(4).fill('unobserved: tunnel-net-invalid'));
  });

  test('rule 6: 0.0.0.0/0, a /30 and a /32 match no neighbor', () => {
    const users = ['0.0.0.0/0', '169.254.0.0/30', '169.254.0.1/32'].map((net, n) => userNumber(n, { net }));
    expect(observe(users, snapshotOf({ vrf1: [established(0)] }))).toEqual([
      'unobserved: tunnel-net-invalid',
      'unobserved: tunnel-net-invalid',
      'unobserved: tunnel-net-invalid',
    ]);
  });

  test('a banned user, whose account has lost its tunnel, is found at its last known tunnel', () => {
    const banned = userNumber(0, { net: '0.0.0.0/0', status: 'up', account: { status: UserStatus.banned, tunnelId: 0 } });
    const lastTunnel = () => ({ tunnelNet: parseNetworkV4('169.254.0.0/31'), tunnelId: 500 });
    const seen = (users: readonly LedgerUser[], snapshot: NeighborSnapshot) =>
      short(observeUsers(users, snapshot, lastTunnel).byUser.get(banned.pubkey));
    expect(seen([banned], snapshotOf({ vrf1: [active(0)] }))).toBe('down at vrf1/169.254.0.1');
    expect(seen([banned], snapshotOf({ vrf1: [established(0)] }))).toBe('up at vrf1/169.254.0.1');
    // The tunnel belongs to another user now: its session no longer counts for the banned user.
    expect(seen([banned, userNumber(1, { net: '169.254.0.0/31' })], snapshotOf({ vrf1: [active(0)] }))).toBe(
      'unobserved: tunnel-net-shared',
    );
  });

  test('5,000 other peers, IPv6 with zones included, do not change an observation', () => {
    const foreign = Array.from({ length: 5_000 }, (_, n) => ({ address: `10.${n >> 8}.${n & 255}.1`, state: 'active' as const }));
    const sixes = [
      { address: 'fe80::a8c1:abff:fe94:4171%Et3', state: 'idle' as const },
      { address: '2001:db8::1', state: 'established' as const },
    ];
    const snapshot = snapshotOf({ default: [...foreign, ...sixes, active(0)], vrf1: [established(0)] });
    expect(observe([userNumber(0)], snapshot)).toEqual(['up at vrf1/169.254.0.1']);
  });

  test('the time since the last change comes from the switch, and is absent without its clock or when that contradicts itself', () => {
    const sinceOf = (snapshot: NeighborSnapshot) => {
      const observation = observeUsers([userNumber(0)], snapshot, noLastTunnel).byUser.get(keyNumber(0));
      return observation?.kind === 'down' ? observation.at?.sinceMs : 'not down';
    };
    const at = (sinceMs: number | undefined) => snapshotOf({ vrf1: [active(0, sinceMs === undefined ? {} : { sinceMs })] }, 50_000);
    const withoutClock = ({ vrfs, takenAt }: NeighborSnapshot): NeighborSnapshot => ({
      takenAt,
      vrfs: new Map([...vrfs].map(([vrf, reading]) => [vrf, { ...reading, switchTime: undefined }])),
    });
    expect([at(7_000), at(0), at(undefined), at(-5_000)].map(sinceOf)).toEqual([7_000, 0, undefined, undefined]);
    expect(sinceOf(withoutClock(at(7_000)))).toBe(undefined);
  });

  test('a multicast user is found in the default VRF', () => {
    const user = userNumber(0, { expectedVrf: 'default', account: { userType: 3 } satisfies Partial<User> });
    expect(observe([user], snapshotOf({ default: [established(0)], vrf1: [] }))).toEqual(['up at default/169.254.0.1']);
  });
});

import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, type DecideInput, sameTunnel } from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { slot, type User, UserStatus } from '../../src/serviceability/index.ts';
import {
  active,
  type Decided,
  decide,
  decider,
  established,
  keyNumber,
  type NeighborSketch,
  snapshotOf,
  userNumber,
  viewOf,
} from '../support/bgp-builders.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const outcomeOf = ({ outcomes }: Decided) => {
  const outcome = outcomes.get(keyNumber(0));
  if (outcome === undefined) throw new Error('user 0 has no outcome');
  return outcome;
};
const decisionOf = (decided: Decided) => {
  const { decision } = outcomeOf(decided);
  return decision.kind === 'write'
    ? `${decision.to} (${decision.reason})`
    : decision.kind === 'hold'
      ? `hold: ${decision.reason}`
      : 'settled';
};
const up = (at = 0, sketch: Partial<NeighborSketch> = {}) => snapshotOf({ vrf1: [established(0, sketch)] }, at);
const down = (at = 0, sketch: Partial<NeighborSketch> = {}) => snapshotOf({ vrf1: [active(0, sketch)] }, at);
const longDown = (at: number) => down(at, { sinceMs: MINUTE });

describe('the same user or another one', () => {
  /** Seen up, and then down and Unknown: a user that was seen up has no connect grace. */
  const afterUp = (account: Partial<User>, sketch = {}) => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: up() });
    return decisionOf(
      tick({ at: 60 * SECOND, users: [userNumber(0, { reportedAt: 9_900, ...sketch, account })], snapshot: longDown(60 * SECOND) }),
    );
  };

  test('rule 11: an account that changes nothing of its identity stays a user that was seen up', () => {
    expect(afterUp({})).toBe('down (change)');
    expect(afterUp({ dzIp: '9.9.9.9' as User['dzIp'], tunnelFlags: 1 })).toBe('down (change)');
  });

  test.for<Partial<User>>([{ owner: keyNumber(1) }, { devicePk: keyNumber(1) }, { tenantPk: keyNumber(1) }, { userType: 3 }])(
    'rule 11: an account with another identity (%j) is a new user with a connect grace',
    (account) => {
      expect(afterUp(account)).toBe('hold: connect-grace');
    },
  );

  test('rule 11: an account whose last report is older than before was created again', () => {
    expect(afterUp({}, { reportedAt: 9_899 })).toBe('hold: connect-grace');
  });

  test('a user that was created again begins without flaps and without an observation', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0)], snapshot: up() });
    tick({ at: SECOND, users: [userNumber(0)], snapshot: down(SECOND) });
    const { track, newFlaps } = outcomeOf(
      tick({ at: 2 * SECOND, users: [userNumber(0, { account: { owner: keyNumber(1) } })], snapshot: up() }),
    );
    expect([track.flaps, newFlaps, track.firstSeenAt, track.penalty]).toEqual([0, 0, 2_000, undefined]);
  });
});

describe('tunnel', () => {
  test.for([
    ['network', { net: '169.254.9.0/31', tunnelId: 500 }, '169.254.9.1'],
    ['id', { net: '169.254.0.0/31', tunnelId: 777 }, '169.254.0.1'],
  ] as const)('rule 10: down observations of a tunnel with another %s do not count', ([, sketch, address]) => {
    const tick = decider();
    const users = [userNumber(0, { status: 'up', reportedAt: 9_900 })];
    tick({ at: 0, users, snapshot: down() });
    const moved = [userNumber(0, { status: 'up', reportedAt: 9_900, ...sketch })];
    const snapshot = snapshotOf({ vrf1: [{ address, state: 'active' }] });
    expect(decisionOf(tick({ at: 6 * SECOND, users: moved, snapshot }))).toBe('hold: down-unconfirmed');
    expect(decisionOf(tick({ at: 12 * SECOND, users: moved, snapshot }))).toBe('down (change)');
  });

  test('a user with another tunnel keeps its flaps and that it was seen up', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0)], snapshot: up() });
    tick({ at: SECOND, users: [userNumber(0)], snapshot: down(SECOND) });
    const moved = [userNumber(0, { tunnelId: 777 })];
    const { track, newFlaps } = outcomeOf(tick({ at: 2 * SECOND, users: moved, snapshot: up() }));
    expect([track.flaps, newFlaps, track.everUp, track.firstSeenAt]).toEqual([1, 0, true, 2_000]);
  });

  test('a status write that changes the account keeps the run of down observations', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: down() });
    const written = [userNumber(0, { status: 'up', reportedAt: 9_950 })];
    expect(decisionOf(tick({ at: 6 * SECOND, users: written, snapshot: down() }))).toBe('down (change)');
  });

  test('rule 14: the Down of a banned user names its last tunnel', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: up() });
    const banned = [
      userNumber(0, { status: 'up', reportedAt: 9_900, net: '0.0.0.0/0', account: { status: UserStatus.banned, tunnelId: 0 } }),
    ];
    const { intents } = tick({ at: 5 * SECOND, users: banned, snapshot: longDown(5 * SECOND) });
    expect(intents.map(({ to, tunnelNet, neighbor }) => ({ to, tunnelNet, neighbor }))).toEqual([
      { to: 'down', tunnelNet: { address: '169.254.0.0', prefixLength: 31 }, neighbor: { vrf: 'vrf1', address: '169.254.0.1' } },
    ]);
  });

  test('a user that gets its first tunnel is decided on, and one that loses and regains its tunnel is the same session', () => {
    const tick = decider();
    const without = [userNumber(0, { net: '0.0.0.0/0' })];
    const users = [userNumber(0)];
    expect(decisionOf(tick({ at: 0, users: without, snapshot: up() }))).toBe('hold: tunnel-net-invalid');
    expect(decisionOf(tick({ at: SECOND, users, snapshot: up() }))).toBe('up (change)');
    tick({ at: 2 * SECOND, users: without, snapshot: up() });
    const { track } = outcomeOf(tick({ at: 3 * SECOND, users, snapshot: up() }));
    expect([track.firstSeenAt, track.everUp, track.flaps]).toEqual([0, true, 0]);
  });

  test('rule 8: a user has kept its tunnel where both views have it with the same network and id', () => {
    const { user } = userNumber(0);
    const isKept = [userNumber(0), userNumber(0, { tunnelId: 501 }), userNumber(0, { net: '169.254.9.0/31' })].map((other) =>
      sameTunnel(other.user, user),
    );
    expect(isKept).toEqual([true, false, false]);
    expect([sameTunnel(undefined, user), sameTunnel(user, undefined), sameTunnel(undefined, undefined)]).toEqual([false, false, true]);
  });

  test('a user that was created again without a tunnel does not inherit the last one', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: up() });
    const account = { status: UserStatus.banned, owner: keyNumber(1) };
    const created = [userNumber(0, { net: '0.0.0.0/0', account })];
    tick({ at: 5 * SECOND, users: created, snapshot: longDown(5 * SECOND) });
    expect(decisionOf(tick({ at: 6 * SECOND, users: created, snapshot: longDown(6 * SECOND) }))).toBe('hold: tunnel-net-invalid');
  });
});

describe('flap counting', () => {
  const flapsOf = (...polls: readonly (ReturnType<typeof up> | undefined)[]) => {
    const tick = decider();
    return polls.map((snapshot, n) => outcomeOf(tick({ at: n * 5 * SECOND, users: [userNumber(0)], snapshot })).newFlaps);
  };

  test('the first observation is no flap, whatever the counter says', () => {
    expect(flapsOf(up(0, { transitions: 9, sinceMs: 1 }))).toEqual([0]);
  });

  test('rule 7: a time of change that moved by more than the tolerance is two transitions, up or down', () => {
    expect(flapsOf(up(0, { sinceMs: 60_000 }), up(0, { sinceMs: 59_000 }))).toEqual([0, 0]);
    expect(flapsOf(up(0, { sinceMs: 60_000 }), up(0, { sinceMs: 58_999 }))).toEqual([0, 2]);
    expect(flapsOf(down(0, { sinceMs: 60_000 }), down(0, { sinceMs: 58_999 }))).toEqual([0, 2]);
  });

  test('rule 7: time of change and counter are compared with the last ones that were read, also across polls without them', () => {
    expect(flapsOf(up(0, { sinceMs: 60_000 }), up(), up(0, { sinceMs: 2_000 }))).toEqual([0, 0, 2]);
    expect(flapsOf(up(0, { transitions: 3 }), undefined, up(), up(0, { transitions: 4 }))).toEqual([0, 0, 0, 2]);
    expect(flapsOf(down(0, { transitions: 3 }), down(), down(0, { transitions: 4 }))).toEqual([0, 0, 2]);
  });

  test.for([{ source: 'snmp' }, { table: 'bgp4' }, { source: 'te', table: 'st' }])(
    'rule 7: another time of change and another counter are no transitions where they come from %j',
    (other) => {
      const first = (transitions: number, sinceMs: number) => up(0, { transitions, sinceMs });
      const from = (transitions: number, sinceMs: number) => snapshotOf({ vrf1: [established(0, { transitions, sinceMs })] }, 0, other);
      expect(flapsOf(first(3, 60_000), from(9, 50_000), first(3, 60_000))).toEqual([0, 0, 0]);
      expect(flapsOf(first(3, 60_000), from(9, 50_000), from(10, 1_000), first(3, 60_000))).toEqual([0, 0, 2, 0]);
      const gone = snapshotOf({ vrf1: [active(0, { transitions: 9, sinceMs: 1_000 })] }, 0, other);
      expect(flapsOf(first(3, 60_000), gone)).toEqual([0, 1]);
    },
  );

  test('rule 10: a run of down observations begins anew where another source goes on, since it cannot rule out an up between them', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: up() });
    const at = (seconds: number, source: string) =>
      decisionOf(
        tick({
          at: seconds * SECOND,
          users: [userNumber(0, { status: 'up', reportedAt: 9_900 })],
          snapshot: snapshotOf({ vrf1: [active(0)] }, seconds * SECOND, { source }),
        }),
      );
    expect(at(5, 'eapi')).toBe('hold: down-unconfirmed');
    expect(at(12, 'snmp')).toBe('hold: down-unconfirmed');
    expect(at(19, 'snmp')).toBe('down (change)');
  });

  test('a counter that fell, as after a restart of BGP, is no transition by itself', () => {
    expect(flapsOf(up(0, { transitions: 9 }), up(0, { transitions: 1 }), up(0, { transitions: 2 }))).toEqual([0, 0, 2]);
  });

  test('the flaps of a user add up', () => {
    const tick = decider();
    const total = [up(), down(), up(), up(), undefined, down()].map(
      (snapshot, n) => outcomeOf(tick({ at: n, users: [userNumber(0)], snapshot })).track.flaps,
    );
    expect(total).toEqual([0, 1, 2, 2, 2, 3]);
  });

  test('an unchanged session keeps its history object, and a changed counter or time does not', () => {
    const tick = decider();
    const users = [userNumber(0)];
    const track = (sketch: Partial<NeighborSketch>) => outcomeOf(tick({ at: 0, users, snapshot: up(0, sketch) })).track;
    const first = track({ sinceMs: 5_000, transitions: 1 });
    expect(track({ sinceMs: 5_000, transitions: 1 })).toBe(first);
    expect(track({})).toBe(first);
    expect(outcomeOf(tick({ at: 0, users, snapshot: undefined })).track).toBe(first);
    const jittered = track({ sinceMs: 5_001, transitions: 1 });
    expect([jittered === first, jittered.changedAt === first.changedAt]).toEqual([false, false]);
    expect(track({ sinceMs: 5_001, transitions: 0 }).establishedTransitions).toBe(0);
  });
});

describe('down run', () => {
  test('rule 10: the grace runs from the end of the first poll to the beginning of the last one', () => {
    const view = viewOf([userNumber(0, { status: 'up', reportedAt: 9_900 })]);
    const observations = new Map([[keyNumber(0), { kind: 'down' } as const]]);
    const input = { view, observations, inFlight: new Map(), isOwnWrite: () => false, policy: DEFAULT_POLICY };
    const first = decide({ ...input, before: new Map(), now: monotonicMs(1_000), polledAt: monotonicMs(0) });
    const at = (now: number, polledAt: number): DecideInput => ({
      ...input,
      before: first.outcomes,
      now: monotonicMs(now),
      polledAt: monotonicMs(polledAt),
    });
    expect(decisionOf(decide(at(9_000, 6_999)))).toBe('hold: down-unconfirmed');
    expect(decisionOf(decide(at(9_000, 7_000)))).toBe('down (change)');
  });

  test('the run counts from its first observation', () => {
    const tick = decider();
    const runs = [down(), down(), up(), down()].map(
      (snapshot, n) => outcomeOf(tick({ at: n * SECOND, users: [userNumber(0)], snapshot })).track.downRun,
    );
    expect(runs).toEqual([{ since: 0, count: 1 }, { since: 0, count: 2 }, undefined, { since: 3_000, count: 1 }]);
  });
});

describe('foreign writes', () => {
  const record = (reportedAt: number, account: Partial<User> = {}) => [userNumber(0, { status: 'down', reportedAt, account })];
  const own = (at: number) => new Map([[keyNumber(0), slot(at)]]);
  /** Whether each view shows a foreign write. */
  const foreign = (...views: readonly (readonly [users: ReturnType<typeof record>, confirmedIn?: ReturnType<typeof own>])[]) => {
    const tick = decider({ minWriteIntervalMs: 0 });
    return views.map(
      ([users, confirmedIn], n) => outcomeOf(tick({ at: n * 5 * SECOND, users, snapshot: up(), confirmedIn })).isForeignWrite,
    );
  };

  test('a record that moved past our last confirmed slot is foreign, and one that moved up to it is ours', () => {
    expect(foreign([record(9_000)], [record(9_500), own(9_499)])).toEqual([false, true]);
    expect(foreign([record(9_000)], [record(9_500), own(9_500)])).toEqual([false, false]);
    expect(foreign([record(9_000)], [record(9_500), own(9_600)])).toEqual([false, false]);
  });

  test('the record of another user at the same address is no foreign write', () => {
    expect(foreign([record(9_000)], [record(9_500, { owner: keyNumber(1) })])).toEqual([false, false]);
  });

  test('a record that went back is no foreign write', () => {
    expect(foreign([record(9_000)], [record(8_000)])).toEqual([false, false]);
  });

  test.for([
    [10 * MINUTE - 1, 'hold: contested'],
    [10 * MINUTE, 'up (change)'],
  ] as const)('a second foreign write after %d ms makes the decision %s', ([afterMs, expected]) => {
    const tick = decider({ minWriteIntervalMs: 0 });
    tick({ at: 0, users: record(9_000), snapshot: up() });
    expect(decisionOf(tick({ at: 1_000, users: record(9_100), snapshot: up() }))).toBe('up (change)');
    expect(decisionOf(tick({ at: 1_000 + afterMs, users: record(9_999), snapshot: up() }))).toBe(expected);
  });
});

test('rule 20: the account state changes with each field that the program validates, and not with a status write', () => {
  const stateOf = (account: Partial<User>) =>
    decider()({ at: 0, users: [userNumber(0, { account })], snapshot: up() }).intents.map(({ accountState }) => accountState)[0];
  const state = stateOf({});
  expect(state).toBe(
    '1BoAf3VKNvUwHbwk9dCyixpQNACmHmLxjQVd2E28y3d|1D9SMiiAnZSiLbV4gHvfGSgDMAm6nVPNpBNLVcaLfKm|11111111111111111111111111111111|0|1|8.8.0.0|8.8.0.0|500|169.254.0.0/31|0.0.0.0',
  );
  expect(stateOf({ bgpStatus: 2, lastBgpReportedAt: slot(1), lastBgpUpAt: slot(1) })).toBe(state);
  expect(stateOf({ dzIp: '8.8.0.9' as User['dzIp'] })).not.toBe(state);
});

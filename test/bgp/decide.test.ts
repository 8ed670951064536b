import { describe, expect, test } from 'vitest';
import { DEFAULT_DAMPING, type Decided, recordAgeMs } from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { type Address, nanoseconds, slot, UserStatus } from '../../src/serviceability/index.ts';
import { active, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

/** Decisions in the users' order: `up (change)`, `hold: reason`, `settled`. */
function said({ outcomes }: Decided): readonly string[] {
  return [...outcomes.values()].map(({ decision }) =>
    decision.kind === 'write' ? `${decision.to} (${decision.reason})` : decision.kind === 'hold' ? `hold: ${decision.reason}` : 'settled',
  );
}

const SLOTS_AN_HOUR = 9_000; // of 400 ms

describe('a session that comes up', () => {
  test('is published at once, with where it was seen', () => {
    const { intents } = decider()({ at: 0, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [established(0)] }) });
    expect(intents).toEqual([
      {
        user: keyNumber(0),
        from: 'unknown',
        to: 'up',
        reason: 'change',
        rttNs: nanoseconds(0),
        tunnelNet: { address: '169.254.0.0', prefixLength: 31 },
        neighbor: { vrf: 'vrf1', address: '169.254.0.1' },
        ageMs: Number.POSITIVE_INFINITY,
        accountState: expect.any(String),
      },
    ]);
  });

  test('asks for nothing when the ledger says so already, so that a restart writes nothing', () => {
    const users = Array.from({ length: 100 }, (_, n) => userNumber(n, { status: n % 2 === 0 ? 'up' : 'down', reportedAt: 9_900 }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => (n % 2 === 0 ? established(n) : active(n, { sinceMs: 60_000 }))) });
    expect(decider()({ at: 0, users, snapshot }).intents).toEqual([]);
  });

  test('asks again when the ledger has gone back to Unknown at the same address: the user was created anew', () => {
    const tick = decider();
    const snapshot = snapshotOf({ vrf1: [established(0)] });
    expect(said(tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot }))).toEqual(['settled']);
    expect(said(tick({ at: 5_000, users: [userNumber(0)], snapshot }))).toEqual(['up (change)']);
  });

  test("corrects another writer's word", () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 9_975 })];
    expect(said(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual(['up (change)']);
  });
});

describe('a session that goes down', () => {
  const up = [userNumber(0, { status: 'up', reportedAt: 9_900 })];

  test('rule 10: is published when the switch says that it has been down for the grace', () => {
    const tick = decider();
    expect(said(tick({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 5_999 })] }, 0) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
    expect(said(tick({ at: 1, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 6_000 })] }, 1) }))).toEqual(['down (change)']);
  });

  test('rule 10: is published after two observations that span the grace, where the switch does not say since when', () => {
    const tick = decider();
    const down = snapshotOf({ vrf1: [active(0)] });
    expect(said(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(said(tick({ at: 5_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(said(tick({ at: 6_000, users: up, snapshot: down }))).toEqual(['down (change)']);
  });

  test('rule 10: takes as many observations as are asked for, however long fewer of them span, and without a grace as well', () => {
    const down = snapshotOf({ vrf1: [active(0)] });
    for (const downGraceMs of [0, 6_000]) {
      const tick = decider({ downGraceMs, downConfirmations: 3 });
      expect(said(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
      expect(said(tick({ at: 60_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
      expect(said(tick({ at: 120_000, users: up, snapshot: down }))).toEqual(['down (change)']);
    }
  });

  test('is not believed on one observation however late, nor on two across a tick that saw nothing', () => {
    const tick = decider();
    const down = snapshotOf({ vrf1: [active(0)] });
    expect(said(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(said(tick({ at: 5_000, users: up, snapshot: undefined }))).toEqual(['hold: switch-not-read']);
    expect(said(tick({ at: 60_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
  });

  test('is not believed when it came back between two polls', () => {
    const tick = decider();
    tick({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }) });
    tick({ at: 5_000, users: up, snapshot: snapshotOf({ vrf1: [active(0, { transitions: 1 })] }) });
    expect(said(tick({ at: 11_000, users: up, snapshot: snapshotOf({ vrf1: [active(0, { transitions: 2 })] }) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
  });

  test('carries no round-trip time, and a user whose neighbor is gone is down as well', () => {
    const tick = decider();
    const gone = snapshotOf({ vrf1: [established(7)] });
    tick({ at: 0, users: up, snapshot: gone });
    const { intents } = tick({ at: 6_000, users: up, snapshot: gone });
    expect(intents.map(({ to, rttNs, neighbor }) => ({ to, rttNs, neighbor }))).toEqual([
      { to: 'down', rttNs: nanoseconds(0), neighbor: undefined },
    ]);
  });

  test('is published at once with no grace, and within it never', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    expect(said(decider({ downGraceMs: 0 })({ at: 0, users: up, snapshot: down }))).toEqual(['down (change)']);
    expect(said(decider({ downGraceMs: 300_000 })({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
  });

  test('rule 10: after a restart within the grace is not written off: the ledger says Up, one look says down', () => {
    expect(said(decider()({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 2_000 })] }) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
  });
});

describe('a user that never connected', () => {
  const down = (at: number) => snapshotOf({ vrf1: [active(0, { sinceMs: 30_000 + at })] }, at);

  test('gets the connect grace before its first Down, and no Down at all if it comes up meanwhile', () => {
    const tick = decider();
    expect(said(tick({ at: 0, users: [userNumber(0)], snapshot: down(0) }))).toEqual(['hold: connect-grace']);
    expect(said(tick({ at: 59_999, users: [userNumber(0)], snapshot: down(59_999) }))).toEqual(['hold: connect-grace']);
    expect(said(tick({ at: 60_000, users: [userNumber(0)], snapshot: down(60_000) }))).toEqual(['down (change)']);
    expect(said(tick({ at: 65_000, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual(['up (change)']);
  });

  test('has no grace left once it was seen up', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [established(0)] }) });
    expect(said(tick({ at: 10_000, users: [userNumber(0)], snapshot: down(10_000) }))).toEqual(['down (change)']);
  });

  test('rule 12: whose tunnel the switch does not have becomes Down, not Unknown for ever, and is refreshed afterwards', () => {
    const tick = decider();
    const others = snapshotOf({ vrf1: [established(9)] });
    tick({ at: 0, users: [userNumber(0)], snapshot: others });
    expect(said(tick({ at: 60_000, users: [userNumber(0)], snapshot: others }))).toEqual(['down (change)']);
    const old = [userNumber(0, { status: 'down', reportedAt: 10_000 - SLOTS_AN_HOUR })];
    expect(said(tick({ at: 65_000, users: old, snapshot: others }))).toEqual(['down (refresh)']);
  });
});

describe('what was not observed', () => {
  test('writes nothing, not even a refresh of a record that is hours old', () => {
    const users = [userNumber(0, { status: 'up', reportedAt: 1 }), userNumber(1, { expectedVrf: 'vrf2', status: 'up', reportedAt: 1 })];
    const tick = decider();
    expect(said(tick({ at: 0, users, snapshot: undefined, slot: 100_000 }))).toEqual(['hold: switch-not-read', 'hold: switch-not-read']);
    expect(said(tick({ at: 5_000, users, snapshot: snapshotOf({ vrf1: [established(0)], vrf2: 'failed' }), slot: 100_000 }))).toEqual([
      'up (refresh)',
      'hold: vrf-not-collected',
    ]);
  });
});

describe('a record that grows old', () => {
  const aged = (slots: number, n = 0) => [userNumber(n, { status: 'up', reportedAt: 100_000 - slots })];
  const seen = snapshotOf({ vrf1: [established(0)] });
  const decided = (slots: number, slotTimeMs: number | null = 400) =>
    said(decider({ refreshJitter: 0 })({ at: 0, users: aged(slots), snapshot: seen, slot: 100_000, slotTimeMs }));

  test('rule 12: is settled, may ride along from three quarters of the interval, and is refreshed at its end', () => {
    expect([decided(6_749), decided(6_750), decided(8_999), decided(9_000)]).toEqual([
      ['settled'],
      ['up (ride-along)'],
      ['up (ride-along)'],
      ['up (refresh)'],
    ]);
  });

  test('has its age by measured slot times, and none while they are unknown', () => {
    expect([decided(9_000, 200), decided(18_000, 200), decided(90_000, null)]).toEqual([['settled'], ['up (refresh)'], ['settled']]);
  });

  test('spreads over the last tenth of the interval, the same way each time', () => {
    const users = Array.from({ length: 200 }, (_, n) => userNumber(n, { status: 'up', reportedAt: 100_000 - 8_550 }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => established(n)) });
    const refreshed = () =>
      decider()({ at: 0, users, snapshot, slot: 100_000 })
        .intents.filter(({ reason }) => reason === 'refresh')
        .map(({ user }) => user);
    expect(refreshed()).toEqual(refreshed());
    expect(refreshed().length).toBeGreaterThan(60);
    expect(refreshed().length).toBeLessThan(140);
  });

  test('that was never reported is refreshed when the ledger holds a status all the same', () => {
    const users = [userNumber(0, { status: 'up', reportedAt: 0 })];
    expect(said(decider()({ at: 0, users, snapshot: seen }))).toEqual(['up (refresh)']);
  });
});

describe('the order of what is written', () => {
  test('leaves ride-alongs out while nothing goes that they could ride with', () => {
    const users = [0, 1].map((n) => userNumber(n, { status: 'up', reportedAt: 93_000 }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => established(n)) });
    const { intents, outcomes } = decider({ refreshJitter: 0 })({ at: 0, users, snapshot, slot: 100_000 });
    expect(intents).toEqual([]);
    expect([...outcomes.values()].map(({ decision }) => decision)).toEqual([
      { kind: 'write', to: 'up', reason: 'ride-along' },
      { kind: 'write', to: 'up', reason: 'ride-along' },
    ]);
  });

  test('is changes, refreshes, ride-alongs, each with the oldest record first', () => {
    const records: readonly [number, 'up' | 'down' | 'unknown', number][] = [
      [0, 'up', 93_000], // ride-along
      [1, 'down', 95_000], // change
      [2, 'up', 90_000], // refresh
      [3, 'unknown', 0], // change, never reported
      [4, 'up', 92_000], // ride-along, older
      [5, 'up', 80_000], // refresh, older
    ];
    const users = records.map(([n, status, reportedAt]) => userNumber(n, { status, reportedAt }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => established(n)) });
    const { intents } = decider({ refreshJitter: 0 })({ at: 0, users, snapshot, slot: 100_000 });
    expect(intents.map(({ user, reason }) => [reason, user])).toEqual([
      ['change', keyNumber(3)],
      ['change', keyNumber(1)],
      ['refresh', keyNumber(5)],
      ['refresh', keyNumber(2)],
      ['ride-along', keyNumber(4)],
      ['ride-along', keyNumber(0)],
    ]);
  });
});

describe('a user that is not activated', () => {
  const banned = (status: 'up' | 'down', net = '0.0.0.0/0') => [
    userNumber(0, { status, net, reportedAt: 9_900, account: { status: UserStatus.banned, tunnelId: 0 } }),
  ];

  test('gets one Down when its session is seen down and the ledger still says Up, and nothing afterwards', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: snapshotOf({ vrf1: [established(0)] }) });
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 10_000 })] });
    expect(said(tick({ at: 5_000, users: banned('up'), snapshot: down }))).toEqual(['down (change)']);
    expect(said(tick({ at: 10_000, users: banned('down'), snapshot: down, slot: 1_000_000 }))).toEqual(['hold: not-activated']);
  });

  test('is never reported up', () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 9_900, account: { status: UserStatus.deleting } })];
    expect(said(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual(['hold: not-activated']);
  });
});

describe('a status that is in flight', () => {
  const inFlight = (to: 'up' | 'down'): ReadonlyMap<Address, 'up' | 'down'> => new Map([[keyNumber(0), to]]);
  const users = [userNumber(0, { status: 'down', reportedAt: 9_900 })];

  test('is not asked for again', () => {
    expect(said(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }), inFlight: inFlight('up') }))).toEqual([
      'settled',
    ]);
  });

  test('rule 17: is superseded when the switch says otherwise, even where the ledger has not changed yet, and not before the write interval', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    expect(said(decider()({ at: 0, users, snapshot: down, inFlight: inFlight('up') }))).toEqual(['hold: write-interval']);
    expect(said(decider({ minWriteIntervalMs: 0 })({ at: 0, users, snapshot: down, inFlight: inFlight('up') }))).toEqual(['down (change)']);
  });
});

describe('flaps', () => {
  const flapsOf = (
    first: Parameters<typeof established>[1],
    second: Parameters<typeof established>[1],
    kinds: 'up-up' | 'up-down' | 'down-up',
  ) => {
    const tick = decider();
    const [from, to] = kinds.split('-').map((kind) => (kind === 'up' ? established : active));
    tick({ at: 0, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [(from ?? active)(0, first)] }, 0) });
    const { outcomes } = tick({ at: 5_000, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [(to ?? active)(0, second)] }, 5_000) });
    return outcomes.get(keyNumber(0))?.newFlaps;
  };

  test('a change between two polls is one transition', () => {
    expect([flapsOf({}, {}, 'up-down'), flapsOf({}, {}, 'down-up'), flapsOf({}, {}, 'up-up')]).toEqual([1, 1, 0]);
  });

  test('rule 7: a down and up that hides between two polls is two, by the counter or by the time of the last change', () => {
    expect(flapsOf({ transitions: 4 }, { transitions: 5 }, 'up-up')).toBe(2);
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 2_000 }, 'up-up')).toBe(2);
    expect(flapsOf({ transitions: 4 }, { transitions: 7 }, 'up-up')).toBe(6);
  });

  test('a time of change that wanders by a microsecond, or by less than the tolerance, is none', () => {
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 65_000.001 }, 'up-up')).toBe(0);
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 65_900 }, 'up-up')).toBe(0);
  });

  test('coming up from down raises the counter once and is one transition', () => {
    expect(flapsOf({ transitions: 4 }, { transitions: 5 }, 'down-up')).toBe(1);
  });
});

describe('a limit', () => {
  const changed = (reportedAt: number) => [userNumber(0, { status: 'down', reportedAt })];
  const up = snapshotOf({ vrf1: [established(0)] });

  test('rule 10: of one write in ten seconds delays a change, and the tick after it wants what is true then', () => {
    const tick = decider();
    // The record is 25 slots, ten seconds, old in the end.
    expect(said(tick({ at: 0, users: changed(9_980), snapshot: up }))).toEqual(['hold: write-interval']);
    expect(said(tick({ at: 2_000, users: changed(9_980), snapshot: up, slot: 10_005 }))).toEqual(['up (change)']);
  });

  test('counts the time since the view was read as well', () => {
    const view = viewOf(changed(9_980), { readAt: 0 });
    const age = (now: number) => recordAgeMs(slot(9_980), view, monotonicMs(now));
    expect([age(0), age(2_000)]).toEqual([8_000, 10_000]);
  });

  const flappy = (policy: Parameters<typeof decider>[0], transitions: number) => {
    const tick = decider({ minWriteIntervalMs: 0, ...policy });
    tick({ at: 0, users: changed(9_900), snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }, 0) });
    return tick({
      at: 5_000,
      users: changed(9_900),
      snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 + transitions })] }, 5_000),
    });
  };

  test('rule 16: on flapping users is measured, and only enforced where that is asked for', () => {
    expect(said(flappy({}, 4))).toEqual(['up (change)']);
    expect(flappy({}, 4).outcomes.get(keyNumber(0))?.track.penalty).toEqual({ value: 8_000, at: 5_000, suppressed: true });
    expect(said(flappy({ damping: { ...DEFAULT_DAMPING, mode: 'enforce' } }, 4))).toEqual(['hold: damped']);
    expect(said(flappy({ damping: { ...DEFAULT_DAMPING, mode: 'enforce' } }, 2))).toEqual(['up (change)']);
  });

  test('on a suppressed user still lets the newest status through every five minutes', () => {
    const tick = decider({ minWriteIntervalMs: 0, damping: { ...DEFAULT_DAMPING, mode: 'enforce' } });
    const flapped = snapshotOf({ vrf1: [established(0, { transitions: 9 })] }, 5_000);
    tick({ at: 0, users: changed(9_251), snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }, 0) });
    // 749 slots of 400 ms are 299.6 s.
    expect(said(tick({ at: 5_000, users: changed(9_251), snapshot: flapped }))).toEqual(['hold: damped']);
    expect(said(tick({ at: 5_400, users: changed(9_251), snapshot: flapped, slot: 10_001 }))).toEqual(['up (change)']);
  });
});

describe('another writer of the same device', () => {
  const record = (status: 'up' | 'down', reportedAt: number) => [userNumber(0, { status, reportedAt })];
  const up = snapshotOf({ vrf1: [established(0)] });
  const own = (at: number) => new Map([[keyNumber(0), slot(at)]]);
  const foreign = ({ outcomes }: Decided) => outcomes.get(keyNumber(0))?.isForeignWrite;

  test('is noticed by a record that moved to a slot in which nothing of ours landed', () => {
    const tick = decider({ minWriteIntervalMs: 0 });
    expect(foreign(tick({ at: 0, users: record('up', 9_000), snapshot: up }))).toBe(false);
    expect(foreign(tick({ at: 5_000, users: record('up', 9_000), snapshot: up }))).toBe(false);
    expect(foreign(tick({ at: 10_000, users: record('up', 9_500), snapshot: up, landedIn: own(9_500) }))).toBe(false);
    expect(foreign(tick({ at: 15_000, users: record('down', 9_600), snapshot: up, landedIn: own(9_500) }))).toBe(true);
  });

  test('is not suspected while a write of ours is unresolved: it may be that one', () => {
    const tick = decider();
    tick({ at: 0, users: record('down', 9_000), snapshot: up });
    expect(foreign(tick({ at: 5_000, users: record('up', 9_500), snapshot: up, inFlight: new Map([[keyNumber(0), 'up']]) }))).toBe(false);
  });

  test('is corrected once, and not fought from the second time on', () => {
    const tick = decider({ minWriteIntervalMs: 0 });
    tick({ at: 0, users: record('up', 9_000), snapshot: up });
    expect(said(tick({ at: 5_000, users: record('down', 9_950), snapshot: up }))).toEqual(['up (change)']);
    expect(said(tick({ at: 10_000, users: record('down', 9_990), snapshot: up, landedIn: own(9_960) }))).toEqual(['hold: contested']);
    // Five minutes after the other one's write it is corrected again.
    expect(said(tick({ at: 400_000, users: record('down', 9_990), snapshot: up, slot: 10_975, landedIn: own(9_960) }))).toEqual([
      'up (change)',
    ]);
  });
});

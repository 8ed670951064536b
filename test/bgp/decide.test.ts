import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordAgeMs } from '../../src/bgp/decide.ts';
import {
  DEFAULT_DAMPING,
  DEFAULT_POLICY,
  type DecideInput,
  decideUser,
  jitterShare,
  ledgerStatus,
  mayNeedWrite,
  observeUsers,
} from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { trimEarlyRefreshes } from '../../src/publisher/index.ts';
import { type Address, nanoseconds, parseNetworkV4, slot, UserStatus } from '../../src/serviceability/index.ts';
import { active, type Decided, decide, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

/** Decisions in the users' order: `up (change)`, `hold: reason`, `settled`. */
function decisionsOf({ outcomes }: Decided): readonly string[] {
  return [...outcomes.values()].map(({ decision }) =>
    decision.kind === 'write' ? `${decision.to} (${decision.reason})` : decision.kind === 'hold' ? `hold: ${decision.reason}` : 'settled',
  );
}

const SLOTS_AN_HOUR = 9_000; // of 400 ms

describe('session up', () => {
  test('a session that comes up is published at once, with its VRF and address', () => {
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

  test('a restart writes nothing that the ledger already holds', () => {
    const users = Array.from({ length: 100 }, (_, n) => userNumber(n, { status: n % 2 === 0 ? 'up' : 'down', reportedAt: 9_900 }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => (n % 2 === 0 ? established(n) : active(n, { sinceMs: 60_000 }))) });
    expect(decider()({ at: 0, users, snapshot }).intents).toEqual([]);
  });

  test('a user that was created again at the same address is written again', () => {
    const tick = decider();
    const snapshot = snapshotOf({ vrf1: [established(0)] });
    expect(decisionsOf(tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot }))).toEqual(['settled']);
    expect(decisionsOf(tick({ at: 5_000, users: [userNumber(0)], snapshot }))).toEqual(['up (change)']);
  });

  test("another writer's wrong status is corrected", () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 9_975 })];
    expect(decisionsOf(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual(['up (change)']);
  });
});

describe('session down', () => {
  const up = [userNumber(0, { status: 'up', reportedAt: 9_900 })];

  test('rule 10: Down is published when the switch reports the session down for the grace', () => {
    const tick = decider();
    expect(decisionsOf(tick({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 5_999 })] }, 0) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
    expect(decisionsOf(tick({ at: 1, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 6_000 })] }, 1) }))).toEqual([
      'down (change)',
    ]);
  });

  test('rule 10: Down is published after two observations that span the grace, where the switch reports no time', () => {
    const tick = decider();
    const down = snapshotOf({ vrf1: [active(0)] });
    expect(decisionsOf(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(decisionsOf(tick({ at: 5_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(decisionsOf(tick({ at: 6_000, users: up, snapshot: down }))).toEqual(['down (change)']);
  });

  test('rule 10: Down takes the configured number of observations, also without a grace and however long fewer of them span', () => {
    const down = snapshotOf({ vrf1: [active(0)] });
    for (const downGraceMs of [0, 6_000]) {
      const tick = decider({ downGraceMs, downConfirmations: 3 });
      expect(decisionsOf(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
      expect(decisionsOf(tick({ at: 60_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
      expect(decisionsOf(tick({ at: 120_000, users: up, snapshot: down }))).toEqual(['down (change)']);
    }
  });

  test('rule 10: one observation never confirms Down, nor do two around a tick without observation', () => {
    const tick = decider();
    const down = snapshotOf({ vrf1: [active(0)] });
    expect(decisionsOf(tick({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
    expect(decisionsOf(tick({ at: 5_000, users: up, snapshot: undefined }))).toEqual(['hold: switch-not-read']);
    expect(decisionsOf(tick({ at: 60_000, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
  });

  test('rule 10: a session that came up between two polls begins a new run of down observations', () => {
    const tick = decider();
    tick({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }) });
    tick({ at: 5_000, users: up, snapshot: snapshotOf({ vrf1: [active(0, { transitions: 1 })] }) });
    expect(decisionsOf(tick({ at: 11_000, users: up, snapshot: snapshotOf({ vrf1: [active(0, { transitions: 2 })] }) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
  });

  test('a user whose neighbor is gone is Down, without a round-trip time', () => {
    const tick = decider();
    const gone = snapshotOf({ vrf1: [established(7)] });
    tick({ at: 0, users: up, snapshot: gone });
    const { intents } = tick({ at: 6_000, users: up, snapshot: gone });
    expect(intents.map(({ to, rttNs, neighbor }) => ({ to, rttNs, neighbor }))).toEqual([
      { to: 'down', rttNs: nanoseconds(0), neighbor: undefined },
    ]);
  });

  test('Down is published at once without a grace, and never within it', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    expect(decisionsOf(decider({ downGraceMs: 0 })({ at: 0, users: up, snapshot: down }))).toEqual(['down (change)']);
    expect(decisionsOf(decider({ downGraceMs: 300_000 })({ at: 0, users: up, snapshot: down }))).toEqual(['hold: down-unconfirmed']);
  });

  test('rule 10: a restart within the grace does not publish Down on its first poll', () => {
    expect(decisionsOf(decider()({ at: 0, users: up, snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 2_000 })] }) }))).toEqual([
      'hold: down-unconfirmed',
    ]);
  });
});

describe('connect grace', () => {
  const down = (at: number) => snapshotOf({ vrf1: [active(0, { sinceMs: 30_000 + at })] }, at);

  test('a new user gets the connect grace before its first Down, and is published Up at once', () => {
    const tick = decider();
    expect(decisionsOf(tick({ at: 0, users: [userNumber(0)], snapshot: down(0) }))).toEqual(['hold: connect-grace']);
    expect(decisionsOf(tick({ at: 59_999, users: [userNumber(0)], snapshot: down(59_999) }))).toEqual(['hold: connect-grace']);
    expect(decisionsOf(tick({ at: 60_000, users: [userNumber(0)], snapshot: down(60_000) }))).toEqual(['down (change)']);
    expect(decisionsOf(tick({ at: 65_000, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual([
      'up (change)',
    ]);
  });

  test('a user that was seen up has no connect grace left', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [established(0)] }) });
    expect(decisionsOf(tick({ at: 10_000, users: [userNumber(0)], snapshot: down(10_000) }))).toEqual(['down (change)']);
  });

  test('rule 12: a user whose tunnel the switch does not have becomes Down and is refreshed afterwards', () => {
    const tick = decider();
    const others = snapshotOf({ vrf1: [established(9)] });
    tick({ at: 0, users: [userNumber(0)], snapshot: others });
    expect(decisionsOf(tick({ at: 60_000, users: [userNumber(0)], snapshot: others }))).toEqual(['down (change)']);
    const written = [userNumber(0, { status: 'down', reportedAt: 10_000 })];
    expect(decisionsOf(tick({ at: 65_000, users: written, snapshot: others }))).toEqual(['settled']);
    const later = { at: 65_000 + 3_600_000, slot: 10_000 + SLOTS_AN_HOUR };
    expect(decisionsOf(tick({ ...later, users: written, snapshot: others }))).toEqual(['down (refresh)']);
  });
});

describe('unobserved', () => {
  test('an unobserved user is not written, not even refreshed', () => {
    const users = [userNumber(0, { status: 'up', reportedAt: 1 }), userNumber(1, { expectedVrf: 'vrf2', status: 'up', reportedAt: 1 })];
    const tick = decider();
    expect(decisionsOf(tick({ at: 0, users, snapshot: undefined, slot: 100_000 }))).toEqual([
      'hold: switch-not-read',
      'hold: switch-not-read',
    ]);
    expect(
      decisionsOf(tick({ at: 5_000, users, snapshot: snapshotOf({ vrf1: [established(0)], vrf2: 'failed' }), slot: 100_000 })),
    ).toEqual(['up (refresh)', 'hold: vrf-not-collected']);
  });
});

describe('refresh', () => {
  const aged = (slots: number, n = 0) => [userNumber(n, { status: 'up', reportedAt: 100_000 - slots })];
  const seen = snapshotOf({ vrf1: [established(0)] });
  const decided = (slots: number, slotTimeMs: number | null = 400) =>
    decisionsOf(decider({ refreshJitter: 0 })({ at: 0, users: aged(slots), snapshot: seen, slot: 100_000, slotTimeMs }));

  test('rule 12: a record is settled, then eligible for an early refresh from 75 % of the interval, then due', () => {
    expect([decided(6_749), decided(6_750), decided(8_999), decided(9_000)]).toEqual([
      ['settled'],
      ['up (ride-along)'],
      ['up (ride-along)'],
      ['up (refresh)'],
    ]);
  });

  test('the age of a record comes from measured slot times, and is unknown without them', () => {
    expect([decided(9_000, 200), decided(18_000, 200), decided(90_000, null)]).toEqual([['settled'], ['up (refresh)'], ['settled']]);
  });

  test('a change of a record whose age is not known goes with the youngest', () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 1 })];
    const { intents } = decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }), slotTimeMs: null });
    expect(intents.map(({ to, ageMs }) => [to, ageMs])).toEqual([['up', 0]]);
  });

  test('refreshes spread over the last tenth of the interval, the same way each time', () => {
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

  test('a record with a status but without a report slot is refreshed', () => {
    const users = [userNumber(0, { status: 'up', reportedAt: 0 })];
    expect(decisionsOf(decider()({ at: 0, users, snapshot: seen }))).toEqual(['up (refresh)']);
  });
});

describe('order of intents', () => {
  test('rule 13: early refreshes alone make no transaction', () => {
    const users = [0, 1].map((n) => userNumber(n, { status: 'up', reportedAt: 93_000 }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => established(n)) });
    const { intents, outcomes } = decider({ refreshJitter: 0 })({ at: 0, users, snapshot, slot: 100_000 });
    expect(trimEarlyRefreshes(intents)).toEqual([]);
    expect([...outcomes.values()].map(({ decision }) => decision)).toEqual([
      { kind: 'write', to: 'up', reason: 'ride-along' },
      { kind: 'write', to: 'up', reason: 'ride-along' },
    ]);
  });

  test('intents are changes, refreshes, then early refreshes, each with the oldest record first', () => {
    const records: readonly [number, 'up' | 'down' | 'unknown', number][] = [
      [0, 'up', 93_000], // early refresh
      [1, 'down', 95_000], // change
      [2, 'up', 90_000], // refresh
      [3, 'unknown', 0], // change, never reported
      [4, 'up', 92_000], // early refresh, older
      [5, 'up', 80_000], // refresh, older
    ];
    const users = records.map(([n, status, reportedAt]) => userNumber(n, { status, reportedAt }));
    const snapshot = snapshotOf({ vrf1: users.map((_, n) => established(n)) });
    const { intents } = decider({ refreshJitter: 0 })({ at: 0, users, snapshot, slot: 100_000 });
    expect(trimEarlyRefreshes(intents).map(({ user, reason }) => [reason, user])).toEqual([
      ['change', keyNumber(3)],
      ['change', keyNumber(1)],
      ['refresh', keyNumber(5)],
      ['refresh', keyNumber(2)],
      ['ride-along', keyNumber(4)],
      ['ride-along', keyNumber(0)],
    ]);
  });
});

describe('not activated', () => {
  const banned = (status: 'up' | 'down', net = '0.0.0.0/0') => [
    userNumber(0, { status, net, reportedAt: 9_900, account: { status: UserStatus.banned, tunnelId: 0 } }),
  ];

  test('a banned user gets one Down when its session is down and the ledger still holds Up, and nothing afterwards', () => {
    const tick = decider();
    tick({ at: 0, users: [userNumber(0, { status: 'up', reportedAt: 9_900 })], snapshot: snapshotOf({ vrf1: [established(0)] }) });
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 10_000 })] });
    expect(decisionsOf(tick({ at: 5_000, users: banned('up'), snapshot: down }))).toEqual(['down (change)']);
    expect(decisionsOf(tick({ at: 10_000, users: banned('down'), snapshot: down, slot: 1_000_000 }))).toEqual(['hold: not-activated']);
  });

  test('a user that is not activated is never published Up', () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 9_900, account: { status: UserStatus.deleting } })];
    expect(decisionsOf(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) }))).toEqual(['hold: not-activated']);
  });
});

describe('in flight', () => {
  const inFlight = (to: 'up' | 'down'): ReadonlyMap<Address, 'up' | 'down'> => new Map([[keyNumber(0), to]]);
  const users = [userNumber(0, { status: 'down', reportedAt: 9_900 })];

  test('a status in flight is not written again', () => {
    expect(decisionsOf(decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }), inFlight: inFlight('up') }))).toEqual([
      'settled',
    ]);
  });

  test('rule 17: a newer status replaces the one in flight, but not before the write interval', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    expect(decisionsOf(decider()({ at: 0, users, snapshot: down, inFlight: inFlight('up') }))).toEqual(['hold: write-interval']);
    expect(decisionsOf(decider({ minWriteIntervalMs: 0 })({ at: 0, users, snapshot: down, inFlight: inFlight('up') }))).toEqual([
      'down (change)',
    ]);
  });
});

describe('flaps', () => {
  const flapsOf = (
    first: Parameters<typeof established>[1],
    second: Parameters<typeof established>[1],
    kinds: 'up-up' | 'up-down' | 'down-up' | 'down-down',
  ) => {
    const tick = decider();
    const [from, to] = kinds.split('-').map((kind) => (kind === 'up' ? established : active));
    tick({ at: 0, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [(from ?? active)(0, first)] }, 0) });
    const { outcomes } = tick({ at: 5_000, users: [userNumber(0)], snapshot: snapshotOf({ vrf1: [(to ?? active)(0, second)] }, 5_000) });
    return outcomes.get(keyNumber(0))?.newFlaps;
  };

  test('a visible change between two polls is one transition', () => {
    expect([flapsOf({}, {}, 'up-down'), flapsOf({}, {}, 'down-up'), flapsOf({}, {}, 'up-up')]).toEqual([1, 1, 0]);
  });

  test('rule 7: a flap hidden between two polls is two transitions, by the counter or by the time of the last change', () => {
    expect(flapsOf({ transitions: 4 }, { transitions: 5 }, 'up-up')).toBe(2);
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 2_000 }, 'up-up')).toBe(2);
    expect(flapsOf({ transitions: 4 }, { transitions: 7 }, 'up-up')).toBe(6);
  });

  test('a time of change that moves by less than the tolerance is no transition', () => {
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 65_000.001 }, 'up-up')).toBe(0);
    expect(flapsOf({ sinceMs: 60_000 }, { sinceMs: 65_900 }, 'up-up')).toBe(0);
  });

  test('a session that comes up raises the counter once and is one transition', () => {
    expect(flapsOf({ transitions: 4 }, { transitions: 5 }, 'down-up')).toBe(1);
    expect(flapsOf({ transitions: 4 }, { transitions: 7 }, 'down-up')).toBe(5);
  });

  test('rule 7: a session that went down, came up and went down again between two polls is three transitions', () => {
    expect(flapsOf({ transitions: 4 }, { transitions: 5 }, 'up-down')).toBe(3);
  });
});

describe('limits', () => {
  const changed = (reportedAt: number) => [userNumber(0, { status: 'down', reportedAt })];
  const up = snapshotOf({ vrf1: [established(0)] });

  test('rule 16: the write interval delays a change, and the first tick after it writes the newest status', () => {
    const tick = decider();
    // The record is 25 slots, ten seconds, old in the end.
    expect(decisionsOf(tick({ at: 0, users: changed(9_980), snapshot: up }))).toEqual(['hold: write-interval']);
    expect(decisionsOf(tick({ at: 2_000, users: changed(9_980), snapshot: up, slot: 10_005 }))).toEqual(['up (change)']);
  });

  test('the age of a record includes the time since the view was read', () => {
    const view = viewOf(changed(9_980), { readAt: 0 });
    const age = (now: number) => recordAgeMs(slot(9_980), view, monotonicMs(now));
    expect([age(0), age(2_000)]).toEqual([8_000, 10_000]);
  });

  test('a ledger that stands still does not keep its records young', () => {
    const view = { ...viewOf(changed(9_980), { readAt: 3_600_000 }), slotAt: monotonicMs(0) };
    expect(recordAgeMs(slot(9_980), view, monotonicMs(3_600_000))).toBe(3_608_000);
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

  test('rule 16: damping measures by default and limits writes only in mode enforce', () => {
    expect(decisionsOf(flappy({}, 4))).toEqual(['up (change)']);
    expect(flappy({}, 4).outcomes.get(keyNumber(0))?.track.penalty).toEqual({ value: 8_000, at: 5_000, suppressed: true });
    expect(decisionsOf(flappy({ damping: { ...DEFAULT_DAMPING, mode: 'enforce' } }, 4))).toEqual(['hold: damped']);
    expect(decisionsOf(flappy({ damping: { ...DEFAULT_DAMPING, mode: 'enforce' } }, 2))).toEqual(['up (change)']);
  });

  test('rule 16: a suppressed user is written with its newest status every five minutes', () => {
    const tick = decider({ minWriteIntervalMs: 0, damping: { ...DEFAULT_DAMPING, mode: 'enforce' } });
    const flapped = snapshotOf({ vrf1: [established(0, { transitions: 9 })] }, 5_000);
    tick({ at: 0, users: changed(9_251), snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }, 0) });
    // 749 slots of 400 ms are 299.6 s.
    expect(decisionsOf(tick({ at: 5_000, users: changed(9_251), snapshot: flapped }))).toEqual(['hold: damped']);
    expect(decisionsOf(tick({ at: 5_400, users: changed(9_251), snapshot: flapped, slot: 10_001 }))).toEqual(['up (change)']);
  });
});

describe('another writer', () => {
  const record = (status: 'up' | 'down', reportedAt: number) => [userNumber(0, { status, reportedAt })];
  const up = snapshotOf({ vrf1: [established(0)] });
  const own = (at: number) => new Map([[keyNumber(0), slot(at)]]);
  const foreign = ({ outcomes }: Decided) => outcomes.get(keyNumber(0))?.isForeignWrite;

  test('a record that moved to a slot without a write of ours is a foreign write', () => {
    const tick = decider({ minWriteIntervalMs: 0 });
    expect(foreign(tick({ at: 0, users: record('up', 9_000), snapshot: up }))).toBe(false);
    expect(foreign(tick({ at: 5_000, users: record('up', 9_000), snapshot: up }))).toBe(false);
    expect(foreign(tick({ at: 10_000, users: record('up', 9_500), snapshot: up, confirmedIn: own(9_500) }))).toBe(false);
    expect(foreign(tick({ at: 15_000, users: record('down', 9_600), snapshot: up, confirmedIn: own(9_500) }))).toBe(true);
  });

  test('a record that moves while a write of ours is unresolved is no foreign write', () => {
    const tick = decider();
    tick({ at: 0, users: record('down', 9_000), snapshot: up });
    expect(foreign(tick({ at: 5_000, users: record('up', 9_500), snapshot: up, inFlight: new Map([[keyNumber(0), 'up']]) }))).toBe(false);
  });

  test('a foreign write is corrected once, and from the second on only every five minutes', () => {
    const tick = decider({ minWriteIntervalMs: 0 });
    tick({ at: 0, users: record('up', 9_000), snapshot: up });
    expect(decisionsOf(tick({ at: 5_000, users: record('down', 9_950), snapshot: up }))).toEqual(['up (change)']);
    expect(decisionsOf(tick({ at: 10_000, users: record('down', 9_990), snapshot: up, confirmedIn: own(9_960) }))).toEqual([
      'hold: contested',
    ]);
    // Five minutes after the foreign write it is corrected again.
    expect(decisionsOf(tick({ at: 400_000, users: record('down', 9_990), snapshot: up, slot: 10_975, confirmedIn: own(9_960) }))).toEqual([
      'up (change)',
    ]);
  });
});

describe('age of a record', () => {
  const view = viewOf([], { at: 10_000, readAt: 1_000 });

  test('rule 12: a record that was never reported is infinitely old, and one of a later slot or reading is 0 ms old', () => {
    expect(recordAgeMs(slot(0), view, monotonicMs(1_000))).toBe(Number.POSITIVE_INFINITY);
    expect(recordAgeMs(slot(10_001), view, monotonicMs(1_000))).toBe(0);
    expect(recordAgeMs(slot(10_000), view, monotonicMs(0))).toBe(0);
    expect(recordAgeMs(slot(9_999), view, monotonicMs(0))).toBe(400);
  });

  test('rule 12: a record has no age before a slot time was measured', () => {
    expect(recordAgeMs(slot(9_999), viewOf([], { slotTimeMs: null }), monotonicMs(0))).toBeUndefined();
  });
});

test('rule 12: the jitter of a user is fixed, so that a restart does not reshuffle refreshes', () => {
  expect([0, 1, 2, 3].map((n) => jitterShare(keyNumber(n)))).toEqual([
    0.08374173613265157, 0.7014561267569661, 0.6907762165647, 0.5594284222461283,
  ]);
});

test('rule 12: a record is refreshed early by its own jitter, to the slot', () => {
  // 0.7014561… of a tenth of an hour before its end: after 8,368.69 slots of 400 ms.
  const at = (slots: number) =>
    decisionsOf(
      decider()({
        at: 0,
        users: [userNumber(1, { status: 'up', reportedAt: 100_000 - slots })],
        snapshot: snapshotOf({ vrf1: [established(1)] }),
        slot: 100_000,
      }),
    );
  expect([at(8_368), at(8_369)]).toEqual([['up (ride-along)'], ['up (refresh)']]);
});

test('rule 12: the byte of the ledger is up at 1, down at 2, and unknown otherwise', () => {
  expect([0, 1, 2, 3, 255].map(ledgerStatus)).toEqual(['unknown', 'up', 'down', 'unknown', 'unknown']);
});

test('writes of the same age go in the order of their users, also where both were never reported', () => {
  const orderOf = (...ages: readonly (readonly [user: number, ageMs: number])[]) =>
    trimEarlyRefreshes(
      ages.map(([user, ageMs]) => ({
        user: keyNumber(user),
        from: 'up',
        to: 'up',
        reason: 'change',
        rttNs: nanoseconds(0),
        tunnelNet: parseNetworkV4('169.254.0.0/31'),
        ageMs,
        accountState: '',
      })),
    ).map(({ user }) => [1, 2, 3].find((n) => keyNumber(n) === user));
  const never = Number.POSITIVE_INFINITY;
  expect(orderOf([2, 5], [1, 5], [3, 6])).toEqual([3, 1, 2]);
  expect(orderOf([3, never], [1, 5], [2, never])).toEqual([2, 3, 1]);
});

describe('limits at their boundary', () => {
  const up = snapshotOf({ vrf1: [established(0)] });
  const changed = (reportedAt: number) => [userNumber(0, { status: 'down', reportedAt })];

  test('rule 16: only a suppressed user is damped', () => {
    const tick = decider({ minWriteIntervalMs: 0, damping: { ...DEFAULT_DAMPING, mode: 'enforce' } });
    tick({ at: 0, users: changed(9_990), snapshot: snapshotOf({ vrf1: [established(0, { transitions: 1 })] }) });
    const flapped = snapshotOf({ vrf1: [established(0, { transitions: 3 })] });
    expect(decisionsOf(tick({ at: 0, users: changed(9_990), snapshot: flapped }))).toEqual(['up (change)']);
  });

  test('rule 16: a foreign write twice within ten minutes holds a change for exactly five minutes', () => {
    const tick = decider({ minWriteIntervalMs: 0 });
    tick({ at: 0, users: changed(9_000), snapshot: up });
    tick({ at: 1, users: changed(9_100), snapshot: up });
    tick({ at: 2, users: changed(9_250), snapshot: up });
    expect(decisionsOf(tick({ at: 3, users: changed(9_250), snapshot: up, slot: 9_999 }))).toEqual(['hold: contested']);
    expect(decisionsOf(tick({ at: 4, users: changed(9_250), snapshot: up, slot: 10_000 }))).toEqual(['up (change)']);
  });

  test('rule 16: a change is written without a slot time: the age of its record cannot hold it', () => {
    expect(decisionsOf(decider()({ at: 0, users: changed(9_999), snapshot: up, slotTimeMs: null }))).toEqual(['up (change)']);
  });

  test('rule 11: the connect grace is for users that the ledger holds as Unknown', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    const held = (status: 'unknown' | 'up') =>
      decisionsOf(decider()({ at: 0, users: [userNumber(0, { status, reportedAt: 9_900 })], snapshot: down }));
    expect([held('unknown'), held('up')]).toEqual([['hold: connect-grace'], ['down (change)']]);
  });

  test('rule 11: an unknown user is down-unconfirmed before its connect grace counts', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 5_000 })] });
    expect(decisionsOf(decider()({ at: 0, users: [userNumber(0)], snapshot: down }))).toEqual(['hold: down-unconfirmed']);
  });

  test('rule 10: a record that is Down already needs no confirmation to be refreshed', () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 1 })];
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 1 })] });
    expect(decisionsOf(decider()({ at: 0, users, snapshot: down }))).toEqual(['down (refresh)']);
  });

  test('rule 14: a user that is not activated gets its Down for an Up in flight, and for no Unknown', () => {
    const down = snapshotOf({ vrf1: [active(0, { sinceMs: 60_000 })] });
    const of = (status: 'unknown' | 'down', inFlight: 'up' | 'down' | undefined) =>
      decisionsOf(
        decider({ minWriteIntervalMs: 0, connectGraceMs: 0 })({
          at: 0,
          users: [userNumber(0, { status, reportedAt: 9_900, account: { status: UserStatus.banned } })],
          snapshot: down,
          inFlight: inFlight === undefined ? new Map() : new Map([[keyNumber(0), inFlight]]),
        }),
      );
    expect([of('unknown', undefined), of('down', 'up'), of('unknown', 'down')]).toEqual([
      ['hold: not-activated'],
      ['down (change)'],
      ['hold: not-activated'],
    ]);
  });
});

test('rule 9: a user that no observation names is unobserved', () => {
  const view = viewOf([userNumber(0, { status: 'up', reportedAt: 1 })]);
  const input = { view, observations: new Map(), before: new Map(), inFlight: new Map(), isOwnWrite: () => false };
  const { outcomes, intents } = decide({ ...input, policy: DEFAULT_POLICY, now: monotonicMs(0) });
  expect([outcomes.get(keyNumber(0))?.observation, intents]).toEqual([{ kind: 'unobserved', reason: 'switch-not-read' }, []]);
});

describe('need of a write', () => {
  const input = (
    status: 'unknown' | 'up' | 'down',
    reportedAt: number,
    isUp: boolean | undefined,
    rest: Partial<DecideInput> = {},
    account = {},
  ): DecideInput => {
    const entry = userNumber(0, { status, reportedAt, account });
    const snapshot = isUp === undefined ? undefined : snapshotOf({ vrf1: [isUp ? established(0) : active(0, { sinceMs: 60_000 })] });
    return {
      view: viewOf([entry]),
      observations: observeUsers([entry], snapshot, () => undefined).byUser,
      before: new Map(),
      inFlight: new Map(),
      isOwnWrite: () => false,
      policy: { ...DEFAULT_POLICY, refreshJitter: 0 },
      now: monotonicMs(0),
      ...rest,
    };
  };
  const mayNeed = (of: DecideInput) => [...of.view.users.values()].some((entry) => mayNeedWrite(entry, of));
  const inFlight = (to: 'up' | 'down') => ({ inFlight: new Map([[keyNumber(0), to]]) });
  const banned = { status: UserStatus.banned };

  test('rule 9: a user may need a write when its session differs from its record or from the status in flight, or its record is due', () => {
    expect([mayNeed(input('unknown', 0, true)), mayNeed(input('up', 9_900, false)), mayNeed(input('down', 9_900, true))]).toEqual([
      true,
      true,
      true,
    ]);
    expect([mayNeed(input('up', 9_900, true)), mayNeed(input('down', 9_900, false))]).toEqual([false, false]);
    expect([mayNeed(input('up', 1_000, true)), mayNeed(input('up', 1_001, true))]).toEqual([true, false]);
    expect([mayNeed(input('down', 9_900, true, inFlight('up'))), mayNeed(input('up', 9_900, true, inFlight('down')))]).toEqual([
      false,
      true,
    ]);
    expect(mayNeed(input('up', 1, true, inFlight('up')))).toBe(false);
  });

  test('rule 9: a record that was written since the last tick is as young as its own slot says', () => {
    const { outcomes: before } = decide(input('up', 1, true));
    expect([1, 9_900].map((reportedAt) => mayNeed(input('up', reportedAt, true, { before })))).toEqual([true, false]);
  });

  test('rule 12: while the length of a slot is not known, a record is due by the age that was known before, and otherwise not at all', () => {
    const measured = input('up', 5_500, true);
    const { outcomes: before } = decide(measured);
    const unmeasured = (minutes: number, rest: Partial<DecideInput>) => {
      const view = viewOf([...measured.view.users.values()], { slotTimeMs: null });
      return mayNeed({ ...measured, ...rest, view, now: monotonicMs(minutes * 60_000) });
    };
    expect([unmeasured(29, { before }), unmeasured(30, { before }), unmeasured(30, {})]).toEqual([false, true, false]);
  });

  test('rule 9: an unobserved user, and one that is not activated unless it is up on the ledger and down, needs no write', () => {
    expect([mayNeed(input('up', 1, undefined)), mayNeed(input('up', 1, true, { observations: new Map() }))]).toEqual([false, false]);
    expect([mayNeed(input('down', 1, true, {}, banned)), mayNeed(input('down', 1, false, {}, banned))]).toEqual([false, false]);
    expect(mayNeed(input('up', 1, true, {}, banned))).toBe(false);
    expect([mayNeed(input('up', 9_900, false, {}, banned)), mayNeed(input('unknown', 0, false, {}, banned))]).toEqual([true, false]);
  });

  test('rule 9: no user is written that was said to need no write', () => {
    const arbitrary = fc.record({
      status: fc.constantFrom('unknown', 'up', 'down'),
      reportedAt: fc.nat(10_000),
      isUp: fc.constantFrom(true, false, undefined),
      flying: fc.constantFrom('up', 'down', undefined),
      account: fc.constantFrom({}, banned),
      graceMs: fc.constantFrom(0, 60_000),
    } as const);
    fc.assert(
      fc.property(arbitrary, ({ status, reportedAt, isUp, flying, account, graceMs }) => {
        const policy = { ...DEFAULT_POLICY, connectGraceMs: graceMs, minWriteIntervalMs: graceMs };
        const of = input(status, reportedAt, isUp, { policy, ...(flying === undefined ? {} : inFlight(flying)) }, account);
        for (const entry of of.view.users.values()) {
          const { decision } = decideUser(entry, of);
          const isNeeded = decision.kind === 'write' && decision.reason !== 'ride-along';
          expect(isNeeded && !mayNeedWrite(entry, of)).toBe(false);
        }
      }),
    );
  });
});

test('rule 9: a user whose record agrees with the switch is settled', () => {
  const users = [userNumber(0, { status: 'up', reportedAt: 9_900 })];
  const { outcomes } = decider()({ at: 0, users, snapshot: snapshotOf({ vrf1: [established(0)] }) });
  expect(outcomes.get(keyNumber(0))?.decision).toEqual({ kind: 'settled' });
});

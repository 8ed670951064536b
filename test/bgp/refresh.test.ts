import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, type Neighbor, observeUsers, watchedAgeMs } from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';
import { nanoseconds, type User } from '../../src/serviceability/index.ts';
import { active, clientOf, decide, decider, established, keyNumber, snapshotOf, userNumber, viewOf } from '../support/bgp-builders.ts';

const HOURS_AGO = 1;

describe('refresh while down', () => {
  const user = userNumber(0, { status: 'up', reportedAt: HOURS_AGO });

  test('rule 12: a record is not refreshed as Up while the session is down within the grace', () => {
    const { intents } = decider()({ at: 0, users: [user], snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 2_000 })] }) });
    expect(intents).toEqual([]);
  });

  test('a record that is due becomes Down when the grace is over', () => {
    const { intents } = decider()({ at: 0, users: [user], snapshot: snapshotOf({ vrf1: [active(0, { sinceMs: 6_000 })] }) });
    expect(intents.map(({ from, to, reason }) => `${from} to ${to} (${reason})`)).toEqual(['up to down (change)']);
  });
});

describe('slots far ahead', () => {
  const MINUTE = 60_000;
  const up = (at: number) => snapshotOf({ vrf1: [established(0)] }, at);
  /** A node that names a slot a billion ahead. */
  const AHEAD = 1_000_000_000;

  test('rule 12: a record that this process has seen change is refreshed an hour later, however far ahead the slots are', () => {
    const tick = decider({ refreshJitter: 0 });
    const written = (at: number, reportedAt: number) =>
      tick({ at, users: [userNumber(0, { status: 'up', reportedAt })], snapshot: up(at), slot: AHEAD }).intents.map(({ reason }) => reason);
    expect(written(0, 9_900)).toEqual(['refresh']);
    expect(written(5_000, 9_910)).toEqual([]);
    expect(written(10_000, 9_910)).toEqual([]);
    expect(written(60 * MINUTE - 1, 9_910)).toEqual(['ride-along']);
    expect(written(60 * MINUTE, 9_910)).toEqual(['refresh']);
    expect(written(60 * MINUTE + 5_000, 19_000)).toEqual([]);
  });

  test('rule 12: a user that was created again has the age that its slots say', () => {
    const tick = decider({ refreshJitter: 0 });
    const reasons = (at: number, reportedAt: number, account: Partial<User> = {}) =>
      tick({ at, users: [userNumber(0, { status: 'up', reportedAt, account })], snapshot: up(at), slot: AHEAD }).intents.map(
        ({ reason }) => reason,
      );
    reasons(0, 9_900);
    expect(reasons(5_000, 9_910)).toEqual([]);
    expect(reasons(10_000, 9_910, { owner: keyNumber(1) })).toEqual(['refresh']);
  });
});

describe('a ledger that stood still', () => {
  const MINUTE = 60_000;
  const up = (at: number) => snapshotOf({ vrf1: [established(0)] }, at);
  /** An hour of 9,000 slots, of which the ledger stands still for the half hour from slot 9,000 on. */
  const slotAt = (at: number) => (at < 24 * MINUTE ? 5_400 + at / 400 : at < 54 * MINUTE ? 9_000 : 9_000 + (at - 54 * MINUTE) / 400);
  const ticking = (reportedAt: number) => {
    const tick = decider({ refreshJitter: 0 });
    return (at: number) => {
      const { outcomes, intents } = tick({ at, users: [userNumber(0, { status: 'up', reportedAt })], snapshot: up(at), slot: slotAt(at) });
      const { track } = outcomes.get(keyNumber(0)) ?? {};
      return [watchedAgeMs(track ?? {}, monotonicMs(at)), ...intents.map(({ reason }) => reason)];
    };
  };

  test('rule 12: a record is refreshed an hour after it was made, although the ledger stood still meanwhile', () => {
    const tick = ticking(5_400);
    expect([0, 24, 54, 60].map((minute) => tick(minute * MINUTE))).toEqual([
      [0],
      [24 * MINUTE],
      [54 * MINUTE, 'ride-along'],
      [60 * MINUTE, 'refresh'],
    ]);
  });

  test('rule 12: so is a record from before the start of this process', () => {
    const tick = ticking(5_400 - 2_250);
    expect([0, 24, 45].map((minute) => tick(minute * MINUTE))).toEqual([[15 * MINUTE], [39 * MINUTE], [60 * MINUTE, 'refresh']]);
    expect(tick(54 * MINUTE)).toEqual([69 * MINUTE, 'refresh']);
    expect(tick(55 * MINUTE)).toEqual([70 * MINUTE, 'refresh']);
  });
});

describe('round-trip time', () => {
  const rttNs = nanoseconds(9_000_000);
  const intentsOf = (neighbor: Neighbor, account: Partial<User>, status: 'up' | 'down') => {
    const users = [userNumber(0, { status, reportedAt: 9_900, account })];
    const template = snapshotOf({ vrf1: [established(0)] });
    const reading = template.vrfs.get('vrf1');
    if (reading?.kind !== 'collected') throw new Error('the snapshot has no vrf1');
    const snapshot = { ...template, vrfs: new Map([['vrf1', { ...reading, neighbors: new Map([[neighbor.address, neighbor]]) }]]) };
    const observations = observeUsers(users, snapshot, () => undefined).byUser;
    const policy = { ...DEFAULT_POLICY, downGraceMs: 0, downConfirmations: 1 };
    const view = viewOf(users);
    return decide({ ...NOTHING_BEFORE, view, observations, policy, now: monotonicMs(0) }).intents.map(({ to, rttNs }) => ({ to, rttNs }));
  };
  const NOTHING_BEFORE = { before: new Map(), inFlight: new Map(), isOwnWrite: () => false };

  test('rule 15: Down carries no round-trip time, even where the switch still has one', () => {
    expect(intentsOf({ address: clientOf(0), state: 'active', rttNs }, {}, 'up')).toEqual([{ to: 'down', rttNs: nanoseconds(0) }]);
  });

  test('rule 15: Up carries the round-trip time', () => {
    expect(intentsOf({ address: clientOf(0), state: 'established', rttNs }, {}, 'down')).toEqual([{ to: 'up', rttNs }]);
  });

  test('rule 15: a different round-trip time alone causes no write', () => {
    expect(intentsOf({ address: clientOf(0), state: 'established', rttNs }, { bgpRttNs: nanoseconds(1) }, 'up')).toEqual([]);
  });
});

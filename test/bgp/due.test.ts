import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_DAMPING, type StatusPolicy } from '../../src/bgp/index.ts';
import { active, type DeciderTick, decider, established, type NeighborSketch, snapshotOf, userNumber } from '../support/bgp-builders.ts';

const UP = [userNumber(0, { status: 'up', reportedAt: 9_900 })];
const vrf1 = (neighbor: NeighborSketch, at = 0) => snapshotOf({ vrf1: [neighbor] }, at);

/** Until when each tick holds the user; the reason of a write otherwise. */
function deciding(policy: Partial<StatusPolicy> = {}) {
  const tick = decider(policy);
  return (input: Omit<DeciderTick, 'users'> & Partial<DeciderTick>): number | string | undefined => {
    const [outcome] = tick({ users: UP, ...input }).outcomes.values();
    const decision = outcome?.decision;
    return decision?.kind === 'hold' ? decision.until : decision?.kind;
  };
}

describe('a held user names the moment at which a poll can decide otherwise', () => {
  test('rule 9: the grace ends by the clock of the switch, a margin later than by ours', () => {
    const at = deciding();
    expect(at({ at: 350, polledAt: 300, snapshot: vrf1(active(0, { sinceMs: 200 }), 300) })).toBe(6_120);
    expect(at({ at: 6_150, polledAt: 6_120, snapshot: vrf1(active(0, { sinceMs: 6_020 }), 6_120) })).toBe('write');
  });

  test('rule 9: without times of the switch, the polls that are still needed spread over the grace', () => {
    const two = deciding();
    expect(two({ at: 100, snapshot: vrf1(active(0)) })).toBe(6_100);
    expect(two({ at: 6_100, snapshot: vrf1(active(0)) })).toBe('write');
    const three = deciding({ downConfirmations: 3 });
    expect(three({ at: 0, snapshot: vrf1(active(0)) })).toBe(3_000);
    expect(three({ at: 3_000, snapshot: vrf1(active(0)) })).toBe(6_000);
    expect(three({ at: 6_000, snapshot: vrf1(active(0)) })).toBe('write');
  });

  test('rule 9: polls that a Down still needs after its grace are a second apart', () => {
    const at = deciding({ downGraceMs: 0 });
    expect(at({ at: 100, polledAt: 50, snapshot: vrf1(active(0)) })).toBe(1_100);
    expect(at({ at: 1_100, snapshot: vrf1(active(0)) })).toBe('write');
  });

  test('rule 10: one confirmation without a grace is the first poll, also where the switch reports no time', () => {
    const at = deciding({ downGraceMs: 0, downConfirmations: 1 });
    expect(at({ at: 100, polledAt: 50, snapshot: vrf1(active(0)) })).toBe('write');
  });

  test('rule 11: the connect grace ends a minute after the user was first seen', () => {
    const at = deciding();
    expect(at({ at: 500, users: [userNumber(0)], snapshot: vrf1(active(0, { sinceMs: 60_000 })) })).toBe(60_500);
  });

  test('rule 16: the write interval ends by the age of the record', () => {
    const users = [userNumber(0, { status: 'down', reportedAt: 9_990 })];
    expect(deciding()({ at: 1_000, users, snapshot: vrf1(established(0)) })).toBe(7_000);
  });

  test('rule 16: a contested user waits for the suppressed interval', () => {
    const at = deciding({ minWriteIntervalMs: 0 });
    const users = (reportedAt: number) => [userNumber(0, { status: 'down', reportedAt })];
    at({ at: 0, users: users(9_000), snapshot: vrf1(established(0)) });
    at({ at: 1, users: users(9_100), snapshot: vrf1(established(0)) });
    expect(at({ at: 2, users: users(9_500), snapshot: vrf1(established(0)) })).toBe(100_002);
  });

  test('rule 16: a suppressed user waits for the suppressed interval, or for the end of its suppression where that comes first', () => {
    const held = (flaps: number, suppressedIntervalMs: number) => {
      const at = deciding({ minWriteIntervalMs: 0, damping: { ...DEFAULT_DAMPING, mode: 'enforce', suppressedIntervalMs } });
      const users = [userNumber(0, { status: 'down', reportedAt: 9_990 })];
      at({ at: 0, users, snapshot: vrf1(established(0, { transitions: 1 })) });
      return at({ at: 1_000, users, snapshot: vrf1(established(0, { transitions: 1 + flaps })) });
    };
    expect(held(10, 300_000)).toBe(297_000);
    // 12,000 decays to 750 in four half-lives of 15 minutes.
    expect(held(10, 24 * 3_600_000)).toBe(1_000 + 3_600_000);
  });

  test('a user that nothing but the switch can release names no moment', () => {
    const at = deciding();
    expect(at({ at: 0, snapshot: undefined })).toBeUndefined();
    expect(at({ at: 0, snapshot: snapshotOf({ vrf1: 'failed' }) })).toBeUndefined();
  });
});

test('rule 10: polls at the moments that a held user names confirm a Down when its grace ends, with as few polls as it needs', () => {
  const cases = fc.record({
    downGraceMs: fc.integer({ min: 0, max: 20_000 }),
    downConfirmations: fc.integer({ min: 1, max: 6 }),
    hasTimes: fc.boolean(),
    pollMs: fc.integer({ min: 0, max: 100 }),
  });
  fc.assert(
    fc.property(cases, ({ downGraceMs, downConfirmations, hasTimes, pollMs }) => {
      const decide = deciding({ downGraceMs, downConfirmations });
      let polledAt = 0;
      for (let polls = 1; polls <= downConfirmations + 1; polls += 1) {
        const neighbor = active(0, hasTimes ? { sinceMs: polledAt } : {});
        const until = decide({ at: polledAt + pollMs, polledAt, snapshot: vrf1(neighbor, polledAt) });
        if (until === 'write') {
          expect(polledAt).toBeGreaterThanOrEqual(downGraceMs);
          // A poll takes its time, and polls after the grace are a second apart.
          expect(polledAt).toBeLessThanOrEqual(
            downGraceMs + 20 + (polls + 1) * pollMs + (hasTimes || downGraceMs > 1_000 ? 0 : polls * 1_000),
          );
          return;
        }
        if (typeof until !== 'number') throw new Error(`held without a moment: ${until}`);
        expect(until).toBeGreaterThan(polledAt);
        // The scheduler never goes back.
        polledAt = Math.max(until, polledAt + pollMs);
      }
      throw new Error(`no Down after ${downConfirmations + 1} polls`);
    }),
  );
});

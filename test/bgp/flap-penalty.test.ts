import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advancePenalty, DEFAULT_DAMPING, type FlapPenalty, msUntilReuse, penaltyCeiling } from '../../src/bgp/index.ts';
import { monotonicMs } from '../../src/lib/index.ts';

const MINUTE = 60_000;
const step = (previous: FlapPenalty | undefined, transitions: number, atMs: number) =>
  advancePenalty(previous, transitions, monotonicMs(atMs), DEFAULT_DAMPING);

describe('flap penalty', () => {
  test('the penalty of RFC 2439 halves in its half-life and is dropped below half of the reuse threshold', () => {
    const first = step(undefined, 2, 0);
    expect(first).toEqual({ value: 2_000, at: 0, suppressed: false });
    expect(step(first, 0, 15 * MINUTE)?.value).toBeCloseTo(1_000, 6);
    expect(step(first, 0, 40 * MINUTE)).toBeUndefined();
  });

  test('a user is suppressed above 6,000 and free again below 750', () => {
    expect(step(undefined, 6, 0)?.suppressed).toBe(false);
    const seven = step(undefined, 7, 0);
    if (seven === undefined) throw new Error('seven transitions leave a penalty');
    expect(seven.suppressed).toBe(true);
    // 15 min · log2(7000 / 750) = 48.3 min
    expect(msUntilReuse(seven, DEFAULT_DAMPING) / MINUTE).toBeCloseTo(48.3, 1);
    expect(step(seven, 0, 48 * MINUTE)?.suppressed).toBe(true);
    expect(step(seven, 0, 48.5 * MINUTE)?.suppressed).toBe(false);
  });

  test('a user is free an hour after its last transition, however often it flapped', () => {
    expect(penaltyCeiling(DEFAULT_DAMPING)).toBe(12_000);
    fc.assert(
      fc.property(fc.array(fc.record({ transitions: fc.nat(50), waitMs: fc.nat(10 * MINUTE) }), { maxLength: 40 }), (history) => {
        let now = 0;
        let penalty: FlapPenalty | undefined;
        for (const { transitions, waitMs } of history) {
          now += waitMs;
          penalty = step(penalty, transitions, now);
        }
        expect(step(penalty, 0, now + 60 * MINUTE + 1)?.suppressed ?? false).toBe(false);
      }),
    );
  });
});

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

  test('the penalty never exceeds the ceiling, from which a user is free within an hour', () => {
    expect(step(undefined, 20, 0)).toEqual({ value: 12_000, at: 0, suppressed: true });
    expect(penaltyCeiling({ ...DEFAULT_DAMPING, reuseBelow: 1_000, maxSuppressMs: 30 * MINUTE, halfLifeMs: 10 * MINUTE })).toBe(8_000);
  });

  test('transitions add to the decayed penalty', () => {
    expect(step({ value: 2_000, at: monotonicMs(0), suppressed: false }, 1, 15 * MINUTE)).toEqual({
      value: 2_000,
      at: 15 * MINUTE,
      suppressed: false,
    });
  });

  test('a suppressed user stays suppressed at exactly the reuse threshold, and a penalty of exactly half of it is kept', () => {
    const at = (value: number, suppressed: boolean) => step({ value, at: monotonicMs(0), suppressed }, 0, 15 * MINUTE);
    expect(at(1_500, true)).toEqual({ value: 750, at: 15 * MINUTE, suppressed: true });
    expect(at(1_499, true)).toEqual({ value: 749.5, at: 15 * MINUTE, suppressed: false });
    expect(at(750, false)).toEqual({ value: 375, at: 15 * MINUTE, suppressed: false });
    expect(at(749, false)).toBeUndefined();
    expect(at(1_500, false)?.suppressed).toBe(false);
  });

  test('a decaying penalty keeps its object for a 32nd of the half-life, unless suppression ends', () => {
    const penalty = { value: 2_000, at: monotonicMs(0), suppressed: false };
    expect(step(penalty, 0, (15 * MINUTE) / 32 - 1)).toBe(penalty);
    expect(step(penalty, 0, (15 * MINUTE) / 32)).not.toBe(penalty);
    expect(step(penalty, 1, 1)).not.toBe(penalty);
    const later = { value: 2_000, at: monotonicMs(60 * MINUTE), suppressed: false };
    expect(step(later, 0, 61 * MINUTE - 40_000)).toBe(later);
    expect(step(later, 0, 75 * MINUTE)).toEqual({ value: 1_000, at: 75 * MINUTE, suppressed: false });
    const ending = { value: 750, at: monotonicMs(0), suppressed: true };
    expect(step(ending, 0, 1)?.suppressed).toBe(false);
  });

  test('a user that is not suppressed, or decayed below the threshold, is free in 0 ms', () => {
    expect(msUntilReuse({ value: 5_000, at: monotonicMs(0), suppressed: false }, DEFAULT_DAMPING)).toBe(0);
    expect(msUntilReuse({ value: 700, at: monotonicMs(0), suppressed: true }, DEFAULT_DAMPING)).toBe(0);
    expect(msUntilReuse({ value: 1_500, at: monotonicMs(0), suppressed: true }, DEFAULT_DAMPING)).toBe(15 * MINUTE);
  });
});

test('rule 16: the defaults are those of RFC 7196 and of the vendors', () => {
  expect(DEFAULT_DAMPING).toEqual({
    mode: 'observe',
    penaltyPerTransition: 1_000,
    halfLifeMs: 15 * MINUTE,
    suppressAbove: 6_000,
    reuseBelow: 750,
    maxSuppressMs: 60 * MINUTE,
    suppressedIntervalMs: 5 * MINUTE,
  });
});

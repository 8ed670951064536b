import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { atOnce } from '../../src/lib/index.ts';
import { jsonLine, jsonLineInSteps } from '../../src/observability/index.ts';

describe('a status in JSON', () => {
  test('small bigints become JSON numbers, large ones strings, which no reader rounds', () => {
    expect(jsonLine({ slot: 415_000_000n, rtt: 2n ** 64n - 1n })).toBe('{"slot":415000000,"rtt":"18446744073709551615"}\n');
  });

  test('is the same when it is written element by element', () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.bigInt(), fc.constant(undefined), fc.array(fc.bigInt()));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (status) => {
        expect(atOnce(jsonLineInSteps(status))).toBe(jsonLine(status));
      }),
    );
  });

  test('is written with a pause after each user', () => {
    const steps = jsonLineInSteps({ users: [1, 2, 3], version: 'one' });
    let pauses = 0;
    for (let step = steps.next(); step.done !== true; step = steps.next()) pauses += 1;
    expect(pauses).toBe(3);
  });
});

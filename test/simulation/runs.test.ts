import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { simulate } from '../../localnet/simulation/simulate.ts';

/** Two minutes of trouble, and the calm after it: longer runs are for `npm run sim`. */
const SHORT = 0.03;
const SEEDS_A_TEST = 25;

// Thousands of errors are made to end waits; where they were made is of no use here, and dear.
const usual = Error.stackTraceLimit;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = usual;
});

describe('the whole agent keeps its promises in seeded trouble', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('portion %i', { timeout: 120_000 }, async (portion) => {
    const failed: string[] = [];
    for (let seed = portion * SEEDS_A_TEST; seed < (portion + 1) * SEEDS_A_TEST; seed += 1) {
      const { violation } = await simulate({ seed, hours: SHORT });
      if (violation !== undefined) failed.push(`${violation.invariant}: npm run sim -- --seed ${seed} --hours ${SHORT} --verbose`);
    }
    expect(failed).toEqual([]);
  });
});

test('the same seed is the same run, word for word', { timeout: 60_000 }, async () => {
  const tell = async (seed: number): Promise<readonly string[]> => {
    const lines: string[] = [];
    await simulate({ seed, hours: SHORT, onLine: (line) => lines.push(line) });
    return lines;
  };

  const first = await tell(5);
  await tell(6);

  expect(await tell(5)).toEqual(first);
  expect(first.length).toBeGreaterThan(10);
});

test('trouble is had: agents die, transactions are written, and the ledger comes right after being wrong', {
  timeout: 120_000,
}, async () => {
  const sums = { lives: 0, writes: 0, wrongAtFirst: 0 };
  for (let seed = 304; seed < 316; seed += 1) {
    const { lives, writes, convergedAfterMs } = await simulate({ seed, hours: SHORT });
    sums.lives += lives - 1;
    sums.writes += writes;
    if ((convergedAfterMs ?? 0) > 0) sums.wrongAtFirst += 1;
  }
  expect(sums.lives).toBeGreaterThan(5);
  expect(sums.writes).toBeGreaterThan(50);
  expect(sums.wrongAtFirst).toBeGreaterThan(0);
});

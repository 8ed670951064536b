import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulate } from '../../localnet/simulation/simulate.ts';

/** Two minutes of faults, then the recovery. */
const SHORT = 0.03;
const SEEDS_A_TEST = 25;

// The simulation creates thousands of errors to end waits; their stack traces are expensive and unused.
const usual = Error.stackTraceLimit;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = usual;
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  `the agent keeps every invariant under seeded faults, ${SEEDS_A_TEST} seeds from %i * ${SEEDS_A_TEST}`,
  {
    timeout: 120_000,
  },
  async (portion) => {
    const failed: string[] = [];
    for (let seed = portion * SEEDS_A_TEST; seed < (portion + 1) * SEEDS_A_TEST; seed += 1) {
      const { violation } = await simulate({ seed, hours: SHORT });
      if (violation !== undefined) failed.push(`${violation.invariant}: npm run sim -- --seed ${seed} --hours ${SHORT} --verbose`);
    }
    expect(failed).toEqual([]);
  },
);

test('in twelve runs agents are killed, transactions are written, and the ledger converges after being wrong', {
  timeout: 120_000,
}, async () => {
  const sums = { incarnations: 0, writes: 0, wrongAtFirst: 0 };
  for (let seed = 316; seed < 328; seed += 1) {
    const { incarnations, writes, convergedAfterMs, violation } = await simulate({ seed, hours: SHORT });
    expect(violation, `npm run sim -- --seed ${seed} --hours ${SHORT} --verbose`).toBeUndefined();
    sums.incarnations += incarnations - 1;
    sums.writes += writes;
    if ((convergedAfterMs ?? 0) > 0) sums.wrongAtFirst += 1;
  }
  expect(sums.incarnations).toBeGreaterThan(5);
  expect(sums.writes).toBeGreaterThan(50);
  expect(sums.wrongAtFirst).toBeGreaterThan(0);
});

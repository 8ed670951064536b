import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulate } from '../../localnet/simulation/simulate.ts';

/** Two minutes of faults, then the recovery. `runs.long.test.ts` has more runs, `npm run sim` longer ones. */
const SHORT = 0.03;

// The simulation creates thousands of errors to end waits; their stack traces are expensive and unused.
const usual = Error.stackTraceLimit;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = usual;
});

test('two runs with the same seed have the same trace', { timeout: 60_000 }, async () => {
  const traceOf = async (seed: number): Promise<readonly string[]> => {
    const lines: string[] = [];
    await simulate({ seed, hours: SHORT, onLine: (line) => lines.push(line) });
    return lines;
  };

  const first = await traceOf(5);
  await traceOf(6);

  expect(await traceOf(5)).toEqual(first);
  expect(first.length).toBeGreaterThan(10);
});

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

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

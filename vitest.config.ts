import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Suites that take long: random inputs by the thousand, pools used up, simulated hours. `.ci/run` runs them with vitest.long.config.ts. */
export const LONG = ['test/**/*fuzz.test.ts', 'test/**/*.long.test.ts'];

/** What both configurations share. */
export const SHARED = {
  environment: 'node',
  // The files share a worker's modules: no module of src/ keeps state between uses, and loading them for each file took longer than the tests.
  isolate: false,
  // More than a small machine has cores: whole agents and commands wait most of the time.
  maxWorkers: 5,
  // A young generation four times as large as usual: tests make much that is garbage a moment later. Saves 7 % of the CPU time.
  execArgv: ['--max-semi-space-size=64'],
  // Prints failures and the summary only; the output of passing tests is dropped.
  reporters: 'agent',
  silent: 'passed-only',
  // Bounds for tests that hang. On a busy machine, a test takes many times as long as on an idle one.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 10_000 } },
} satisfies ViteUserConfig['test'];

export default defineConfig({
  test: { ...SHARED, include: ['test/**/*.test.ts'], exclude: ['test/lab/**', 'test/page/**', ...LONG] },
});

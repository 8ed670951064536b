import { defineConfig } from 'vitest/config';

/** The lab: real BGP between network namespaces. Needs root; one file at a time, since hold timers of 3 s do not bear a crowded machine. */
export default defineConfig({
  test: {
    include: ['test/lab/**/*.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});

import { defineConfig } from 'vitest/config';

/** The tests that answer within seconds: a mutant is run against them hundreds of times. */
export default defineConfig({
  test: {
    include: ['test/bgp/**/*.test.ts', 'test/publisher/**/*.test.ts', 'test/agent/confirmation-poll.test.ts', 'test/agent/tick.test.ts'],
    environment: 'node',
    isolate: false,
    maxWorkers: 1,
  },
});

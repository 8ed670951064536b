import { defineConfig } from 'vitest/config';

/** The status page in a real browser. Needs Chromium; `.ci/page` installs it. */
export default defineConfig({
  test: {
    include: ['test/page/**/*.test.ts'],
    environment: 'node',
    // Bounds for tests that hang: agents, localnets and a browser share the processors.
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});

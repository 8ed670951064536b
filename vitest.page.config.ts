import { defineConfig } from 'vitest/config';

/** The status page in a real browser. Needs Chromium; `.ci/page` installs it. */
export default defineConfig({
  test: {
    include: ['test/page/**/*.test.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

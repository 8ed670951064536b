import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/lab/**', 'test/page/**', 'node_modules/**'],
    environment: 'node',
    // The files share a worker's modules: nothing in src keeps state between uses, and loading it anew for each file took longer than the tests.
    isolate: false,
    maxWorkers: 2,
    // Bounds for what hangs. On a machine that does much else, what works takes many times as long as it should.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
});

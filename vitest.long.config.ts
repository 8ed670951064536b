import { defineConfig, type UserWorkspaceConfig } from 'vitest/config';
import { LONG, SHARED } from './vitest.config.ts';

/** Suites that measure how long an event loop was held, and memory: nothing else runs meanwhile. */
const MEASURING = ['test/observability/floods.long.test.ts', 'test/lib/hostile-answers.long.test.ts'];

const long = { ...SHARED, testTimeout: 600_000 };
const measuring: UserWorkspaceConfig = {
  test: { ...long, name: 'measuring', include: MEASURING, maxWorkers: 1, sequence: { groupOrder: 1 } },
};
const others: UserWorkspaceConfig = {
  test: { ...long, name: 'others', include: LONG, exclude: MEASURING, maxWorkers: 4, sequence: { groupOrder: 0 } },
};

/** The long suites. `DZD_FUZZ_SCALE` and `DZD_FUZZ_INPUTS` set how many random inputs they use. */
export default defineConfig({ test: { reporters: SHARED.reporters, silent: SHARED.silent, projects: [others, measuring] } });

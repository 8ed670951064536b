import { defineConfig } from 'vitest/config';
import { LONG, SHARED } from './vitest.config.ts';

/** The long suites. `DZD_FUZZ_SCALE` and `DZD_FUZZ_INPUTS` set how many random inputs they use. */
export default defineConfig({ test: { ...SHARED, include: LONG, testTimeout: 600_000 } });

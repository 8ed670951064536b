import { expect } from 'vitest';

/** Looks again and again until it is as expected, and fails after ten seconds: on a busy machine vitest's own one is too few. */
export const eventually = <T>(look: () => T) => expect.poll(look, { timeout: 10_000 });

import { expect, test } from 'vitest';
import { describeError } from '../../src/lib/index.ts';

test('describeError names each cause of an error once', () => {
  const cause = new Error('connect ECONNREFUSED', { cause: new Error('syscall') });
  expect(describeError(new Error('fetch failed', { cause }))).toBe('fetch failed: connect ECONNREFUSED: syscall');
  expect(describeError(new Error('fetch failed: syscall', { cause: new Error('syscall') }))).toBe('fetch failed: syscall');
});

test('describeError ends for an error that is among its own causes', () => {
  const own = new Error('broken');
  own.cause = own;
  expect(describeError(own)).toBe('broken');
  const outer = new Error('outer', { cause: new Error('inner', { cause: own }) });
  own.cause = outer;
  expect(describeError(outer)).toBe('outer: inner: broken');
});

test('describeError cuts off a very long chain of causes', () => {
  let chain = new Error('cause 0');
  for (let number = 1; number < 100_000; number++) chain = new Error(`cause ${number}`, { cause: chain });
  expect(describeError(chain)).toMatch(/^cause 99999: cause 99998: .*: cause 99984$/);
});

import { readFile } from 'node:fs';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/index.ts';

test('a sleep of 0 ms that begins in an I/O callback ends after a timer that was due before', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve, reject) => {
    readFile(new URL(import.meta.url), () => {
      setTimeout(() => order.push('timer'), 0);
      systemClock.sleep(0).then(() => resolve(void order.push('slept')), reject);
    });
  });
  expect(order).toEqual(['timer', 'slept']);
});

test('a sleep until a time that has passed is no reason for a warning of Node.js', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  await systemClock.sleep(-5);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

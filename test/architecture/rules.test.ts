import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const RULES = 21;

test('every rule of docs/architecture.md has a test that is named for it', () => {
  const page = readFileSync(join(ROOT, 'docs/rules.md'), 'utf8');
  const tested = new Set([...page.matchAll(/^\| (\d+) \|/gm)].map(([, rule]) => Number(rule)));
  expect([...tested].sort((one, other) => one - other)).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
});

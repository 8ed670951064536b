import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const RULES = 21;

test('every rule of docs/architecture.md has a test that is named for it', () => {
  const page = readFileSync(join(ROOT, 'docs/rules.md'), 'utf8');
  const tested = new Set([...page.matchAll(/^\| (\d+) \|/gm)].map(([, rule]) => Number(rule)));
  expect([...tested].sort((one, other) => one - other)).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
});

test('every statement of RFC-19 has a test or a rule that proves it', () => {
  const rows = readFileSync(join(ROOT, 'docs/rfc19.md'), 'utf8').match(/^\| \d+ \|.*$/gm) ?? [];
  const proofs = rows.map((row) => row.split(' | ')[3] ?? '');
  expect(rows.length).toBeGreaterThan(30);
  expect(proofs.filter((proof) => !/`[\w/.-]+\.ts` |rule \d/.test(proof))).toEqual([]);
});

test('every file that docs/rfc19.md names exists', () => {
  const page = readFileSync(join(ROOT, 'docs/rfc19.md'), 'utf8');
  const files = new Set([...page.matchAll(/`((?:src|localnet|test)\/[\w/.-]+\.ts)`/g)].map(([, file = '']) => file));
  expect(files.size).toBeGreaterThan(20);
  expect([...files].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test('docs/testing.md lists the steps of .ci/run in their order', () => {
  const steps = [...readFileSync(join(ROOT, '.ci/run'), 'utf8').matchAll(/^ *step (['"])(.*)\1$/gm)].map(([, , step = '']) =>
    step.replace('$line', '24 and 26'),
  );
  const listed = [...readFileSync(join(ROOT, 'docs/testing.md'), 'utf8').matchAll(/^\d+\. (.*)$/gm)].map(([, step]) => step);
  expect(listed).toEqual(steps);
});

test('docs/index.md names every page of docs and docs/how-to', () => {
  const index = readFileSync(join(ROOT, 'docs/index.md'), 'utf8');
  const pages = ['', 'how-to/'].flatMap((folder) => readdirSync(join(ROOT, 'docs', folder)).map((name) => folder + name));
  const missing = pages.filter((page) => page.endsWith('.md') && page !== 'index.md' && !new RegExp(`\\(${page}[#)]`).test(index));
  expect(pages).toContain('how-to/alerts.md');
  expect(missing).toEqual([]);
});

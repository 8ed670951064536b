import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RFC11_ERRORS, Rfc11Instruction } from '../../../src/serviceability/rfc11/index.ts';

const here = new URL('.', import.meta.url);
const section = readFileSync(new URL('../../../docs/localnet.md', here), 'utf8').split('\n## RFC-11\n')[1] ?? '';
const sources = new Map(
  readdirSync(here)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => [file.replace(/(?:\.long)?\.test\.ts$/, ''), readFileSync(new URL(file, here), 'utf8').replaceAll("\\'", "'")]),
);

/** Each test that a row names, by file: `file` “title”, “title”. */
const claims = section
  .split('\n')
  .flatMap((row) =>
    [...row.matchAll(/`([a-z-]+)` ((?:“[^”]+”(?:, )?)+)/g)].flatMap(([, file = '', titles = '']) =>
      [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => ({ file, title })),
    ),
  );

test('the page names tests for every part of RFC-11', () => {
  expect(claims.length).toBeGreaterThan(80);
});

test.each(claims)('$file has the test “$title”', ({ file, title }) => {
  expect(sources.get(file)).toContain(title);
});

describe('nothing is missing from the page', () => {
  test.each(Object.entries(Rfc11Instruction))('%s, number %i', (name, number) => {
    expect(section).toContain(`| ${number} ${name} |`);
  });

  test.each(RFC11_ERRORS)('error $name, code $code', ({ name, code }) => {
    expect(section.split('\n').some((row) => row.startsWith('|') && row.includes(String(code)) && row.includes(name))).toBe(true);
  });
});

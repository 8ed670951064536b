import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPTS = join(ROOT, 'scripts');
const { isAsShown }: { isAsShown(shown: string, output: string): boolean } = await import(join(SCRIPTS, 'transcript.mjs'));

test('every command of a page is typed by a step of CI, or the page says why not', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(SCRIPTS, 'follow-pages.mjs'), '--check'], { encoding: 'utf8' });
  expect([stderr, status]).toEqual(['', 0]);
});

test('every file of the repository that a page names exists', () => {
  const named = /`((?:src|localnet|test|bench|scripts|config|packaging|systemd|mixin|examples)\/[\w./-]+)`/g;
  const folders = ['', 'docs', 'docs/how-to', 'docs/runbooks', 'mixin', 'examples'];
  const pages = folders.flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)));
  const missing = pages
    // The generated table of rules names its files relative to test/.
    .filter((page) => page.endsWith('.md') && page !== 'docs/rules.md')
    .flatMap((page) => [...readFileSync(join(ROOT, page), 'utf8').matchAll(named)].map(([, path = '']) => ({ page, path })))
    .filter(({ path }) => !existsSync(join(ROOT, path)));
  expect(missing).toEqual([]);
});

test('the README and the manual page list every command', () => {
  const [readme, manual] = ['README.md', 'packaging/dzd-telemetry.1'].map((file) => readFileSync(join(ROOT, file), 'utf8'));
  const missing = COMMANDS.filter(({ name }) => !readme?.includes(`| \`${name}`) || !manual?.includes(`\n.B ${name}`));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test.each([
  ['down, reported 8 s ago in slot 136', 'down, reported 12 s ago in slot 9'],
  ['{"slot":190,"users":5}', '{"slot":7,"users":5}'],
  ['key /tmp/dzd-telemetry-3GzVJA/foundation.json', 'key /var/tmp/dzd-telemetry-x/foundation.json'],
  ['ok   key: DygSr5HvcVYGG62U2Tg9nJmwxc1uVkrFaoZoPRe2UeEX', 'ok       key: EVRho3sYyUQcfPdtnBmW1vT7cDPgF5kRg9mkYBs4zmAj'],
  ['…\nok\n…', 'one\ntwo\nok\nthree\n'],
])('times, slots, keys and lines of … are open: %s', (shown, output) => {
  expect(isAsShown(shown, output)).toBe(true);
});

test.each([
  ['down, reported 8 s ago', 'up, reported 8 s ago'],
  ['5 users: 4 connected, 1 down', '5 users: 5 connected'],
  ['"mismatches":0', '"mismatches":1'],
  ['ok', 'ok\nand more'],
  ['…\nok\n…', 'one\nnot ok\nthree'],
])('everything else is literal: %s', (shown, output) => {
  expect(isAsShown(shown, output)).toBe(false);
});

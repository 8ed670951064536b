import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const filesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

/** A recorded run, written by a script. */
const RECORDED = 'docs/first-run.md';

test('the pages show only log lines that the agent writes', () => {
  const source = filesIn('src', '.ts').map(read).join('\n');
  const pages = ['README.md', ...filesIn('docs', '.md').filter((name) => name !== RECORDED)];
  const quoted = pages.flatMap((page) => {
    const text = read(page);
    const pretty = [...text.matchAll(/^\d\d:\d\d:\d\d (?:INFO|WARN|ERROR) +(.+?)(?= \w+=|$)/gm)];
    return [...pretty, ...text.matchAll(/"msg":"([^"]+)"/g)].map(([, line = '']) => `${page}: ${line}`);
  });
  expect(quoted.length).toBeGreaterThan(20);
  // The state is put into the line.
  const isWritten = (line: string): boolean => source.includes(line.replace(/^session is (?:up|down)$/, 'session is '));
  expect(quoted.filter((each) => !isWritten(each.slice(each.indexOf(': ') + 2)))).toEqual([]);
});

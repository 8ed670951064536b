import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** The tests that docs/testing.md names: `file` “title”, “title”; a title without a file is of the one that the page named last. */
function namedTests(): readonly { readonly file: string; readonly title: string }[] {
  const page = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');
  const tables = page.slice(page.indexOf('## Which test holds what'));
  let file = '';
  return [...tables.matchAll(/`([a-z0-9-]+(?:\/[a-z0-9-]+)+)`|“([^”]+)”/g)].flatMap(([, path, title]) => {
    if (path !== undefined) file = path;
    return title === undefined ? [] : [{ file, title: title.replaceAll('\\|', '|') }];
  });
}

function sourceOf(file: string): string {
  const path = [`${file}.test.ts`, `${file}.ts`].map((name) => join(ROOT, 'test', name)).find(existsSync);
  return path === undefined ? '' : readFileSync(path, 'utf8').replaceAll("\\'", "'");
}

test('every test that docs/testing.md names is there', () => {
  const named = namedTests();
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ file, title }) => !sourceOf(file).includes(title))).toEqual([]);
});

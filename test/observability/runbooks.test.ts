import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FINDINGS } from '../../src/observability/index.ts';
import { runbookIndex, runbookPage } from '../../src/observability/page/pages.ts';

const names = readdirSync(join(import.meta.dirname, '../../docs/runbooks')).map((file) => file.replace(/\.md$/, ''));
const bodyOf = (page: string | undefined): string => /<article>([\s\S]*)<\/article>/.exec(page ?? '')?.[1] ?? '';

test('the index links to every runbook', () => {
  const links = [...runbookIndex().matchAll(/<li><a href="\/runbooks\/(\w+)">/g)].map(([, name]) => name);
  expect(links).toEqual([...names].sort());
});

test('the runbook of every finding is served', () => {
  for (const { runbook } of Object.values(FINDINGS)) expect(runbookPage(runbook)).toContain(`<h1>${runbook}</h1>`);
});

test.for(names)('runbook %s is rendered as a whole, and its links lead to runbooks of the agent', (name) => {
  const page = runbookPage(name);
  const body = bodyOf(page);
  expect(body).toContain(`<h1>${name}</h1>`);
  expect(body.match(/<h2>/g)?.length).toBeGreaterThanOrEqual(5);
  // What is left of Markdown that the page cannot render.
  const prose = body.replaceAll(/<(pre|code)\b[^>]*>[\s\S]*?<\/\1>/g, '');
  expect(prose.match(/`|\]\(|\*\*|^\s*(?:#|\||\d+\. )/gm)).toBeNull();
  for (const [, to = ''] of body.matchAll(/<a href="([^"]*)"/g)) expect(names.map((each) => `/runbooks/${each}`)).toContain(to);
  // Nothing changes, so nothing is loaded again.
  expect(page).not.toMatch(/<script|http-equiv/);
});

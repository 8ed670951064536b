import { readdirSync, readFileSync } from 'node:fs';
import { html, layout, type Markup, withCode } from './html.ts';

/** The pages of docs/runbooks/ by name as JSON, put in by the build. */
declare const __RUNBOOKS__: string | undefined;

/** A checkout reads the folder. */
function readRunbooks(): Readonly<Record<string, string>> {
  const folder = new URL('../../../docs/runbooks/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.md'));
  return Object.fromEntries(files.map((file) => [file.slice(0, -3), readFileSync(new URL(file, folder), 'utf8')]));
}

const RUNBOOKS: ReadonlyMap<string, string> = new Map(
  Object.entries(typeof __RUNBOOKS__ === 'undefined' ? readRunbooks() : JSON.parse(__RUNBOOKS__)),
);

/** Where the runbook of that name is. */
export const addressOfRunbook = (name: string): string => `/runbooks/${name}`;

/** The runbook of that name, with or without `.md`; undefined if there is none. */
export function runbookPage(wanted: string): string | undefined {
  const name = wanted.replace(/\.md$/, '');
  const text = RUNBOOKS.get(name);
  return text === undefined ? undefined : staticPage(name, html`<a href="/runbooks">← all runbooks</a>`, markdown(text));
}

/** The list of all runbooks. */
export function runbookIndex(): string {
  const items = [...RUNBOOKS.keys()].sort().map((name) => html`<li><a href="${addressOfRunbook(name)}">${name}</a></li>`);
  return staticPage('Runbooks', html`<a href="/status">← status</a>`, html`<h1>Runbooks</h1><ul>${items}</ul>`);
}

const staticPage = (title: string, up: Markup, main: Markup): string =>
  layout({
    level: 'neutral',
    isStatic: true,
    title,
    header: html`<nav aria-label="Up">${up}</nav>`,
    main: html`<article>${main}</article>`,
    footer: html`<a href="/status">/status</a>`,
  });

/** The Markdown of the runbooks: headings, paragraphs, lists, code, links. Anything else is shown as it is written. */
function markdown(text: string): Markup {
  const blocks = text.split(/^(```\w*\n[\s\S]*?^```$)/m).flatMap((part) => (part.startsWith('```') ? [part] : part.trim().split(/\n{2,}/)));
  return html`${blocks.map(block)}`;
}

function block(text: string): Markup {
  const [, code] = /^```\w*\n([\s\S]*)```$/.exec(text) ?? [];
  if (code !== undefined) return html`<pre class="card pad"><code>${code}</code></pre>`;
  const [, marks, title = ''] = /^(##?) (.*)$/.exec(text) ?? [];
  if (marks !== undefined) return marks === '#' ? html`<h1>${inline(title)}</h1>` : html`<h2>${inline(title)}</h2>`;
  if (!text.startsWith('- ')) return text === '' ? html`` : html`<p>${inline(text)}</p>`;
  return html`<ul>${text.split(/^- /m).map((item) => (item === '' ? '' : html`<li>${inline(item)}</li>`))}</ul>`;
}

/** Links to other runbooks are kept; what another link of the repository leads to is not in the agent. */
function inline(text: string): Markup {
  const parts = text.split(/(\[[^\]`]+\]\([^)\s]+\))/);
  return html`${parts.map((part) => {
    const [, words, to = ''] = /^\[([^\]`]+)\]\(([^)\s]+)\)$/.exec(part) ?? [];
    if (words === undefined) return withCode(part);
    const [, name] = /^(Dzd\w+)\.md$/.exec(to) ?? [];
    return name === undefined ? words : html`<a href="${addressOfRunbook(name)}">${words}</a>`;
  })}`;
}

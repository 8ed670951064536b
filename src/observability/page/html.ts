import { atOnce } from '../../lib/index.ts';
import { SCRIPT, STYLE } from './assets.ts';
import type { Level } from './findings.ts';

/** HTML that is safe to stand in a page. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

type Part = Markup | string | number | bigint | readonly Part[];

/** Puts HTML together; every value is escaped unless it is Markup itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += render(part) + (strings[index + 1] ?? '');
  return { html: text };
}

function render(part: Part): string {
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(render).join('');
  return String(part).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** Before the name in the tab, so that a tab among many tells the state; and beside the verdict, for those who see no colours. */
const SIGNS: Readonly<Record<Level, string>> = { well: '✓', look: '!', wrong: '✗' };

interface Layout {
  readonly level: Level;
  readonly title: string;
  readonly header: Markup;
  readonly main: Markup;
  readonly footer: Markup;
}

/** A whole document. What is in `#live` is renewed by the script, or with the document where there are no scripts. */
export function layout({ level, title, header, main, footer }: Layout): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>${SIGNS[level]} ${title} · dzd-telemetry</title>
<noscript><meta http-equiv="refresh" content="5"></noscript><style>${{ html: STYLE }}</style></head><body>
<p id="stale" role="alert" hidden></p>
<div id="live">
<header>${header}</header>
<main>
${main}
</main>
<footer class="dim">${footer}</footer>
</div><script>${{ html: SCRIPT }}</script></body></html>
`.html;
}

/** The box at the top: one sentence in the colour of its level, and what belongs to it. */
export function verdictBox(level: Level, label: string, what: string, more: Markup): Markup {
  return html`<section id="verdict" class="verdict ${level}" aria-label="${label}" aria-live="polite"><p class="what"><span aria-hidden="true">${SIGNS[level]}</span> ${what}.</p>${more}</section>`;
}

export interface Column<Row> {
  readonly title: string;
  /** Class of its cells. */
  readonly kind?: string;
  readonly cell: (row: Row) => Part;
  /** The cell of the name of the row. */
  readonly isName?: boolean;
}

/**
 * A table that a narrow screen shows as a list: each cell carries its title for that. The roles are written out because a browser forgets
 * them where a table is drawn as anything else.
 */
export function table<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  return atOnce(tableInSteps(caption, columns, rows));
}

/** The same, with a pause after each row. */
export function* tableInSteps<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Generator<void, Markup, void> {
  const heads = columns.map(({ title }) => html`<th role="columnheader" scope="col">${title}</th>`);
  const line = (row: Row): Markup =>
    html`<tr role="row">${columns.map(({ title, kind = '', cell, isName = false }) =>
      isName
        ? html`<th role="rowheader" scope="row" class="${kind}" data-title="${title}">${cell(row)}</th>`
        : html`<td role="cell" class="${kind}" data-title="${title}">${cell(row)}</td>`,
    )}</tr>`;
  const lines: Markup[] = [];
  for (const row of rows) {
    lines.push(html`${line(row)}\n`);
    yield;
  }
  return html`<table role="table" aria-label="${caption}"><thead role="rowgroup"><tr role="row">${heads}</tr></thead><tbody role="rowgroup">
${lines}</tbody></table>`;
}

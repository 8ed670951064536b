import { visible } from '../../lib/index.ts';
import type { Verdict } from '../findings.ts';
import { SCRIPT, STYLE } from './assets.ts';

/** Escaped HTML. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

type Part = Markup | string | number | bigint | readonly Part[];

/** Builds HTML; every value is escaped, invisible characters too, unless it is Markup itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += render(part) + (strings[index + 1] ?? '');
  return { html: text };
}

function render(part: Part): string {
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(render).join('');
  return visible(String(part)).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** A text with what is between backticks as code. */
export function withCode(text: string): Markup {
  return html`${text.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? html`<code>${part.slice(1, -1)}</code>` : part))}`;
}

/** How a page is coloured; neutral is neither good nor bad. */
export type Tone = Verdict | 'neutral';

/** In the title, so that a browser tab shows the state, and in the verdict, for readers who do not see colours. */
const SIGNS: Readonly<Record<Tone, string>> = { ok: '✓', warning: '!', critical: '✗', neutral: '–' };

interface Layout {
  readonly level: Tone;
  /** Whether it never changes, and is not loaded again. */
  readonly isStatic?: boolean;
  /** Seconds after which a browser without scripts loads it again; 5 by default. */
  readonly reloadSeconds?: number;
  readonly title: string;
  readonly header: Markup;
  readonly main: Markup;
  readonly footer: Markup;
}

/** A complete document. The script updates `#live`; without scripts the browser reloads the document. */
export function layout({ level, title, isStatic = false, reloadSeconds = 5, header, main, footer }: Layout): string {
  const reload = isStatic
    ? html``
    : html`
<noscript><meta http-equiv="refresh" content="${reloadSeconds}"></noscript>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>${isStatic ? '' : `${SIGNS[level]} `}${title} · dzd-telemetry</title>${reload}<style>${{ html: STYLE }}</style></head><body>
<p id="stale" role="alert" hidden></p>
<div id="live">
<header>${header}</header>
<main>
${main}
</main>
<footer class="dim">${footer}</footer>
</div>${isStatic ? '' : html`<script>${{ html: SCRIPT }}</script>`}</body></html>
`.html;
}

/** The box at the top: one sentence in the colour of its level, and details. */
export function verdictBox(level: Tone, label: string, what: string, more: Markup): Markup {
  return html`<section id="verdict" class="verdict ${level}" aria-label="${label}" aria-live="polite"><p class="what"><span aria-hidden="true">${SIGNS[level]}</span> ${what}.</p>${more}</section>`;
}

export interface Column<Row> {
  readonly title: string;
  /** CSS class of its cells. */
  readonly kind?: string;
  /** Whether a narrow screen shows its title with each cell. */
  readonly isTitled?: boolean;
  readonly cell: (row: Row) => Part;
  /** Whether its cells are the row headers. */
  readonly isName?: boolean;
}

/**
 * A table that a narrow screen shows as a list, for which cells carry their titles. The roles are explicit because a browser drops them when
 * CSS displays a table as something else.
 */
export function table<Row>(caption: string, columns: readonly Column<Row>[], rows: readonly Row[]): Markup {
  const heads = columns.map(({ title }) => html`<th role="columnheader" scope="col">${title}</th>`);
  const line = (row: Row): Markup =>
    html`<tr role="row">${columns.map(({ title, kind, isTitled = false, cell, isName = false }) => {
      const more = html`${kind === undefined ? '' : html` class="${kind}"`}${isTitled ? html` data-title="${title}"` : ''}`;
      return isName ? html`<th role="rowheader" scope="row"${more}>${cell(row)}</th>` : html`<td role="cell"${more}>${cell(row)}</td>`;
    })}</tr>
`;
  return html`<table role="table" aria-label="${caption}"><thead role="rowgroup"><tr role="row">${heads}</tr></thead><tbody role="rowgroup">
${rows.map(line)}</tbody></table>`;
}

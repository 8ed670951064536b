import { atOnce } from '../../../lib/index.ts';
import { html, type Markup, type Part } from './markup.ts';

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

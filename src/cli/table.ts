import { printable } from '../observability/index.ts';
import type { CommandIo, Output } from './command.ts';

/** SGR codes of the colors that tables use. */
const SGR = { good: 32, bad: 31, warn: 33, dim: 2, title: 1 } as const;
export type Tone = keyof typeof SGR;

/** Whether an output gets colors: a terminal does. `FORCE_COLOR` and `NO_COLOR` (no-color.org) decide first, in this order, as in Node.js. */
export function usesColor({ isTerminal }: Pick<Output, 'isTerminal'>, environment: CommandIo['environment']): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no = '', TERM } = environment;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return no === '' && isTerminal && TERM !== 'dumb';
}

export function paint(text: string, tone: Tone | undefined, color: boolean): string {
  return color && tone !== undefined && text !== '' ? `\u001b[${SGR[tone]}m${text}\u001b[0m` : text;
}

/** The text of a cell, and what its color says. */
export type Cell = string | readonly [text: string, tone: Tone | undefined];

interface TableStyle {
  /** Width of the terminal, which the lines fit. Absent: each column is as wide as its widest cell. */
  readonly columns?: number | undefined;
  readonly color?: boolean;
  /** Titles of columns to leave out where the others do not fit otherwise, the first one first. */
  readonly drop?: readonly string[];
}

const GAP = '  ';
/** Wider columns, those of keys and texts, are cut to fit, down to `NARROWEST`; the others are shown whole. */
const SHOWN_WHOLE = 16;
const NARROWEST = 8;

/**
 * Rows as lines, the first row as titles. On a narrow terminal long columns are cut, then some are left out, then lines are cut; `…` marks each cut.
 * Pure.
 */
export function tableLines(
  rows: readonly (readonly Cell[])[],
  { columns = Number.POSITIVE_INFINITY, color = false, drop = [] }: TableStyle = {},
): readonly string[] {
  const cells = rows.map((row, line) =>
    row.map((cell) => {
      const [text, tone] = typeof cell === 'string' ? [cell, line === 0 ? ('title' as const) : undefined] : cell;
      return { text: printable(text), tone };
    }),
  );
  const titles = (cells[0] ?? []).map(({ text }) => text);
  const natural = titles.map((_, at) => Math.max(...cells.map((row) => row[at]?.text.length ?? 0)));
  const least = natural.map((width) => (width > SHOWN_WHOLE ? NARROWEST : width));
  let kept = titles.map((_, at) => at);
  for (const title of drop) {
    if (lineWidth(kept.map((at) => least[at] ?? 0)) <= columns) break;
    kept = kept.filter((at) => titles[at] !== title);
  }
  const widths = kept.map((at) => natural[at] ?? 0);
  for (let over = lineWidth(widths) - columns; over > 0; over -= 1) {
    const slack = widths.map((width, index) => (width > (least[kept[index] ?? 0] ?? 0) ? width : 0));
    const widest = Math.max(...slack);
    if (widest === 0) break;
    widths[slack.indexOf(widest)] = widest - 1;
  }
  return cells.map((row) =>
    lineOf(
      kept.map((at) => row[at] ?? { text: '', tone: undefined }),
      widths,
      columns,
      color,
    ),
  );
}

function lineOf(
  row: readonly { readonly text: string; readonly tone: Tone | undefined }[],
  widths: readonly number[],
  columns: number,
  color: boolean,
): string {
  const last = row.findLastIndex(({ text }) => text !== '');
  let room = columns;
  let line = '';
  for (const [at, { text, tone }] of row.slice(0, last + 1).entries()) {
    const width = Math.min(widths[at] ?? 0, room);
    const shown = cut(text, width);
    line += paint(shown, tone, color) + (at === last ? '' : ' '.repeat(Math.max(0, width - shown.length)) + GAP);
    room -= width + GAP.length;
    if (room <= 0 && at < last) return `${line.trimEnd()}`;
  }
  return line;
}

const lineWidth = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));

/** At most `width` characters, the last one `…` where some are left out. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${text.slice(0, width - 1)}…`;
}

/** One line of CSV (RFC 4180, but with a line feed alone); null is an empty field. */
export function csvLine(values: readonly (string | number | bigint | null)[]): string {
  const fields = values.map((value) => {
    const text = value === null ? '' : printable(String(value));
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${fields.join(',')}\n`;
}

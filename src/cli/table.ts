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
  /** Width of the terminal; cells are cut to fit it. Absent: each column is as wide as its widest cell. */
  readonly columns?: number | undefined;
  readonly color?: boolean;
}

const GAP = '  ';
/** A column is not cut below this, as long as the line fits. */
const NARROWEST = 8;

/** Rows as lines, the first row as titles. Where the lines are wider than the terminal, the widest column is cut first; `…` marks each cut. Pure. */
export function tableLines(rows: readonly (readonly Cell[])[], { columns, color = false }: TableStyle = {}): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? ([cell, undefined] as const) : cell)));
  const texts = cells.map((row) => row.map(([text]) => printable(text)));
  const widths = (texts[0] ?? []).map((_, at) => Math.max(...texts.map((row) => row[at]?.length ?? 0)));
  for (let over = lineWidth(widths) - (columns ?? Number.POSITIVE_INFINITY); over > 0; over -= 1) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.lastIndexOf(widest)] = widest - 1;
  }
  return texts.map((row, line) => {
    let room = columns ?? Number.POSITIVE_INFINITY;
    let drawn = '';
    for (const [at, text] of row.entries()) {
      const gap = at === 0 ? '' : GAP;
      const fitting = cut(text, Math.min(widths[at] ?? 0, room - gap.length));
      if (fitting === '' && text !== '') break;
      const isLast = row.slice(at + 1).every((rest) => rest === '');
      const tone = line === 0 ? 'title' : cells[line]?.[at]?.[1];
      drawn += `${gap}${paint(fitting, tone, color)}${isLast ? '' : ' '.repeat(Math.max(0, Math.min(widths[at] ?? 0, room) - fitting.length))}`;
      room -= gap.length + (widths[at] ?? 0);
      if (isLast) break;
    }
    return drawn;
  });
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

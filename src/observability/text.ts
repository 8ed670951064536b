import type { HoldReason, UnobservedReason } from '../bgp/index.ts';
import { visible } from '../lib/index.ts';

/** One line without control or invisible characters: text from a switch or an endpoint must not move the cursor or start a new line. */
export function printable(text: string): string {
  return visible(text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`));
}

/** SGR codes of the colors that tables use. */
const SGR = { good: 32, bad: 31, warn: 33, dim: 2, title: 1 } as const;
export type Tone = keyof typeof SGR;

/** Whether an output gets colors: a terminal does. `FORCE_COLOR` and `NO_COLOR` (no-color.org) decide first, in this order, as in Node.js. */
export function usesColor(
  { isTerminal }: { readonly isTerminal: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no = '', TERM } = environment;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return no === '' && isTerminal && TERM !== 'dumb';
}

/** Width and colors of a table on this stream. */
export function tableStyle(
  stream: { readonly isTerminal: boolean; readonly columns: number | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): { readonly columns: number | undefined; readonly color: boolean } {
  return { columns: stream.isTerminal ? stream.columns : undefined, color: usesColor(stream, environment) };
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
/** A date and time. Wider columns, those of keys and texts, are cut to fit, down to `NARROWEST`; the others are shown whole. */
const SHOWN_WHOLE = 19;
const NARROWEST = 8;

/**
 * Rows as lines, the first row as titles. On a narrow terminal long columns are cut, then some are left out, then lines are cut; `…` marks each cut.
 * Pure.
 */
export function tableLines(rows: readonly (readonly Cell[])[], style: TableStyle = {}): readonly string[] {
  const texts = rows.map((row) => row.map((cell) => printable(typeof cell === 'string' ? cell : cell[0])));
  const widths = (texts[0] ?? []).map((_, at) => Math.max(...texts.map((row) => row[at]?.length ?? 0)));
  const draw = lineDrawer(texts[0] ?? [], widths, style);
  return rows.map((row, line) => draw(row, line === 0));
}

/** Draws rows one by one, for tables whose later rows are not known yet: each column has the width that it may need. */
export function lineDrawer(
  titles: readonly string[],
  natural: readonly number[],
  { columns = Number.POSITIVE_INFINITY, color = false, drop = [] }: TableStyle = {},
): (row: readonly Cell[], isTitle?: boolean) => string {
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
  return (row, isTitle = false) => {
    const cells = kept.map((at) => {
      const cell = row[at] ?? '';
      const [text, tone] = typeof cell === 'string' ? [cell, isTitle ? ('title' as const) : undefined] : cell;
      return { text: printable(text), tone };
    });
    return lineOf(cells, widths, columns, color);
  };
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
    const shown = Number.isFinite(columns) ? cut(text, width) : text;
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

/**
 * One line of CSV (RFC 4180, but with a line feed alone); null is an empty field. A text that a spreadsheet would take for a formula begins with an
 * apostrophe, because other parties choose the codes on the ledger.
 */
export function csvLine(values: readonly (string | number | bigint | null)[]): string {
  const fields = values.map((value) => {
    const shown = value === null ? '' : printable(String(value));
    const text = typeof value === 'string' && /^[=+@-]./.test(shown) ? `'${shown}` : shown;
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${fields.join(',')}\n`;
}

/** `1 user`, `2 users`; `2 access passes` where the plural is given. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

/** `one user`, `2 users`, within a sentence. */
export const userCount = (number: number): string => (number === 1 ? 'one user' : `${number} users`);

/** A length of time for people: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number | null): string {
  if (ms === null) return '–';
  // Negative where the host's clock was moved back.
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A round-trip time. */
export function rttText(ns: bigint): string {
  return ns === 0n ? '–' : `${(Number(ns) / 1e6).toFixed(2)} ms`;
}

/** Four decimals, and nine where four would show 0. */
export function sol(lamports: bigint): string {
  const places = lamports > 0n && lamports < 50_000n ? 9 : 4;
  return `${(Number(lamports) / 1e9).toFixed(places)} SOL`;
}

export function shortKey(key: string): string {
  return key.length > 14 ? `${key.slice(0, 6)}…${key.slice(-4)}` : key;
}

export function clockTime(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)}`;
}

/** What the spending limits allow, in words. These are also label values that dashboards and alerts name. */
export const ALLOWANCE_TEXT = { all: 'everything', 'changes-only': 'changes', none: 'nothing' } as const;

/** The remedy if the switch's own neighbor table shows more than the agent can. */
export const COMPARE_VRFS = 'compare `show ip bgp summary vrf all` on the switch';

/** Why a user is neither up nor down, by the reason's name. */
export const UNOBSERVED_REASON_TEXT: Readonly<Record<UnobservedReason, string>> = {
  'switch-not-read': 'the switch could not be read',
  'vrf-not-collected': 'its VRF could not be read',
  'no-neighbors-at-all': 'the switch reports no BGP neighbor at all',
  'tunnel-net-invalid': 'its tunnel_net on the ledger is not a /31',
  'tunnel-net-shared': 'another user has the same tunnel_net',
  'neighbor-of-another-user': 'its address is configured for another user on the switch',
  'state-unrecognized': 'the switch reports a BGP state that RFC 4271 does not define',
  'mass-down-unconfirmed': 'most sessions read down at once, and a second poll did not confirm it',
};

const WAIT_REASON_TEXT: Readonly<Record<Exclude<HoldReason, UnobservedReason>, string>> = {
  'down-unconfirmed': 'down for less than policy.downGrace (default 6s)',
  'connect-grace': 'new, and within policy.connectGrace (default 60s)',
  'not-activated': 'the account is not activated',
  'write-interval': 'written less than policy.minWriteInterval (default 10s) ago; the newest status waits',
  damped: 'suppressed by flap damping; the newest status waits',
  contested: 'another process writes a different status; the newest status waits',
};

/** Why the agent writes no status for a user now, by the reason's name. */
export const HOLD_REASON_TEXT: Readonly<Record<string, string>> = { ...UNOBSERVED_REASON_TEXT, ...WAIT_REASON_TEXT };

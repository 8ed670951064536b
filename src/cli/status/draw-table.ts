import { milliseconds, printable, span } from '../../observability/index.ts';
import { USER_STATES, type UserRow } from './user-rows.ts';

type Column = readonly [title: string, cell: (row: UserRow, key: (pubkey: string) => string) => string];

const DEVICE: Column = ['DEVICE', ({ deviceCode, device }, key) => deviceCode ?? key(device)];
const COLUMNS: readonly Column[] = [
  ['USER', ({ user }, key) => key(user)],
  ['TUNNEL', ({ tunnelId, tunnelNet }) => `${tunnelId} ${tunnelNet}`],
  ['CLIENT IP', ({ clientIp }) => clientIp],
  ['ACCOUNT', ({ accountStatus }) => accountStatus],
  ['STATE', ({ state }) => state],
  ['LAST UP', ({ state, lastUpMs }) => (state === 'connected' ? 'now' : ago(lastUpMs))],
  ['REPORTED', ({ ageMs }) => ago(ageMs)],
  ['RTT', ({ rttNs }) => milliseconds(rttNs)],
];

/** NaN is an age that could not be measured. */
function ago(ms: number | null): string {
  if (ms === null) return 'never';
  return Number.isNaN(ms) ? 'unknown' : `${span(ms)} ago`;
}

export interface TableOptions {
  readonly withDevice: boolean;
  /** Characters of a line of the terminal; where the table is wider, keys are shortened. Absent where it is no terminal. */
  readonly columns?: number | undefined;
  /** A screen that is drawn again and again: what is beyond it is cut off, and told. Absent: everything is shown. */
  readonly screen?: { readonly columns: number; readonly rows: number } | undefined;
}

/** Of a screen: the titles, an empty line, the counts, a problem of two lines below them, and where the cursor is. */
const LINES_BESIDE_ROWS = 6;

/** The rows as a table, each column as wide as it must be, and a line that counts them. Pure. */
export function drawTable(rows: readonly UserRow[], { withDevice, columns: wide, screen }: TableOptions): string {
  const room = screen === undefined ? rows.length : Math.max(1, screen.rows - LINES_BESIDE_ROWS);
  // One row less makes room for the line that tells of the others.
  const shown = rows.length <= room ? rows : rows.slice(0, room - 1);
  const whole = linesOf(shown, withDevice, (key) => key);
  const isTooWide = wide !== undefined && whole.some(({ length }) => length > wide);
  const drawn = isTooWide ? linesOf(shown, withDevice, shortened) : whole;
  const cut = screen === undefined ? drawn : drawn.map((line) => line.slice(0, screen.columns));
  const lines =
    shown.length === rows.length ? cut : [...cut, `… and ${rows.length - shown.length} more: ${countsOf(rows.slice(shown.length))}`];
  const total = `${rows.length} ${rows.length === 1 ? 'user' : 'users'}`;
  const tail = rows.length === 0 ? total : `${total}: ${countsOf(rows)}`;
  return `${[...lines, '', tail].join('\n')}\n`;
}

function countsOf(rows: readonly UserRow[]): string {
  return USER_STATES.map((state) => [state, rows.filter((row) => row.state === state).length] as const)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `${number} ${state}`)
    .join(', ');
}

function linesOf(rows: readonly UserRow[], withDevice: boolean, key: (pubkey: string) => string): readonly string[] {
  const columns = withDevice ? [DEVICE, ...COLUMNS] : COLUMNS;
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => printable(cell(row, key))))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  return cells.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Enough to tell users apart; the tunnel and the client address stand beside it, and `explain` takes either. */
const shortened = (key: string): string => `${key.slice(0, 8)}…`;

import { milliseconds, printable, span } from '../../observability/index.ts';
import { USER_STATES, type UserRow } from './user-rows.ts';

type Column = readonly [title: string, cell: (row: UserRow) => string];

const DEVICE: Column = ['DEVICE', ({ deviceCode, device }) => deviceCode ?? device];
const COLUMNS: readonly Column[] = [
  ['USER', ({ user }) => user],
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

/** The rows as a table, each column as wide as it must be, and a line that counts them. Pure. */
export function drawTable(rows: readonly UserRow[], { withDevice }: { readonly withDevice: boolean }): string {
  const columns = withDevice ? [DEVICE, ...COLUMNS] : COLUMNS;
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => printable(cell(row))))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const counts = USER_STATES.map((state) => [state, rows.filter((row) => row.state === state).length] as const).filter(([, n]) => n > 0);
  const total = `${rows.length} ${rows.length === 1 ? 'user' : 'users'}`;
  const tail = counts.length === 0 ? total : `${total}: ${counts.map(([state, n]) => `${n} ${state}`).join(', ')}`;
  return `${[...lines, '', tail].join('\n')}\n`;
}

import type { DemoBoard, DemoRow } from './demo-board.ts';

export interface DemoScreenOptions {
  readonly board: DemoBoard;
  /** The newest lines of the agent's log and the world's events. */
  readonly news: () => readonly string[];
  readonly columns: number;
  readonly rows: number;
  readonly elapsedMs: number;
}

const CLEAR = '\u001b[H\u001b[J';
const NEWS_LINES = 8;
const TITLES: readonly (readonly [title: string, width: number, cell: (row: DemoRow) => string])[] = [
  ['USER', 10, ({ user }) => `${user.slice(0, 8)}…`],
  ['TUNNEL', 22, ({ tunnel }) => tunnel],
  ['VRF', 8, ({ vrf }) => vrf],
  ['SWITCH SAYS', 14, ({ switchSays }) => switchSays],
  ['LEDGER SAYS', 12, ({ ledgerSays }) => ledgerSays],
  ['RTT MS', 8, ({ rttMs }) => rttMs],
  ['LAST TRANSACTION', 20, ({ lastTransaction }) => (lastTransaction.length > 19 ? `${lastTransaction.slice(0, 18)}…` : lastTransaction)],
];

/** One picture of the demo, as text for a terminal; the caller clears the screen by what `liveFrame` puts before it. */
export function drawDemo({ board, news, columns, rows, elapsedMs }: DemoScreenOptions): string {
  const { users, up, down } = board.counts();
  const head = `dzd-telemetry demo  ${seconds(elapsedMs)}   users ${users}: ${up} up, ${down} down   transactions ${board.transactions}   writes ${board.writesLanded}   ledger behind the truth for ${board.mismatches().length}`;
  const lines = board.rows().map((row) => TITLES.map(([, width, cell]) => cell(row).padEnd(width)).join(' '));
  const room = Math.max(3, rows - NEWS_LINES - 5);
  const shown = lines.length > room ? [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`] : lines;
  const body = [head, '', TITLES.map(([title, width]) => title.padEnd(width)).join(' '), ...shown, '', ...news().slice(-NEWS_LINES)];
  return `${body.map((line) => line.trimEnd().slice(0, columns)).join('\n')}\n`;
}

export function liveFrame(options: DemoScreenOptions): string {
  return `${CLEAR}${drawDemo(options)}`;
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1_000)}s`;
}

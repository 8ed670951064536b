import { jsonLine } from './logger.ts';
import { lineDrawer, printable } from './text.ts';

/** An intended write, as `--dry-run` prints it. */
export interface IntentEvent {
  readonly event: 'intent';
  /** Accounts in base58. */
  readonly user: string;
  readonly device: string;
  /** The user's /31, `a.b.c.d/31`. */
  readonly tunnelNet: string;
  /** Where the session was seen; null for a user without a neighbor on the switch. */
  readonly vrf: string | null;
  readonly peer: string | null;
  readonly from: string;
  readonly to: string;
  readonly reason: 'change' | 'refresh' | 'ride-along';
  readonly rttNs: bigint;
  /** The data of the instruction, in hex. */
  readonly instruction: string;
}

/** Where a command's output goes. */
export interface EventSink<Event extends { readonly event: string }> {
  emit(event: Event): void;
}

interface EventSinkOptions {
  readonly output: 'json' | 'table';
  /** Takes whole lines; standard output in the agent. */
  readonly destination: { write(text: string): unknown };
  /** Width of the terminal, which tables fit. */
  readonly columns?: number | undefined;
}

/**
 * One JSON object a line for programs, or tables for people: one row an intent, one `name value` line a
 * field of everything else.
 */
export function createEventSink<Event extends { readonly event: string }>({
  output,
  destination,
  columns,
}: EventSinkOptions): EventSink<Event> {
  if (output === 'json') return { emit: (event) => void destination.write(jsonLine(event)) };
  const titles = INTENT_COLUMNS.map(({ title }) => title);
  const draw = lineDrawer(
    titles,
    INTENT_COLUMNS.map(({ width }) => width),
    { columns, drop: ['RTT', 'TUNNEL NET', 'REASON'] },
  );
  let headed = false;
  return {
    emit(event) {
      if (event.event !== 'intent') {
        headed = false;
        destination.write(listing({ ...event }));
        return;
      }
      if (!headed) destination.write(`${draw(titles)}\n`);
      headed = true;
      const fields: Fields = { ...event };
      destination.write(`${draw(INTENT_COLUMNS.map(({ cell }) => cell(fields)))}\n`);
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

interface Column {
  readonly title: string;
  readonly width: number;
  readonly cell: (event: Fields) => string;
}

/** Fixed widths: a row is printed at once, before later rows could widen its column. */
const INTENT_COLUMNS: readonly Column[] = [
  { title: 'USER', width: 44, cell: ({ user }) => text(user) },
  { title: 'TUNNEL NET', width: 18, cell: ({ tunnelNet }) => text(tunnelNet) },
  { title: 'VRF', width: 10, cell: ({ vrf }) => text(vrf) },
  { title: 'PEER', width: 15, cell: ({ peer }) => text(peer) },
  { title: 'CHANGE', width: 15, cell: ({ from, to }) => (from === to ? `stays ${text(to)}` : `${text(from)} → ${text(to)}`) },
  { title: 'REASON', width: 10, cell: ({ reason }) => text(reason) },
  { title: 'RTT', width: 10, cell: ({ rttNs }) => milliseconds(rttNs) },
];

function listing({ event, ...fields }: Fields): string {
  const entries = Object.entries(fields);
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return [text(event), ...entries.map(([name, value]) => `  ${name.padEnd(width)}  ${text(value)}`), ''].join('\n');
}

const text = (value: unknown): string => {
  if (value === null || value === undefined) return '-';
  return printable(typeof value === 'object' ? jsonLine(value).trimEnd() : String(value));
};

function milliseconds(ns: unknown): string {
  return typeof ns === 'bigint' && ns > 0n ? `${(Number(ns) / 1e6).toFixed(2)} ms` : '-';
}

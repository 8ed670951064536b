import { AgentError, describeError, systemClock } from '../lib/index.ts';
import { jsonLine, milliseconds, printable, span } from '../observability/index.ts';
import { createLedgerRpc, type LedgerRpc, openEndpoints, readNetworkUsers, type SingleEndpoint } from '../rpc/index.ts';
import {
  AccountDataError,
  type Address,
  type Device,
  decodeDevice,
  ipv4ToNumber,
  isIpv4,
  type Slot,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen } from './command.ts';
import type { SortField, StatusOptions } from './options.ts';
import { USER_STATES, type UserRow, type UserState, userRows } from './user-rows.ts';

/** The rows in these states, sorted; equal rows are sorted by device and tunnel. Pure. */
export function arrangeRows(rows: readonly UserRow[], sort: SortField, filter?: readonly UserState[]): readonly UserRow[] {
  const kept = filter === undefined ? [...rows] : rows.filter(({ state }) => filter.includes(state));
  return kept.sort((a, b) => BY[sort](a, b) || byDevice(a, b) || a.tunnelId - b.tunnelId || byText(a.user, b.user));
}

type Order = (a: UserRow, b: UserRow) => number;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byDevice: Order = (a, b) => byText(a.deviceCode ?? a.device, b.deviceCode ?? b.device);
const byNumber = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
/** Worst first: the longest round trip, the oldest record, users without a record before all. */
const BY: Readonly<Record<SortField, Order>> = {
  state: (a, b) => USER_STATES.indexOf(a.state) - USER_STATES.indexOf(b.state),
  user: (a, b) => byText(a.user, b.user),
  device: byDevice,
  tunnel: (a, b) => a.tunnelId - b.tunnelId,
  'client-ip': (a, b) => byNumber(addressNumber(a.clientIp), addressNumber(b.clientIp)),
  rtt: (a, b) => byNumber(Number(b.rttNs), Number(a.rttNs)),
  age: (a, b) => byNumber(ageOf(b), ageOf(a)),
};

/** An age that could not be measured sorts like a missing one. */
function ageOf({ ageMs }: UserRow): number {
  return ageMs === null || Number.isNaN(ageMs) ? Number.POSITIVE_INFINITY : ageMs;
}

function addressNumber(text: string): number {
  return isIpv4(text) ? ipv4ToNumber(text) : 0;
}

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

interface TableOptions {
  readonly withDevice: boolean;
  /** Width of the terminal; a wider table shortens its keys. Absent without a terminal. */
  readonly columns?: number | undefined;
  /** A screen that is redrawn: the table is cut to it and counts the rest. Absent: everything is shown. */
  readonly screen?: { readonly columns: number; readonly rows: number } | undefined;
}

/** The titles, an empty line, the counts, a problem of two lines below them, and the line of the cursor. */
const LINES_WITHOUT_ROWS = 6;

/** The rows as a table, each column as wide as it must be, and a line that counts them. Pure. */
export function drawTable(rows: readonly UserRow[], { withDevice, columns: wide, screen }: TableOptions): string {
  const room = screen === undefined ? rows.length : Math.max(1, screen.rows - LINES_WITHOUT_ROWS);
  // One row less leaves a line for the count of the others.
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

/** Enough to distinguish users; `explain` also takes the tunnel or the client address. */
const shortened = (key: string): string => `${key.slice(0, 8)}…`;

interface UsersReading {
  readonly slot: Slot;
  readonly rows: readonly UserRow[];
}

interface UsersQuery {
  readonly rpc: Pick<LedgerRpc, 'accounts' | 'recentSlotTimeMs'>;
  readonly endpoints: readonly SingleEndpoint[];
  readonly programId: Address;
  /** Absent: the users of every device. */
  readonly device?: Address;
  readonly staleAfterMs: number;
}

/**
 * Reads users, their devices and the slot time. Throws AgentError `LEDGER__…`: LEDGER__DEVICE_UNKNOWN for a named device that does not exist.
 */
async function readUserRows({ rpc, endpoints, programId, device, staleAfterMs }: UsersQuery, signal: AbortSignal): Promise<UsersReading> {
  const [{ slot, users }, slotTimeMs] = await Promise.all([
    readNetworkUsers({ endpoints, programId, device }, signal),
    rpc.recentSlotTimeMs(signal),
  ]);
  const wanted = device === undefined ? [...new Set([...users.values()].map(({ user }) => user.devicePk))] : [device];
  const devices = new Map<Address, Device>();
  const { accounts } = wanted.length === 0 ? { accounts: [] } : await rpc.accounts(wanted, signal);
  for (const [index, account] of accounts.entries()) {
    const address = wanted[index];
    if (address === undefined || account === null || account.owner !== programId) continue;
    try {
      devices.set(address, decodeDevice(account.data));
    } catch (error) {
      if (!(error instanceof AccountDataError)) throw error;
    }
  }
  if (device !== undefined && !devices.has(device)) throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
  // Without a measured slot time no age is known: NaN makes every record stale.
  const freshness = { slot, slotTimeMs: slotTimeMs ?? Number.NaN, staleAfterMs };
  return { slot, rows: userRows({ users, devices, freshness }) };
}

const CLEAR = '\u001b[H\u001b[J';

/** `dzd-telemetry status`: the ledger alone, read once or until a signal. */
export const statusBody: CommandBody<StatusOptions> = async (options, io) => {
  const { all, watchMs, staleAfterMs } = options;
  // --all needs no device, and the configuration requires one.
  const settings = all ? { ...options.settings, device: ZERO_ADDRESS } : options.settings;
  const { config } = loadChosen({ ...options, settings }, io);
  const { rpcUrls, programId, requestTimeout } = config.ledger;
  const clock = systemClock;
  const rpc = createLedgerRpc({ urls: rpcUrls, programId, random: Math.random, clock, requestTimeoutMs: requestTimeout });
  const endpoints = openEndpoints({ urls: rpcUrls, clock, timeoutMs: requestTimeout });
  const query = { rpc, endpoints, programId, staleAfterMs, device: all ? undefined : config.device };
  const read = (): Promise<UsersReading> => readUserRows(query, io.signal);
  try {
    show(await read(), options, io);
    let reported: string | undefined;
    while (watchMs !== undefined) {
      await clock.sleep(watchMs, io.signal);
      try {
        show(await read(), options, io);
        reported = undefined;
      } catch (error) {
        io.signal.throwIfAborted();
        // Print a problem once, and show the ledger again when it recovers.
        const problem = describeError(error);
        if (problem !== reported) io.stderr.write(`dzd-telemetry: ${problem}; keeping the last reading, retrying\n`);
        reported = problem;
      }
    }
    return 0 satisfies ExitCode;
  } finally {
    await Promise.all([rpc.close(), ...endpoints.map((endpoint) => endpoint.close())]);
  }
};

function show({ slot, rows }: UsersReading, { all, sort, filter, output, watchMs }: StatusOptions, { stdout }: CommandIo): void {
  const arranged = arrangeRows(rows, sort, filter);
  if (output === 'table') {
    const columns = stdout.isTerminal ? stdout.columns : undefined;
    const isScreen = watchMs !== undefined && columns !== undefined;
    const screen = isScreen ? { columns, rows: process.stdout.rows ?? 24 } : undefined;
    stdout.write(`${isScreen ? CLEAR : ''}${drawTable(arranged, { withDevice: all, columns, screen })}`);
    return;
  }
  for (const row of arranged) stdout.write(jsonLine(row));
  const counts = Object.fromEntries(USER_STATES.map((state) => [state, arranged.filter((row) => row.state === state).length]));
  stdout.write(jsonLine({ event: 'summary', slot, users: arranged.length, ...counts }));
}

import type { AgentConfig } from '../config/index.ts';
import { AgentError, type Clock, describeError, type EpochMs, systemClock } from '../lib/index.ts';
import {
  type Cell,
  count,
  csvLine,
  jsonLine,
  paint,
  printable,
  rttText,
  span,
  type Tone,
  tableLines,
  tableStyle,
} from '../observability/index.ts';
import { decodeOwned, type LedgerRpc, readDeviceAuthority, readNetworkUsers, type SingleEndpoint } from '../rpc/index.ts';
import {
  type AccessPass,
  type Address,
  accessPassAddress,
  decodeAccessPass,
  decodeDevice,
  decodeTenant,
  ipv4FromNumber,
  ipv4ToNumber,
  isIpv4,
  type Slot,
  type User,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import { askRunningAgent } from './agent-status.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen } from './command.ts';
import { learnBlockTimes, openLedger, readLedgerTime, slotTimes } from './ledger.ts';
import type { SortField, StatusOptions } from './options.ts';
import { type ExtraColumn, selectRows, silentDevices, USER_STATES, type UserRow, type UserState, userRows } from './user-rows.ts';

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

type Column = readonly [title: string, cell: (row: UserRow) => Cell];

const TONES: Readonly<Record<UserState, Tone>> = {
  connected: 'good',
  down: 'bad',
  stale: 'warn',
  'never-connected': 'bad',
  unreported: 'warn',
  'not-in-service': 'dim',
  'device-unknown': 'warn',
};

const DEVICE: Column = ['DEVICE', ({ deviceCode, device }) => deviceCode ?? device];
const COLUMNS: readonly Column[] = [
  ['USER', ({ user }) => user],
  ['TUNNEL', ({ tunnelId, tunnelNet }) => `${tunnelId} ${tunnelNet}`],
  ['CLIENT IP', ({ clientIp }) => clientIp],
  ['ACCOUNT', ({ accountStatus }) => accountStatus],
  ['STATE', ({ state }) => [state, TONES[state]]],
  ['LAST UP', ({ lastUpMs }) => ago(lastUpMs)],
  ['REPORTED', ({ ageMs }) => ago(ageMs)],
  ['RTT', ({ rttNs }) => rttText(rttNs)],
];
const EXTRA: Readonly<Record<ExtraColumn, Column>> = {
  tenant: ['TENANT', ({ tenant }) => tenant ?? '–'],
  'dz-ip': ['DZ IP', ({ dzIp }) => dzIp ?? '–'],
  'access-pass': ['ACCESS PASS', ({ accessPass }) => (accessPass == null ? '–' : passText(accessPass))],
};

function passText({ kind, status, lastAccessEpoch }: NonNullable<UserRow['accessPass']>): string {
  return `${kind}, ${status}, ${lastAccessEpoch === null ? 'unlimited' : `until epoch ${lastAccessEpoch}`}`;
}

/** NaN is an age that could not be measured. */
function ago(ms: number | null): string {
  if (ms === null) return 'never';
  return Number.isNaN(ms) ? 'unknown' : `${span(ms)} ago`;
}

interface TableOptions {
  readonly withDevice: boolean;
  readonly extra?: readonly ExtraColumn[];
  /** What a reader has to know; below the table. */
  readonly notes?: readonly string[];
  /** Width of the terminal, which the table fits. Absent without a terminal. */
  readonly columns?: number | undefined;
  readonly color?: boolean;
  /** Lines of a screen that is redrawn: the table is cut to it and counts the rest. Absent: everything is shown. */
  readonly screenRows?: number | undefined;
}

/** The titles, an empty line, the counts, a problem of two lines below them, and the line of the cursor. */
const LINES_WITHOUT_ROWS = 6;

/** The rows as a table, each column as wide as it must be, a line that counts them, and notes. Pure. */
export function drawTable(rows: readonly UserRow[], options: TableOptions): string {
  const { withDevice, extra = [], notes = [], columns: width, color = false, screenRows } = options;
  const noted = notes.map((note) => paint(`note: ${printable(note)}`, 'warn', color));
  const noteLines = notes.reduce((sum, { length }) => sum + Math.ceil((length + 6) / (width ?? Number.POSITIVE_INFINITY)), 0);
  const room = screenRows === undefined ? rows.length : Math.max(1, screenRows - LINES_WITHOUT_ROWS - noteLines);
  // One row less leaves a line for the count of the others.
  const shown = rows.length <= room ? rows : rows.slice(0, room - 1);
  const columns = [...(withDevice ? [DEVICE] : []), ...COLUMNS, ...extra.map((name) => EXTRA[name])];
  const titles = columns.map(([title]) => title);
  const cells = shown.map((row) => columns.map(([, cell]) => cell(row)));
  const drawn = tableLines([titles, ...cells], { columns: width, color, drop: ['ACCOUNT', 'RTT', 'TUNNEL'] });
  const rest = rows.length - shown.length;
  const more = rest === 0 ? [] : [`… and ${rest} more: ${countsOf(rows.slice(shown.length))}`];
  const total = count(rows.length, 'user');
  const tail = rows.length === 0 ? total : `${total}: ${countsOf(rows)}`;
  return `${[...drawn, ...more, '', tail, ...noted].join('\n')}\n`;
}

function countsOf(rows: readonly UserRow[]): string {
  return USER_STATES.map((state) => [state, rows.filter((row) => row.state === state).length] as const)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `${number} ${state}`)
    .join(', ');
}

interface UsersReading {
  readonly slot: Slot;
  readonly rows: readonly UserRow[];
  /** What this reading does not know. */
  readonly notes: readonly string[];
}

interface UsersQuery {
  readonly rpc: Pick<LedgerRpc, 'accounts' | 'recentSlotTimeMs' | 'blockTime'>;
  readonly endpoints: readonly SingleEndpoint[];
  readonly programId: Address;
  readonly clock: Pick<Clock, 'wall'>;
  /** Absent: the users of every device. */
  readonly device?: Address;
  readonly staleAfterMs: number;
  readonly columns: readonly ExtraColumn[];
  /** The block times of the last reading. Each reading replaces them. */
  readonly blockTimes: Map<Slot, EpochMs | undefined>;
}

/**
 * Reads users, their devices and the time of their records. Throws AgentError `LEDGER__…`; for a named device that does not exist or is not a
 * device, as readDeviceAuthority.
 */
async function readUserRows(query: UsersQuery, signal: AbortSignal): Promise<UsersReading> {
  const { rpc, endpoints, programId, clock, device, staleAfterMs, columns, blockTimes } = query;
  const [{ slot, users }, slotTimeMs] = await Promise.all([
    readNetworkUsers({ endpoints, programId, device }, signal),
    rpc.recentSlotTimeMs(signal),
  ]);
  const all = [...users].map(([address, { user }]) => ({ address, user }));
  const time = await readLedgerTime({ rpc, slot, clock }, signal);
  const now = time.behindMs > 0 ? clock.wall() : time.knownUntil;
  // Without a measured slot time no age is known: NaN makes every record stale.
  const reported = all.flatMap(({ user }) => [user.lastBgpReportedAt, user.lastBgpUpAt].filter((at) => at !== 0n));
  // An endpoint without block times is not asked for more of them.
  if (time.blockAt !== undefined) await learnBlockTimes(rpc, reported, blockTimes, signal);
  const known = [...blockTimes].flatMap(([at, ms]) => (ms === undefined ? [] : [[at, ms] as const]));
  const timeOf = slotTimes([...known, [slot, time.blockAt ?? now]], slotTimeMs ?? Number.NaN);

  const read = <T>(addresses: readonly Address[], decode: (data: Uint8Array) => T) =>
    readAccounts(rpc, programId, addresses, decode, signal);
  const devices = await read(device === undefined ? all.map(({ user }) => user.devicePk) : [device], decodeDevice);
  if (device !== undefined && !devices.has(device)) {
    // Throws an error that names what the account is, if it exists.
    await readDeviceAuthority({ rpc, device, programId }, signal);
    throw new AgentError('LEDGER__DEVICE_UNKNOWN', { device });
  }
  const tenants = columns.includes('tenant')
    ? await read(
        all.map(({ user }) => user.tenantPk),
        decodeTenant,
      )
    : new Map();
  const passes = columns.includes('access-pass') ? await readPasses(all, programId, read) : undefined;
  const codes = new Map([...tenants].map(([address, { code }]) => [address, code]));
  const rows = userRows({ users, devices, now, timeOf, staleAfterMs, columns, tenants: codes, passes });
  const untimed = slotTimeMs === undefined ? ['the endpoint reports no slot times, so the age of no record is known'] : [];
  return { slot, rows, notes: [...(time.note === undefined ? [] : [time.note]), ...untimed, ...silentDevices(rows)] };
}

/** The accounts that exist, belong to the program and can be decoded. */
async function readAccounts<T>(
  rpc: Pick<LedgerRpc, 'accounts'>,
  programId: Address,
  addresses: readonly Address[],
  decode: (data: Uint8Array) => T,
  signal: AbortSignal,
): Promise<ReadonlyMap<Address, T>> {
  const wanted = [...new Set(addresses)];
  const found = new Map<Address, T>();
  const { accounts } = wanted.length === 0 ? { accounts: [] } : await rpc.accounts(wanted, signal);
  for (const [index, account] of accounts.entries()) {
    const address = wanted[index];
    const decoded = decodeOwned(account, programId, decode);
    if (address !== undefined && decoded !== undefined) found.set(address, decoded);
  }
  return found;
}

const ANY_CLIENT = ipv4FromNumber(0);

/** The pass of each user: that of its client address, or the payer's pass for any address. */
async function readPasses(
  users: readonly { readonly address: Address; readonly user: User }[],
  programId: Address,
  read: (addresses: readonly Address[], decode: (data: Uint8Array) => AccessPass) => Promise<ReadonlyMap<Address, AccessPass>>,
): Promise<ReadonlyMap<Address, { readonly address: Address; readonly pass: AccessPass }>> {
  const candidates = new Map(
    users.map(({ address, user: { clientIp, owner } }) => [
      address,
      [clientIp, ANY_CLIENT].map((ip) => accessPassAddress(programId, ip, owner).address),
    ]),
  );
  const passes = await read([...candidates.values()].flat(), decodeAccessPass);
  const found = new Map<Address, { readonly address: Address; readonly pass: AccessPass }>();
  for (const [user, addresses] of candidates) {
    for (const address of addresses) {
      const pass = passes.get(address);
      if (pass !== undefined && !found.has(user)) found.set(user, { address, pass });
    }
  }
  return found;
}

const CLEAR = '\u001b[H\u001b[J';

/** What the agent of this configuration finds wrong with itself, where it runs on this host: its statuses may not be on the ledger. */
async function verdictNotes({ http, device }: AgentConfig, signal: AbortSignal): Promise<readonly string[]> {
  const asked = await askRunningAgent(http, device, signal);
  if (asked.kind === 'answered')
    return (asked.status.findings ?? []).map(({ severity, text, remedy }) => `the running agent reports (${severity}): ${text}; ${remedy}`);
  if (asked.kind === 'none') return [];
  return [asked.kind === 'unasked' ? asked.problem : `${asked.problem}; if the agent listens there, it hangs and writes nothing`];
}

/** `dzd-telemetry status`: the ledger, read once or until a signal, and the verdict of an agent that runs here. */
export const statusBody: CommandBody<StatusOptions> = async (options, io) => {
  const { all, watchMs, staleAfterMs } = options;
  // --all needs no device, and the configuration requires one.
  const settings = all ? { ...options.settings, device: ZERO_ADDRESS } : options.settings;
  const { config } = loadChosen({ ...options, settings }, io);
  const { programId } = config.ledger;
  const clock = systemClock;
  const { rpc, endpoints, close } = openLedger(config.ledger);
  const device = all ? undefined : config.device;
  const query = { rpc, endpoints, programId, clock, staleAfterMs, device, columns: options.columns, blockTimes: new Map() };
  const read = async (): Promise<UsersReading> => {
    const [reading, verdict] = await Promise.all([readUserRows(query, io.signal), all ? [] : verdictNotes(config, io.signal)]);
    return { ...reading, notes: [...verdict, ...reading.notes] };
  };
  try {
    show(await read(), options, io, true);
    let reported: string | undefined;
    while (watchMs !== undefined) {
      await clock.sleep(watchMs, io.signal);
      try {
        show(await read(), options, io, false);
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
    await close();
  }
};

type Field = readonly [name: string, value: (row: UserRow) => string | number | bigint | null];

/** An age that could not be measured is empty, as in JSON. */
const measured = (ms: number | null): number | null => (Number.isNaN(ms ?? 0) ? null : ms);
/** Named as in JSON. */
const CSV: readonly Field[] = [
  ...(
    ['user', 'device', 'deviceCode', 'tunnelId', 'tunnelNet', 'clientIp', 'userType', 'accountStatus', 'state', 'ledgerStatus'] as const
  ).map((name): Field => [name, (row) => row[name]]),
  ['ageMs', ({ ageMs }) => measured(ageMs)],
  ['lastUpMs', ({ lastUpMs }) => measured(lastUpMs)],
  ...(['reportedAtSlot', 'lastUpAtSlot', 'rttNs'] as const).map((name): Field => [name, (row) => row[name]]),
];
const EXTRA_CSV: Readonly<Record<ExtraColumn, readonly Field[]>> = {
  tenant: [['tenant', ({ tenant }) => tenant ?? null]],
  'dz-ip': [['dzIp', ({ dzIp }) => dzIp ?? null]],
  'access-pass': [
    ['accessPass', ({ accessPass }) => accessPass?.address ?? null],
    ['accessPassKind', ({ accessPass }) => accessPass?.kind ?? null],
    ['accessPassStatus', ({ accessPass }) => accessPass?.status ?? null],
    ['accessPassUserPayer', ({ accessPass }) => accessPass?.userPayer ?? null],
    ['accessPassLastEpoch', ({ accessPass }) => accessPass?.lastAccessEpoch ?? null],
  ],
};

function show(
  { slot, rows, notes: known }: UsersReading,
  options: StatusOptions,
  { stdout, stderr, environment }: CommandIo,
  isFirst: boolean,
): void {
  const { all, sort, filter, output, watchMs, columns: extra } = options;
  const { selected, undecided } = selectRows(rows, options);
  const arranged = arrangeRows(selected, sort, filter);
  const notes =
    undecided.length === 0
      ? known
      : [...known, `${count(undecided.length, 'user is', 'users are')} not judged, without a fresh report: ${countsOf(undecided)}`];
  if (output === 'table') {
    const { columns, color } = tableStyle(stdout, environment);
    const isScreen = watchMs !== undefined && columns !== undefined;
    const screenRows = isScreen ? (process.stdout.rows ?? 24) : undefined;
    stdout.write(`${isScreen ? CLEAR : ''}${drawTable(arranged, { withDevice: all, extra, notes, columns, color, screenRows })}`);
    return;
  }
  if (output === 'csv') {
    const fields = [...CSV, ...extra.flatMap((name) => EXTRA_CSV[name])];
    const lines = arranged.map((row) => fields.map(([, value]) => value(row)));
    const titles = isFirst ? [fields.map(([name]) => name)] : [];
    stdout.write([...titles, ...lines].map(csvLine).join(''));
    for (const note of notes) stderr.write(`note: ${note}\n`);
    return;
  }
  for (const row of arranged) stdout.write(jsonLine(row));
  const counts = Object.fromEntries(USER_STATES.map((state) => [state, arranged.filter((row) => row.state === state).length]));
  stdout.write(jsonLine({ event: 'summary', slot, users: arranged.length, ...counts, undecided: undecided.length, notes }));
}

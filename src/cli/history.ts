import PQueue from 'p-queue';
import type { AgentConfig } from '../config/index.ts';
import { AgentError, backoffDelays, type Clock, type EpochMs, epochMs, isAgentError, systemClock } from '../lib/index.ts';
import { type Cell, count, csvLine, jsonLine, rttText, span, type Tone, tableLines, tableStyle } from '../observability/index.ts';
import { type ExecutedInstruction, instructionsOf, isKeyAddress } from '../publisher/index.ts';
import {
  type AccountInfo,
  decodeOwned,
  type LedgerRpcClient,
  type ListedTransaction,
  readDeviceAuthority,
  readNetworkUsers,
} from '../rpc/index.ts';
import {
  type Address,
  decodeSetUserBgpStatus,
  decodeUser,
  type Slot,
  SYSTEM_PROGRAM_ID,
  type User,
  UserType,
  userAddress,
  ZERO_ADDRESS,
} from '../serviceability/index.ts';
import { Rfc11Instruction } from '../serviceability/rfc11/index.ts';
import { type CommandBody, type CommandIo, type ExitCode, loadChosen } from './command.ts';
import { type Availability, availabilityOf, foldTimeline, type LedgerEvent, PERIOD_REASONS, type Period } from './history-timeline.ts';
import { blockTimeOf, type LedgerTime, openLedger, readLedgerTime } from './ledger.ts';
import type { HistoryOptions } from './options.ts';

/**
 * `dzd-telemetry history`: the past of one user, or of all users of a device, from the ledger's transactions. No agent is needed.
 *
 *   getSignaturesForAddress of each user ──► the transactions, each one once ──► SetUserBGPStatus ──► periods ──► availability
 */
export const historyBody: CommandBody<HistoryOptions> = async (options, io) => {
  // Without a user the configuration names the device; a user needs none.
  const settings = options.wanted === undefined ? options.settings : { ...options.settings, device: ZERO_ADDRESS };
  const { config } = loadChosen({ ...options, settings }, io);
  const { programId, requestsPerSecond } = config.ledger;
  const clock = systemClock;
  const ledger = openLedger(config.ledger, { requestsPerSecond, callTimeoutMs: CALL_MS });
  const { rpc } = ledger;
  try {
    const patience = new Patience(clock, io.signal);
    const reader = new HistoryReader({ rpc, clock, programId, patience, progress: progressOn(io), signal: io.signal });
    const subjects = await patience.run(() => subjectsOf(options, config, ledger, io.signal));
    print(await reader.read(subjects, windowOf(options, config)), options, io);
    return 0 satisfies ExitCode;
  } finally {
    await ledger.close();
  }
};

/** All pages of one user are one call. */
const CALL_MS = 180_000;
/** How much later than its interval a refresh may come: it waits for the next poll, its transaction and retries. */
const REFRESH_MARGIN_MS = 15 * 60_000;

function windowOf({ sinceMs, validForMs }: HistoryOptions, { policy }: AgentConfig) {
  return { sinceMs, validForMs: validForMs ?? policy.refreshInterval + REFRESH_MARGIN_MS };
}

/** One user to read; without an account it was deleted, or never was. */
interface Subject {
  readonly address: Address;
  readonly user: User | undefined;
}

interface Subjects {
  readonly slot: Slot;
  readonly users: readonly Subject[];
}

/** Throws AgentError `LEDGER__NO_HISTORY`, `LEDGER__NOT_A_USER`, as readDeviceAuthority, or as the RPC does. */
async function subjectsOf(
  { wanted, text }: HistoryOptions,
  { device, ledger: { programId } }: AgentConfig,
  { rpc, endpoints }: ReturnType<typeof openLedger>,
  signal: AbortSignal,
): Promise<Subjects> {
  if (wanted === undefined) {
    const { slot, users } = await readNetworkUsers({ endpoints, programId, device }, signal);
    if (users.size === 0) await readDeviceAuthority({ rpc, device, programId }, signal);
    const found = [...users].map(([address, { user }]) => ({ address, user }));
    return { slot, users: found.sort((a, b) => a.user.tunnelId - b.user.tunnelId) };
  }
  // A client address leads to one account a type, whether or not it exists now.
  const addresses =
    wanted.by === 'pubkey' ? [wanted.user] : Object.values(UserType).map((type) => userAddress(programId, wanted.clientIp, type).address);
  const { slot, accounts } = await rpc.accounts(addresses, signal);
  const all = addresses.map((address, at) => ({ address, user: readUser(address, accounts[at], programId) }));
  const existing = all.filter(({ user }) => user !== undefined);
  if (existing.length > 0) return { slot, users: existing };
  const traces = await Promise.all(all.map(({ address }) => rpc.transactionsOf(address, epochMs(0), signal)));
  const former = all.filter((_, at) => (traces[at]?.listed.length ?? 0) > 0);
  if (former.length === 0) throw new AgentError('LEDGER__NO_HISTORY', { wanted: text ?? '' });
  return { slot, users: former };
}

/**
 * Undefined for a deleted user: its address has no account, or only lamports that it received since. Throws AgentError `LEDGER__NOT_A_USER` for any
 * other account, and for a key: their transactions are not the history of a user.
 */
function readUser(account: Address, info: AccountInfo | null | undefined, programId: Address): User | undefined {
  const isFree = info == null || (info.owner === SYSTEM_PROGRAM_ID && info.data.length === 0);
  if (isFree && !isKeyAddress(account)) return undefined;
  const user = decodeOwned(info, programId, decodeUser);
  if (user !== undefined) return user;
  const other = info?.owner === programId ? 'it is another account of the program, or malformed' : `it belongs to ${info?.owner}`;
  throw new AgentError('LEDGER__NOT_A_USER', { account, problem: isFree ? 'it is a public key, such as that of an owner' : other });
}

interface UserHistory extends Subject, Availability {
  readonly periods: readonly Period[];
  readonly lastReport: LedgerEvent | undefined;
  /** Why the timeline may lack something; undefined if nothing is known to be missing. */
  readonly gap: string | undefined;
}

interface HistoryReading {
  readonly slot: Slot;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly validForMs: number;
  readonly users: readonly UserHistory[];
  readonly transactions: number;
  readonly notes: readonly string[];
}

interface ReaderOptions {
  readonly rpc: LedgerRpcClient;
  readonly clock: Clock;
  readonly programId: Address;
  readonly patience: Patience;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A week of 4,096 users that are refreshed every hour, twenty a transaction, is 34,000. */
const MOST_TRANSACTIONS = 50_000;
/** Requests at the same time. */
const CONCURRENCY = 8;
const FIRST_MS = 10_000;
const NO_PROGRESS_MS = 60_000;
/** Errors that pass: the endpoint is asked again after a pause. */
const PASSING: ReadonlySet<string> = new Set([
  'LEDGER__RATE_LIMITED',
  'LEDGER__UNAVAILABLE',
  'LEDGER__TIMEOUT',
  'LEDGER__UNREACHABLE',
  'LEDGER__NOT_YET',
  'LEDGER__BUSY',
  'LEDGER__NO_ENDPOINT',
  'LEDGER__LAGGING',
]);

class HistoryReader {
  readonly #options: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Throws AgentError `LEDGER__…` for what cannot be read: a history with holes would be wrong without a sign of it. */
  async read(
    { slot, users }: Subjects,
    { sinceMs, validForMs }: { readonly sinceMs: number; readonly validForMs: number },
  ): Promise<HistoryReading> {
    const { rpc, clock, progress, patience, signal } = this.#options;
    const time = await readLedgerTime({ rpc, slot, clock }, signal);
    const slotTimeMs = await patience.run(() => rpc.recentSlotTimeMs(signal));
    const untilMs = time.behindMs > 0 ? clock.wall() : time.knownUntil;
    const fromMs = untilMs - sinceMs;
    // What was reported shortly before the window stands at its beginning.
    const readFrom = epochMs(fromMs - validForMs);
    const timeOf = (transaction: ListedTransaction): EpochMs =>
      transaction.at ?? estimatedTime(transaction, { slot, at: time.blockAt ?? untilMs }, slotTimeMs);
    const lists = await this.#listAll(users, readFrom);
    const wanted = lists.map(({ listed }) => listed.filter((each) => !each.failed && timeOf(each) >= readFrom));
    const transactions = [...new Set(wanted.flat())];
    if (transactions.length > MOST_TRANSACTIONS)
      throw new AgentError('LEDGER__HISTORY_TOO_LONG', { address: `these ${users.length} users`, most: MOST_TRANSACTIONS });
    const subjects = new Set(users.map(({ address }) => address));
    const events = new Map<string, ReadonlyMap<Address, readonly LedgerEvent[]>>();
    await this.#inParallel(transactions, 'transactions', async (each) => {
      events.set(each.signature, await this.#eventsOf(each, timeOf(each), subjects));
    });
    progress.end();

    const historyFromMs = lists.some(({ isWhole }) => isWhole) ? await this.#historyFrom(time) : readFrom;
    const histories = users.map((subject, at): UserHistory => {
      const own = (wanted[at] ?? []).toReversed().flatMap(({ signature }) => events.get(signature)?.get(subject.address) ?? []);
      const list = lists[at];
      const oldest = list?.listed.at(-1);
      const from = list?.isWhole !== true ? readFrom : (historyFromMs ?? (oldest === undefined ? untilMs : timeOf(oldest)));
      const periods = foldTimeline(own, {
        fromMs,
        untilMs,
        validForMs,
        knownUntilMs: time.knownUntil,
        historyFromMs: from,
        existsNow: subject.user !== undefined,
      });
      const lastReport = own.findLast(({ kind }) => kind === 'report');
      return { ...subject, ...availabilityOf(periods), periods, lastReport, gap: missing(subject, own, slot) };
    });
    const untimed = transactions.filter(({ at }) => at === undefined).length;
    const notes = [time.note, ...notesOf(histories, historyFromMs ?? untilMs, untimed)].filter((note) => note !== undefined);
    return { slot, fromMs, untilMs, validForMs, users: histories, transactions: transactions.length, notes };
  }

  /** The transactions of each user. Users of one batch share transactions, so the list keeps each one once. */
  async #listAll(users: readonly Subject[], from: EpochMs) {
    const { rpc, signal } = this.#options;
    const known = new Map<string, ListedTransaction>();
    const shared = (each: ListedTransaction): ListedTransaction => {
      const found = known.get(each.signature) ?? each;
      if (known.size <= MOST_TRANSACTIONS) known.set(each.signature, found);
      return found;
    };
    return this.#inParallel(users, 'users', async ({ address }) => {
      const { listed, isWhole } = await rpc.transactionsOf(address, from, signal);
      return { listed: listed.map(shared), isWhole };
    });
  }

  /** When the endpoint's first block was made; undefined where it does not say. */
  async #historyFrom({ knownUntil }: LedgerTime): Promise<number | undefined> {
    const { rpc, signal } = this.#options;
    try {
      const at = await blockTimeOf(rpc, await rpc.firstAvailableSlot(signal), signal);
      return at === undefined ? undefined : Math.min(at, knownUntil);
    } catch (error) {
      signal.throwIfAborted();
      if (isAgentError(error)) return undefined;
      throw error;
    }
  }

  async #eventsOf({ signature, slot }: ListedTransaction, at: EpochMs, subjects: ReadonlySet<Address>) {
    const { rpc, programId, signal } = this.#options;
    const stored = await rpc.storedTransaction(signature, signal);
    const events = new Map<Address, LedgerEvent[]>();
    if (stored.failed) return events;
    for (const instruction of readInstructions(stored, programId, signature)) {
      for (const [user, event] of eventsIn(instruction, { slot, at, signature }, subjects)) {
        const own = events.get(user);
        if (own === undefined) events.set(user, [event]);
        else own.push(event);
      }
    }
    return events;
  }

  /** The results in the order of the items. The first error that does not pass ends the work. */
  async #inParallel<T, R>(items: readonly T[], what: string, work: (item: T) => Promise<R>): Promise<readonly R[]> {
    const { progress, patience, signal } = this.#options;
    const queue = new PQueue({ concurrency: CONCURRENCY });
    const results: R[] = [];
    let done = 0;
    progress.show(0, items.length, what);
    try {
      await Promise.all(
        items.map((item, at) =>
          queue.add(async () => {
            signal.throwIfAborted();
            results[at] = await patience.run(() => work(item));
            done += 1;
            progress.show(done, items.length, what);
          }),
        ),
      );
    } finally {
      queue.clear();
      progress.end();
    }
    return results;
  }
}

/**
 * Repeats work that fails for a reason that passes. It gives up when nothing at all has succeeded for a minute, and before the first success after
 * ten seconds: one busy endpoint fails many requests at once, and serves them a moment later.
 */
class Patience {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #until: number;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#until = clock.monotonic() + FIRST_MS;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const delays = backoffDelays({ baseMs: 500, maxMs: 4_000, random: Math.random });
    for (;;) {
      try {
        const result = await work();
        this.#until = this.#clock.monotonic() + NO_PROGRESS_MS;
        return result;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!isAgentError(error) || !PASSING.has(error.code) || this.#clock.monotonic() > this.#until) throw error;
        await this.#clock.sleep(delays.next().value, this.#signal);
      }
    }
  }
}

/** The time of a transaction without a block time, by its distance in slots from a slot whose time is known. */
function estimatedTime(
  { slot, signature }: ListedTransaction,
  known: { readonly slot: Slot; readonly at: number },
  slotTimeMs: number | undefined,
): EpochMs {
  if (slotTimeMs !== undefined) return epochMs(known.at - Number(known.slot - slot) * slotTimeMs);
  const problem = `transaction ${signature} has no block time, and the endpoint reports no slot times`;
  throw new AgentError('LEDGER__BAD_ANSWER', { endpoint: 'in use', method: 'getSignaturesForAddress', problem });
}

/** The limits of the histories, for the operator. */
function notesOf(histories: readonly UserHistory[], historyFromMs: number, untimed: number): readonly (string | undefined)[] {
  const isCutOff = histories.some(({ periods }) => periods.some(({ reason }) => reason === 'before-history'));
  return [
    isCutOff
      ? `the history of this endpoint begins at ${iso(historyFromMs)}; add an endpoint with a longer history to ledger.rpcUrls`
      : undefined,
    untimed === 0 ? undefined : `${untimed} transactions have no block time: their times are estimates from the current slot time`,
    ...histories.map(({ gap }) => gap),
  ];
}

/** A transaction that cannot be read would be a hole. */
function readInstructions(
  stored: Parameters<typeof instructionsOf>[0],
  programId: Address,
  signature: string,
): readonly ExecutedInstruction[] {
  try {
    return instructionsOf(stored, programId);
  } catch (error) {
    const problem = `transaction ${signature} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new AgentError('LEDGER__BAD_ANSWER', { endpoint: 'in use', method: 'getTransaction', problem }, { cause: error });
  }
}

/** The first byte of instructions that create or delete a user: CreateUser and CreateSubscribeUser, DeleteUser and CloseAccountUser, and those of RFC-11. */
const CREATES: ReadonlySet<number | undefined> = new Set([36, 59, Rfc11Instruction.CreateAndActivateUser]);
const DELETES: ReadonlySet<number | undefined> = new Set([42, 43, Rfc11Instruction.DeleteUser, Rfc11Instruction.SweepExpiredUsers]);

function eventsIn(
  { accounts, data }: ExecutedInstruction,
  landed: Pick<LedgerEvent, 'slot' | 'at' | 'signature'>,
  subjects: ReadonlySet<Address>,
): readonly (readonly [user: Address, event: LedgerEvent])[] {
  const report = decodeSetUserBgpStatus(data);
  if (report !== undefined) {
    const [user, device, writer] = accounts;
    if (user === undefined || device === undefined || writer === undefined || !subjects.has(user)) return [];
    return [[user, { kind: 'report', ...landed, ...report, device, writer }]];
  }
  const kind = CREATES.has(data[0]) ? 'created' : DELETES.has(data[0]) ? 'deleted' : undefined;
  if (kind === undefined) return [];
  return accounts.filter((account) => subjects.has(account)).map((user) => [user, { kind, ...landed }]);
}

/** Compares the account, read at `slot`, with its transactions: what does not fit shows that the endpoint's list lacks some. */
function missing({ address, user }: Subject, events: readonly LedgerEvent[], slot: Slot): string | undefined {
  const last = events.findLast((event) => event.slot <= slot);
  const report = events.findLast((event) => event.kind === 'report' && event.slot <= slot);
  if (last === undefined || report === undefined) return undefined;
  if (user === undefined) {
    return last.kind === 'deleted'
      ? undefined
      : `${address}: it is not on the ledger, and no transaction that deleted it is known since slot ${last.slot}`;
  }
  const { lastBgpReportedAt: reportedAt } = user;
  if (reportedAt > report.slot && reportedAt <= slot)
    return `${address}: its record is of slot ${reportedAt}, but the endpoint lists no report after slot ${report.slot}: its history is incomplete`;
  if (reportedAt < report.slot && last === report)
    return `${address}: its record is of slot ${reportedAt}, older than its report of slot ${report.slot}: the account was created anew by an unknown transaction`;
  return undefined;
}

interface Progress {
  show(done: number, of: number, what: string): void;
  end(): void;
}

const BAR = 24;

/** A bar on standard error, if that is a terminal. */
function progressOn({ stderr }: Pick<CommandIo, 'stderr'>): Progress {
  if (!stderr.isTerminal) return { show: () => undefined, end: () => undefined };
  let last = '';
  return {
    show(done, of, what) {
      const full = of === 0 ? BAR : Math.floor((done / of) * BAR);
      const text = `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${done} of ${of} ${what}`.slice(0, (stderr.columns ?? 80) - 1);
      if (text !== last) stderr.write(`\r\u001b[K${text}`);
      last = text;
    },
    end() {
      if (last !== '') stderr.write('\r\u001b[K');
      last = '';
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');
/** For people: UTC, to the second. */
const utc = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

const TONES: Readonly<Record<Period['status'], Tone>> = { up: 'good', down: 'bad', unknown: 'warn', absent: 'dim' };

/** A share as it is: 100 % and 0 % only where they are exact. */
function percent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const share = (100 * part) / whole;
  return `${part === 0 || part === whole ? share : Math.min(99.99, Math.max(0.01, share)).toFixed(2)} %`;
}

const countedMs = ({ upMs, downMs, unknownMs }: Availability): number => upMs + downMs + unknownMs;

function print(reading: HistoryReading, { output, wanted }: HistoryOptions, io: CommandIo): void {
  const { stdout, stderr } = io;
  if (output === 'json') printJson(reading, stdout);
  else if (output === 'csv') printCsv(reading, wanted !== undefined, stdout);
  else printTables(reading, wanted !== undefined, io);
  if (output !== 'json') for (const note of reading.notes) (output === 'csv' ? stderr : stdout).write(`note: ${note}\n`);
}

/** A column of CSV, which is a key of JSON as well. */
type Column<Row> = readonly [name: string, value: (row: Row) => string | number | bigint | null];

const PERIOD: readonly Column<Period & { readonly user: Address }>[] = [
  ['user', ({ user }) => user],
  ['from', ({ fromMs }) => iso(fromMs)],
  ['until', ({ untilMs }) => iso(untilMs)],
  ['status', ({ status }) => status],
  ['reason', ({ reason }) => reason],
  ['slot', ({ first }) => first?.slot ?? null],
  ['rttNs', ({ first }) => (first?.kind === 'report' ? first.rttNs : null)],
  ['reports', ({ reports }) => reports],
  ['device', ({ first }) => (first?.kind === 'report' ? first.device : null)],
  ['writer', ({ first }) => (first?.kind === 'report' ? first.writer : null)],
  ['signature', ({ first }) => first?.signature ?? null],
];

const AVAILABILITY: readonly Column<UserHistory & Pick<HistoryReading, 'fromMs' | 'untilMs'>>[] = [
  ['user', ({ address }) => address],
  ['clientIp', ({ user }) => user?.clientIp ?? null],
  ['from', ({ fromMs }) => iso(fromMs)],
  ['until', ({ untilMs }) => iso(untilMs)],
  ['upMs', ({ upMs }) => upMs],
  ['downMs', ({ downMs }) => downMs],
  ['unknownMs', ({ unknownMs }) => unknownMs],
  ['flaps', ({ flaps }) => flaps],
  ['longestOutageMs', ({ longestOutage }) => longestOutage?.ms ?? null],
  ['longestOutageFrom', ({ longestOutage }) => (longestOutage === null ? null : iso(longestOutage.fromMs))],
  ['lastReportAt', ({ lastReport }) => (lastReport === undefined ? null : iso(lastReport.at))],
  ['incomplete', ({ gap }) => gap ?? null],
];

function printJson({ users, slot, transactions, fromMs, untilMs, validForMs, notes }: HistoryReading, stdout: CommandIo['stdout']): void {
  const print = <Row>(event: string, columns: readonly Column<Row>[], row: Row): void => {
    stdout.write(jsonLine({ event, ...Object.fromEntries(columns.map(([name, value]) => [name, value(row)])) }));
  };
  for (const history of users) {
    for (const period of history.periods) print('period', PERIOD, { ...period, user: history.address });
    print('availability', AVAILABILITY, { ...history, fromMs, untilMs });
  }
  const counts = { users: users.length, transactions, from: iso(fromMs), until: iso(untilMs), validForMs };
  stdout.write(jsonLine({ event: 'summary', slot, ...counts, notes }));
}

/** Periods of one user, or the availability of all. */
function printCsv({ users, fromMs, untilMs }: HistoryReading, isOne: boolean, stdout: CommandIo['stdout']): void {
  const print = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void => {
    stdout.write(csvLine(columns.map(([name]) => name)));
    for (const row of rows) stdout.write(csvLine(columns.map(([, value]) => value(row))));
  };
  if (isOne)
    print(
      PERIOD,
      users.flatMap(({ address, periods }) => periods.map((period) => ({ ...period, user: address }))),
    );
  else
    print(
      AVAILABILITY,
      users.map((history) => ({ ...history, fromMs, untilMs })),
    );
}

function printTables(reading: HistoryReading, isOne: boolean, { stdout, environment }: CommandIo): void {
  const { users, fromMs, untilMs, validForMs } = reading;
  const style = { ...tableStyle(stdout, environment), drop: ['REPORTS', 'RTT', 'FLAPS', 'CLIENT IP'] };
  const draw = (titles: readonly string[], rows: readonly (readonly Cell[])[]): void =>
    stdout.write(`${tableLines([titles, ...rows], style).join('\n')}\n`);
  if (isOne) {
    for (const history of users) {
      stdout.write(`${titleOf(history)}\n`);
      draw(['FROM (UTC)', 'FOR', 'STATUS', 'SLOT', 'RTT', 'REPORTS', 'WRITER'], history.periods.map(periodCells));
      stdout.write(`\n${sentenceOf(history, untilMs - fromMs)}\n`);
    }
  } else {
    draw(['USER', 'CLIENT IP', 'UP', 'DOWN', 'UNKNOWN', 'FLAPS', 'OUTAGE', 'LAST REPORT (UTC)'], users.map(availabilityCells));
    stdout.write(
      `\n${count(users.length, 'user')} since ${utc(fromMs)} UTC; shares are of the time with an account, OUTAGE is the longest one\n`,
    );
  }
  stdout.write(`A report stands for ${span(validForMs)}, then the status is unknown.\n`);
}

function titleOf({ address, user }: UserHistory): string {
  if (user === undefined) return `${address}, which is not on the ledger now`;
  return `${address}\nclient ${user.clientIp}, tunnel ${user.tunnelId}\ndevice ${user.devicePk}`;
}

function periodCells({ status, reason, fromMs, untilMs, first, reports }: Period): readonly Cell[] {
  const report = first?.kind === 'report' ? first : undefined;
  return [
    utc(fromMs),
    span(untilMs - fromMs),
    [status, TONES[status]],
    String(first?.slot ?? '–'),
    report === undefined ? '–' : rttText(report.rttNs),
    reports === 0 ? '–' : String(reports),
    reason === null ? (report?.writer ?? '–') : PERIOD_REASONS[reason],
  ];
}

function sentenceOf(history: UserHistory, windowMs: number): string {
  const { upMs, downMs, unknownMs, flaps, longestOutage } = history;
  const whole = countedMs(history);
  const shares = `up ${percent(upMs, whole)}, down ${percent(downMs, whole)}, unknown ${percent(unknownMs, whole)}`;
  const outage = longestOutage === null ? 'no outage' : `longest outage ${span(longestOutage.ms)}, from ${utc(longestOutage.fromMs)}`;
  const absent = windowMs - whole < 1_000 ? '' : `, of the ${span(whole)} with an account`;
  return `last ${span(windowMs)}: ${shares}${absent}; ${count(flaps, 'flap')}; ${outage}`;
}

function availabilityCells(history: UserHistory): readonly Cell[] {
  const { address, user, upMs, downMs, unknownMs, flaps, longestOutage, lastReport } = history;
  const whole = countedMs(history);
  return [
    address,
    user?.clientIp ?? '–',
    percent(upMs, whole),
    [percent(downMs, whole), downMs > 0 ? 'bad' : undefined],
    [percent(unknownMs, whole), unknownMs > 0 ? 'warn' : undefined],
    String(flaps),
    longestOutage === null ? '–' : span(longestOutage.ms),
    lastReport === undefined ? '–' : utc(lastReport.at),
  ];
}

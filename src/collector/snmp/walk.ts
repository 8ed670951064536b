import { isIPv4 } from 'node:net';
import PQueue from 'p-queue';
import type { VrfName, VrfReading } from '../../bgp/index.ts';
import type { EpochMs } from '../../lib/index.ts';
import { compareOids, type Oid, type SnmpValue, type VarBind } from './message.ts';
import { ARISTA_MIB, BGP_LOCAL_AS, BGP4_MIB, type CellName, neighborOf, type PeerColumn, type PeerMib, type PeerRow } from './mibs.ts';
import { SnmpProblem, type SnmpSession } from './session.ts';

interface ColumnWalkOptions {
  readonly session: SnmpSession;
  readonly columns: readonly Oid[];
  readonly rowsPerAnswer: number;
  readonly now: () => EpochMs;
}

/** A cell of the walk. */
interface WalkedCell {
  /** Position in `columns`. */
  readonly column: number;
  /** What follows the column's name: the row's index. */
  readonly index: Oid;
  readonly value: SnmpValue;
  readonly readAt: EpochMs;
}

/** One column's place in its walk. */
interface Cursor {
  readonly column: number;
  readonly root: Oid;
  at: Oid;
  done: boolean;
}

/**
 * Reads columns side by side, by GETBULK:
 *
 *   ask (.2.<last> .9.<last> .15.<last> .16.<last>) ──► row, row, row, … ──► ask from the last row on ──► … ──► every column left
 *
 * so that a row's cells are of one moment, and 4,000 rows take 350 answers. Each column keeps its own place, because agents may end an answer in
 * the middle of a row, and tables have holes. Resolves with the number of answers; rejects with an SnmpProblem where the answers break the
 * rules, with an error of `onCell` (by which the caller bounds the table), or as the session does.
 */
async function walkColumns(
  { session, columns, rowsPerAnswer, now }: ColumnWalkOptions,
  onCell: (cell: WalkedCell) => void,
  signal: AbortSignal,
): Promise<number> {
  let answers = 0;
  const cursors = columns.map((root, column): Cursor => ({ column, root, at: root, done: false }));
  for (let open = cursors; open.length > 0; open = open.filter(({ done }) => !done)) {
    const varbinds = await session.request({ kind: 'get-bulk', oids: open.map(({ at }) => at), maxRepetitions: rowsPerAnswer }, signal);
    answers += 1;
    if (varbinds.length < open.length) throw new SnmpProblem('SNMP__INCOMPLETE', 'an answer without a value for every column asked for');
    if (varbinds.length > open.length * rowsPerAnswer)
      throw new SnmpProblem('SNMP__INCOMPLETE', 'an answer with more values than were asked for');
    const readAt = now();
    for (const [position, varbind] of varbinds.entries()) {
      const cursor = open[position % open.length];
      if (cursor === undefined || !advance(cursor, varbind)) continue;
      onCell({ column: cursor.column, index: varbind.oid.slice(cursor.root.length), value: varbind.value, readAt });
    }
  }
  return answers;
}

/** Moves the cursor over the varbind; false when its column has ended. */
function advance(cursor: Cursor, { oid, value }: VarBind): boolean {
  if (value.kind === 'exception') {
    // GETNEXT and GETBULK have this exception only (RFC 3416 section 4.2.2): any other would hide the rows behind it.
    if (value.exception !== 'endOfMibView') throw new SnmpProblem('SNMP__NO_SUCH_INSTANCE', `${value.exception} where a row was asked for`);
    cursor.done = true;
    return false;
  }
  // An agent that steps back or stays would be walked for ever, and one that leaves the column backwards skips its rest.
  if (compareOids(oid, cursor.at) <= 0) throw new SnmpProblem('SNMP__NOT_IN_ORDER', 'rows that are not in order');
  cursor.at = oid;
  const isInColumn = isUnder(oid, cursor.root);
  if (isInColumn && cursor.done) throw new SnmpProblem('SNMP__NOT_IN_ORDER', 'rows behind the end of their column');
  if (!isInColumn) cursor.done = true;
  return isInColumn;
}

function isUnder(oid: Oid, root: Oid): boolean {
  return root.every((part, position) => oid[position] === part);
}

/** SNMPv2-MIB sysUpTime, hundredths of a second since the agent's start. */
const SYS_UP_TIME: Oid = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/** Whether an agent has restarted. The counter wraps after 497 days, which counts as a restart and costs one probe. */
export class RestartWatch {
  #last = 0;

  /** Since the last call; false where the agent does not answer that. Rejects as the session does. */
  async hasRestarted(session: SnmpSession, signal: AbortSignal): Promise<boolean> {
    const [upTime] = await session.request({ kind: 'get', oids: [SYS_UP_TIME] }, signal);
    if (upTime?.value.kind !== 'unsigned') return false;
    const hasRestarted = upTime.value.value < this.#last;
    this.#last = upTime.value.value;
    return hasRestarted;
  }
}

interface TableOptions {
  readonly session: SnmpSession;
  readonly mib: PeerMib;
  /** More rows than this end the walk with an error, since a part of a table does not show the rest. */
  readonly maxRows: number;
  readonly now: () => EpochMs;
  /** Receives the address of every row, also of a table that turns out to be unreadable. */
  readonly seen?: Set<string>;
}

interface Walk {
  /** By address, in the order of their indices. */
  readonly rows: ReadonlyMap<string, PeerRow>;
  /** The number of answers; one answer is of one moment, several may not be. */
  readonly answers: number;
}

interface WalkedRow extends PeerRow {
  readonly cells: Map<CellName, SnmpValue>;
  readAt: EpochMs;
}

/** Walks the wanted columns of the table of neighbors. Rejects as walkColumns does. */
export async function walkPeerTable({ session, mib, maxRows, now, seen }: TableOptions, signal: AbortSignal): Promise<Walk> {
  const rows = new Map<string, WalkedRow>();
  const answers = await walkColumns(
    { session, columns: mib.columns.map(({ oid }) => oid), rowsPerAnswer: mib.rowsPerAnswer, now },
    ({ column, index, value, readAt }) => {
      const cell = mib.columns[column]?.cell;
      if (cell === undefined) return;
      const address = mib.addressOf(index);
      seen?.add(address);
      const row = rows.get(address) ?? { index, address, cells: new Map(), readAt };
      if (compareOids(row.index, index) !== 0) throw new SnmpProblem('SNMP__ROW_TWICE', `${address} in two rows of one table`);
      row.cells.set(cell, value);
      row.readAt = readAt;
      rows.set(address, row);
      if (rows.size > maxRows) throw new SnmpProblem('SNMP__TOO_MANY_ROWS', `more than ${maxRows} neighbors`);
    },
    signal,
  );
  return { rows, answers };
}

/** Twelve rows of three columns: a request and its answer stay in one unfragmented datagram each. */
const ROWS_PER_REQUEST = 12;
/** Unlike a walk's, these requests do not depend on one another. */
const CONCURRENT_REQUESTS = 4;

/** Six rows of six columns, as in a walk. */
const ERRORS_PER_REQUEST = 6;

/** The number of requests for so many known rows and the end behind them. */
const requestsFor = (rows: number): number => Math.ceil((rows + 1) / ROWS_PER_REQUEST);

/**
 * Reads the rows of the last walk by their exact names, several to a request, and only their dynamic columns:
 *
 *   GETNEXT (state.<row 1> transitions.<row 1> time.<row 1> state.<row 2> …) ──► must be exactly row 2, row 3, …, and nothing behind the last
 *
 * GETNEXT and not GET: the answer to the name of one row is the row after it, which shows that this row exists and that no new one lies in
 * between; a GET would miss a new neighbor. Resolves with undefined when the table has other rows; then only a walk can read it, so this
 * never reports a neighbor as gone. `known` is in the order of the indices. Rejects as the session does.
 */
async function readKnownRows(
  { session, mib, now }: TableOptions,
  known: readonly PeerRow[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PeerRow> | undefined> {
  const dynamic = mib.columns.filter(
    ({ isDynamic, cell }) => isDynamic && (cell === 'state' || known.some(({ cells }) => cells.has(cell))),
  );
  if (known.some(({ cells }) => dynamic.some(({ cell }) => !cells.has(cell)))) return undefined;
  // Each step asks for what follows `after`, and expects `row`; the last expects the end.
  const steps = [undefined, ...known].map((before, position) => ({ after: before?.index ?? [], row: known[position] }));
  const requests = Array.from({ length: requestsFor(known.length) }, (_, part) =>
    steps.slice(part * ROWS_PER_REQUEST, (part + 1) * ROWS_PER_REQUEST),
  );

  const queue = new PQueue({ concurrency: CONCURRENT_REQUESTS });
  const readPart = async (part: typeof steps) => {
    const oids = part.flatMap(({ after }) => dynamic.map(({ oid }) => [...oid, ...after]));
    const varbinds = await session.request({ kind: 'get-next', oids }, signal);
    if (varbinds.length !== oids.length) return undefined;
    const readAt = now();
    return part.map(({ row }, step) => {
      const answers = varbinds.slice(step * dynamic.length, (step + 1) * dynamic.length);
      return row === undefined ? isEnd(answers, dynamic) : updated(row, answers, dynamic, readAt);
    });
  };
  const parts = await queue.addAll(requests.map((part) => () => readPart(part)));

  const rows = new Map<string, PeerRow>();
  for (const row of parts.flatMap((part) => part ?? [undefined])) {
    if (row === undefined) return undefined;
    if (row !== 'end') rows.set(row.address, row);
  }
  return rows;
}

/** The row with the answers in its dynamic columns; undefined unless the answers are that row's. */
function updated(
  row: PeerRow,
  answers: readonly VarBind[],
  dynamic: readonly PeerColumn[],
  readAt: PeerRow['readAt'],
): PeerRow | undefined {
  const cells = new Map<CellName, SnmpValue>(row.cells);
  for (const [position, { oid, cell }] of dynamic.entries()) {
    const answer = answers[position];
    if (answer === undefined || answer.value.kind === 'exception' || compareOids(answer.oid, [...oid, ...row.index]) !== 0)
      return undefined;
    cells.set(cell, answer.value);
  }
  return { ...row, cells, readAt };
}

function isEnd(answers: readonly VarBind[], dynamic: readonly PeerColumn[]): 'end' | undefined {
  const over = ({ oid, value }: VarBind, column: Oid | undefined): boolean =>
    value.kind === 'exception' || (column !== undefined && !isUnder(oid, column) && compareOids(oid, column) > 0);
  return answers.every((answer, position) => over(answer, dynamic[position]?.oid)) ? 'end' : undefined;
}

/**
 * Reads one VRF's table. A table that changed while it was read (a neighbor gone from one column and not from another, or gone by the end, as
 * when the switch's BGP restarts) is read once more. Rejects when it changed again, and as walkPeerTable does. So a row that vanished in the
 * middle of a walk never counts as a neighbor that is not configured. The caller checks what an empty table means.
 */
async function readTable(options: TableOptions, signal: AbortSignal): Promise<Walk> {
  const first = await walkPeerTable(options, signal);
  const isStable = await hasBothEnds(first, options, signal);
  if (isStable && gapsOf(first, options.mib) === '') return first;

  const second = await walkPeerTable(options, signal);
  const isStableNow = await hasBothEnds(second, options, signal);
  // The same gap both times is not a change: the agent lacks that cell, and a row without a state is unrecognized.
  const gaps = gapsOf(second, options.mib);
  if (!isStableNow || (gaps !== '' && gaps !== gapsOf(first, options.mib)))
    throw new SnmpProblem('SNMP__UNSTABLE', 'the neighbors changed while they were read, twice in a row');
  return second;
}

/** Whether the agent still has the walk's first and last row. */
async function hasBothEnds({ rows, answers }: Walk, { session, mib }: TableOptions, signal: AbortSignal): Promise<boolean> {
  if (answers === 1) return true;
  const [state] = mib.columns;
  const withState = [...rows.values()].filter(({ cells }) => cells.has('state'));
  const oids = [withState.at(0), withState.at(-1)].flatMap((row) =>
    row === undefined || state === undefined ? [] : [[...state.oid, ...row.index]],
  );
  if (oids.length === 0) return true;
  const varbinds = await session.request({ kind: 'get', oids }, signal);
  return varbinds.length === oids.length && varbinds.every(({ value }) => value.kind !== 'exception');
}

/** The rows that lack a cell that others have, or the state, as text, so that two walks can be compared. */
function gapsOf({ rows }: Walk, { columns }: PeerMib): string {
  const all = [...rows.values()];
  const expected = columns.map(({ cell }) => cell).filter((cell) => cell === 'state' || all.some(({ cells }) => cells.has(cell)));
  const lacking = ({ cells }: PeerRow): string[] => expected.filter((cell) => !cells.has(cell));
  return all
    .filter(({ cells }) => cells.size < expected.length)
    .map((row) => `${row.address} ${lacking(row)}`)
    .sort()
    .join('\n');
}

/** ARISTA-VRF-MIB aristaVrfState; the index is the VRF's name, its length first. */
const ARISTA_VRF_STATE: Oid = [1, 3, 6, 1, 4, 1, 30_065, 3, 18, 1, 1, 1, 4];

/** An EOS switch has 1,024 at most. */
const MAX_VRFS = 1_024;
const ROWS_PER_ANSWER = 24;

/**
 * The VRFs of the switch, `default` first: ARISTA-VRF-MIB lists the others only, and an agent without that MIB has none. Only the default VRF's
 * view has it. Rejects as walkColumns does.
 */
export async function listVrfs(session: SnmpSession, now: () => EpochMs, signal: AbortSignal): Promise<readonly VrfName[]> {
  const vrfs = new Set<VrfName>(['default']);
  await walkColumns(
    { session, columns: [ARISTA_VRF_STATE], rowsPerAnswer: ROWS_PER_ANSWER, now },
    ({ index }) => {
      vrfs.add(nameOf(index));
      if (vrfs.size > MAX_VRFS) throw new SnmpProblem('SNMP__TOO_MANY_ROWS', `more than ${MAX_VRFS} VRFs`);
    },
    signal,
  );
  return [...vrfs];
}

function nameOf([length, ...characters]: Oid): VrfName {
  if (length !== characters.length || length === 0 || !characters.every((code) => code > 0x20 && code < 0x7f))
    throw new SnmpProblem('SNMP__WRONG_INDEX', 'a VRF whose index is not a name');
  return String.fromCharCode(...characters);
}

/** Which MIB is read; `auto` takes ARISTA-BGP4V2-MIB where there is one, else BGP4-MIB. */
export type MibChoice = 'auto' | PeerMib['name'];

type Collected = Extract<VrfReading, { kind: 'collected' }>;

interface VrfReaderOptions {
  readonly source: string;
  readonly mib: MibChoice;
  readonly maxRows: number;
  readonly now: () => EpochMs;
}

interface Memory {
  readonly mib: PeerMib;
  readonly rows: readonly PeerRow[];
  /** The requests of the last walk, with the check of its ends. */
  readonly walkRequests: number;
  readonly pollsSinceWalk: number;
}

/** Only walks read descriptions and AS numbers, which are so at most so many polls old. */
const POLLS_BETWEEN_WALKS = 11;

/** Ages are in whole seconds, and the answer's delay and the agent's cache add to that. */
const CHANGED_AT_TOLERANCE_MS = 3_000;

const MIBS: Readonly<Record<MibChoice, readonly PeerMib[]>> = { auto: [ARISTA_MIB, BGP4_MIB], arista: [ARISTA_MIB], bgp4: [BGP4_MIB] };

/**
 * Reads one VRF, poll after poll, and keeps what saves requests in the next poll.
 *
 *   known rows, where that is cheaper ──► all there, no new one? ──► collected
 *                                              │ else
 *   walk of the MIB that had rows last, then of the others ──► rows ──► collected
 *                                              │ none
 *   bgpLocalAs ──► BGP runs: collected, empty (at the second time, where there were neighbors) · it does not: SNMP__NO_BGP
 *
 * After any failure it forgets: the next poll begins without known rows, as after an agent's restart. A table that cannot be read is never an
 * empty one (rule 3): another table stands in for it only with rows, and only where it has every neighbor that the unreadable one has shown.
 */
export class VrfReader {
  readonly #options: VrfReaderOptions;
  #memory: Memory | undefined;
  #canReadByName = true;
  /** The table when it was last read; undefined once the next poll confirmed that all its neighbors are gone. */
  #last: Pick<Memory, 'mib' | 'rows'> | undefined;
  /** The addresses that this poll has come across. */
  #seen = new Set<string>();
  /**
   * When this poll began. A row is as old as its answer says at the time of that answer; by the end of a walk of many seconds the session may be up
   * again, so the walk's own time never counts as time for which a session was down (rule 10).
   */
  #beganAt: EpochMs | undefined;

  constructor(options: VrfReaderOptions) {
    this.#options = options;
  }

  /** Rejects with SNMP__NO_BGP when the agent answers that this VRF has no BGP; otherwise as readTable does. */
  async read(session: SnmpSession, signal: AbortSignal): Promise<Collected> {
    const known = this.#memory;
    this.#memory = undefined;
    this.#seen = new Set();
    this.#beganAt = this.#options.now();
    const reading =
      (known === undefined ? undefined : await this.#readKnown(known, session, signal)) ?? (await this.#walkAny(known, session, signal));
    if (reading === undefined) {
      this.#requireStillEmpty(await hasBgp(session, signal));
      return this.#collected([], BGP4_MIB);
    }
    this.#last = this.#memory;
    return reading;
  }

  /** Whether it had neighbors, in this poll or when it was last read: then no answer makes it a VRF without BGP at once. */
  get hasShownNeighbors(): boolean {
    return this.#last !== undefined || this.#seen.size > 0;
  }

  /** The last notifications of these neighbors, by address, in the table that the last read used. Rejects as the session does. */
  async lastErrors(session: SnmpSession, addresses: ReadonlySet<string>, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const errors = new Map<string, string>();
    if (this.#memory === undefined) return errors;
    const { mib, rows } = this.#memory;
    const { errorColumns: columns } = mib;
    const asked = rows.filter(({ address }) => addresses.has(address));
    for (let next = 0; next < asked.length; next += ERRORS_PER_REQUEST) {
      const part = asked.slice(next, next + ERRORS_PER_REQUEST);
      const oids = part.flatMap(({ index }) => columns.map((column) => [...column, ...index]));
      const varbinds = await session.request({ kind: 'get', oids }, signal);
      for (const [position, { address }] of part.entries()) {
        const text = mib.errorOf(columns.map((_, column) => varbinds[position * columns.length + column]?.value));
        if (text !== undefined) errors.set(address, text);
      }
    }
    return errors;
  }

  /** Forgets the agent's MIB and rows: it may be another agent by now. */
  forget(): void {
    this.#memory = undefined;
    this.#canReadByName = true;
  }

  async #readKnown(known: Memory, session: SnmpSession, signal: AbortSignal): Promise<Collected | undefined> {
    if (!this.#canReadByName || known.pollsSinceWalk >= POLLS_BETWEEN_WALKS || requestsFor(known.rows.length) >= known.walkRequests)
      return undefined;
    const { maxRows, now } = this.#options;
    const rows = await readKnownRows({ session, mib: known.mib, maxRows, now }, known.rows, signal).catch((error: unknown) => {
      // Agents differ in how many names they accept at once; one that refuses them, or is silent, is walked from now on.
      this.#canReadByName = false;
      signal.throwIfAborted();
      if (error instanceof SnmpProblem && error.code === 'SNMP__UNREACHABLE') throw error;
      return undefined;
    });
    if (rows === undefined) return undefined;
    this.#memory = { ...known, rows: [...rows.values()], pollsSinceWalk: known.pollsSinceWalk + 1 };
    return this.#collected(rows.values(), known.mib);
  }

  /** The first table that has rows; undefined when all of them are there, and empty. */
  async #walkAny(known: Memory | undefined, session: SnmpSession, signal: AbortSignal): Promise<Collected | undefined> {
    const { mib: choice } = this.#options;
    const mibs = MIBS[choice].filter((mib) => mib !== known?.mib);
    let unreadable: SnmpProblem | undefined;
    /** What a table must have to stand in for another one. */
    const expected = (known?.rows ?? []).map(({ address }) => address);
    for (const mib of known === undefined ? mibs : [known.mib, ...mibs]) {
      try {
        const reading = await this.#walk(mib, session, signal);
        if (reading === undefined) continue;
        // BGP4-MIB has no IPv6 neighbors.
        const missing = expected.find((address) => isIPv4(address) && !reading.neighbors.has(address));
        if (mib === known?.mib || missing === undefined) return reading;
        this.#memory = undefined;
        throw (
          unreadable ?? new SnmpProblem('SNMP__NEIGHBORS_GONE', `${missing} is gone with the table that had it; confirmed at the next poll`)
        );
      } catch (error) {
        if (unreadable !== undefined) throw unreadable;
        // Arista does not guarantee the structure of its own MIB; where it is disorderly, the standard one remains.
        if (choice !== 'auto' || mib !== ARISTA_MIB || !(error instanceof SnmpProblem) || !error.isDisorder) throw error;
        unreadable = error;
        expected.push(...this.#seen);
      }
    }
    if (unreadable !== undefined) throw unreadable;
    return undefined;
  }

  async #walk(mib: PeerMib, session: SnmpSession, signal: AbortSignal): Promise<Collected | undefined> {
    const { maxRows, now } = this.#options;
    const { rows, answers } = await readTable({ session, mib, maxRows, now, seen: this.#seen }, signal);
    await this.#requireGone(mib, rows, session, signal);
    if (rows.size === 0) return undefined;
    const reading = this.#collected(rows.values(), mib);
    this.#memory = { mib, rows: [...rows.values()], walkRequests: answers + (answers > 1 ? 1 : 0), pollsSinceWalk: 0 };
    return reading;
  }

  /** A neighbor that the table has lost is gone only if the agent no longer has its row: a walk may end too early. */
  async #requireGone(mib: PeerMib, rows: Walk['rows'], session: SnmpSession, signal: AbortSignal): Promise<void> {
    const [state] = mib.columns;
    const lost = this.#last?.mib === mib ? this.#last.rows.filter(({ address }) => !rows.has(address)).slice(0, ROWS_PER_REQUEST) : [];
    if (state === undefined || lost.length === 0) return;
    const varbinds = await session.request({ kind: 'get', oids: lost.map(({ index }) => [...state.oid, ...index]) }, signal);
    const present = lost.find((_, position) => varbinds[position]?.value.kind !== 'exception');
    if (present === undefined) return;
    this.#seen.add(present.address);
    throw new SnmpProblem('SNMP__INCOMPLETE', `a table without ${present.address}, which the agent still has`);
  }

  /** A restart of the switch's BGP shows the same as a VRF that has lost its neighbors: the next poll, if it finds that again, accepts it. */
  #requireStillEmpty(runsBgp: boolean): void {
    const count = this.#last?.rows.length ?? 0;
    this.#last = undefined;
    if (count > 0) throw new SnmpProblem('SNMP__NEIGHBORS_GONE', `all ${count} neighbors are gone at once; confirmed at the next poll`);
    if (!runsBgp) throw new SnmpProblem('SNMP__NO_BGP', 'no BGP here: the agent has neither neighbors nor bgpLocalAs');
  }

  #collected(rows: Iterable<PeerRow>, mib: PeerMib): Collected {
    const { source } = this.#options;
    return {
      kind: 'collected',
      source,
      table: mib.name,
      neighbors: new Map([...rows].map((row) => [row.address, neighborOf(row, mib)])),
      switchTime: this.#beganAt,
      changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS,
    };
  }
}

/** A view without BGP shows nothing about neighbors. */
async function hasBgp(session: SnmpSession, signal: AbortSignal): Promise<boolean> {
  const [localAs] = await session.request({ kind: 'get', oids: [BGP_LOCAL_AS] }, signal);
  return localAs?.value.kind === 'integer' && localAs.value.value !== 0;
}

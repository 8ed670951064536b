import type { EpochMs } from '../../platform/index.ts';
import { addressOfIndex, COLUMNS, columnOid, type PeerRow } from './bgp4-mib.ts';
import { DisorderlyAgent, type VarBind } from './response.ts';
import type { SnmpSession } from './snmp-session.ts';

export interface WalkOptions {
  readonly session: SnmpSession;
  readonly community: string;
  /** More rows than this end the walk with an error, since a part of a table says nothing of the rest. */
  readonly maxRows: number;
  readonly now: () => EpochMs;
}

export interface Walk {
  readonly rows: ReadonlyMap<string, PeerRow>;
  /** How many answers it took; one answer is of one moment, several may not be. */
  readonly answers: number;
}

/** Twelve rows of four columns come to 1.2 kB: an answer stays in one unfragmented datagram. */
const ROWS_PER_ANSWER = 12;

/** One column's place in its walk. */
interface Cursor {
  readonly column: number;
  readonly root: readonly number[];
  at: readonly number[];
  done: boolean;
}

/**
 * Reads the wanted columns of bgpPeerTable side by side, by GETBULK:
 *
 *   ask (.2.<last> .9.<last> .15.<last> .16.<last>) ──► row, row, row, … ──► ask from the last row on ──► … ──► every column left
 *
 * so that a row's cells come from one moment, and 4,000 rows from 350 answers. Each column keeps its own place, because agents may end an
 * answer in the middle of a row, and tables have holes. Rejects with DisorderlyAgent, or as the session does.
 */
export async function walkPeerTable({ session, community, maxRows, now }: WalkOptions, signal: AbortSignal): Promise<Walk> {
  const rows = new Map<string, PeerRow>();
  const cursors = COLUMNS.map((column): Cursor => ({ column, root: columnOid(column), at: columnOid(column), done: false }));
  let answers = 0;

  for (let open = cursors; open.length > 0; open = open.filter(({ done }) => !done)) {
    const request = { kind: 'get-bulk', community, oids: open.map(({ at }) => at), maxRepetitions: ROWS_PER_ANSWER } as const;
    const varbinds = await session.request(request, signal);
    answers += 1;
    if (varbinds.length < open.length) throw new DisorderlyAgent('an answer without a value for every column asked for');
    if (varbinds.length > open.length * ROWS_PER_ANSWER) throw new DisorderlyAgent('an answer with more values than were asked for');
    const readAt = now();
    for (const [position, varbind] of varbinds.entries()) {
      const cursor = open[position % open.length];
      if (cursor !== undefined && advance(cursor, varbind)) keep(rows, cursor, varbind, readAt);
    }
    if (rows.size > maxRows) throw new DisorderlyAgent(`more than ${maxRows} neighbors`);
  }
  return { rows, answers };
}

/** Moves the cursor over the varbind; false when its column has ended. */
function advance(cursor: Cursor, { oid, value }: VarBind): boolean {
  if (cursor.done) return false;
  if (value.kind === 'exception' || !cursor.root.every((part, position) => oid[position] === part)) {
    cursor.done = true;
    return false;
  }
  // An agent that steps back or stays would be walked for ever.
  if (!follows(oid, cursor.at)) throw new DisorderlyAgent('rows that are not in order');
  cursor.at = oid;
  return true;
}

function keep(rows: Map<string, PeerRow>, { column, root }: Cursor, { oid, value }: VarBind, readAt: EpochMs): void {
  const address = addressOfIndex(oid.slice(root.length));
  if (address === undefined) throw new DisorderlyAgent('a row whose index is not an IPv4 address');
  const row = rows.get(address) ?? { address, cells: new Map(), readAt };
  row.cells.set(column, value);
  row.readAt = readAt;
  rows.set(address, row);
}

/** Lexicographic order of object identifiers (RFC 3416 section 2.2). */
function follows(oid: readonly number[], before: readonly number[]): boolean {
  for (const [position, part] of oid.entries()) {
    const other = before[position];
    if (other === undefined || part > other) return true;
    if (part < other) return false;
  }
  return false;
}

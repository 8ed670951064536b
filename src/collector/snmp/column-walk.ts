import type { EpochMs } from '../../lib/index.ts';
import type { Oid } from './peer-mib.ts';
import { DisorderlyAgent, type SnmpValue, type VarBind } from './response.ts';
import type { SnmpSession } from './snmp-session.ts';

export interface ColumnWalkOptions {
  readonly session: SnmpSession;
  readonly columns: readonly Oid[];
  readonly rowsPerAnswer: number;
  readonly now: () => EpochMs;
}

/** A cell that the walk came over. */
export interface WalkedCell {
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
 * so that a row's cells come from one moment, and 4,000 rows from 350 answers. Each column keeps its own place, because agents may end an
 * answer in the middle of a row, and tables have holes. Resolves with the number of answers that it took; rejects with DisorderlyAgent, with
 * what `onCell` throws (which is how the caller bounds the table), or as the session does.
 */
export async function walkColumns(
  { session, columns, rowsPerAnswer, now }: ColumnWalkOptions,
  onCell: (cell: WalkedCell) => void,
  signal: AbortSignal,
): Promise<number> {
  let answers = 0;
  const cursors = columns.map((root, column): Cursor => ({ column, root, at: root, done: false }));
  for (let open = cursors; open.length > 0; open = open.filter(({ done }) => !done)) {
    const varbinds = await session.request({ kind: 'get-bulk', oids: open.map(({ at }) => at), maxRepetitions: rowsPerAnswer }, signal);
    answers += 1;
    if (varbinds.length < open.length) throw new DisorderlyAgent('an answer without a value for every column asked for');
    if (varbinds.length > open.length * rowsPerAnswer) throw new DisorderlyAgent('an answer with more values than were asked for');
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
  if (cursor.done) return false;
  if (value.kind === 'exception' || !isUnder(oid, cursor.root)) {
    cursor.done = true;
    return false;
  }
  // An agent that steps back or stays would be walked for ever.
  if (compareOids(oid, cursor.at) <= 0) throw new DisorderlyAgent('rows that are not in order');
  cursor.at = oid;
  return true;
}

export function isUnder(oid: Oid, root: Oid): boolean {
  return root.every((part, position) => oid[position] === part);
}

/** Lexicographic order of object identifiers (RFC 3416 section 2.2). */
export function compareOids(left: Oid, right: Oid): number {
  for (const [position, part] of left.entries()) {
    const other = right[position];
    if (other === undefined) return 1;
    if (part !== other) return part - other;
  }
  return left.length - right.length;
}

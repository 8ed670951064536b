import type { EpochMs } from '../../lib/index.ts';
import { compareOids, walkColumns } from './column-walk.ts';
import type { CellName, PeerMib, PeerRow } from './peer-mib.ts';
import { DisorderlyAgent, type SnmpValue } from './response.ts';
import type { SnmpSession } from './snmp-session.ts';

export interface TableOptions {
  readonly session: SnmpSession;
  readonly mib: PeerMib;
  /** More rows than this end the walk with an error, since a part of a table says nothing of the rest. */
  readonly maxRows: number;
  readonly now: () => EpochMs;
}

export interface Walk {
  /** By address, in the order of their indices. */
  readonly rows: ReadonlyMap<string, PeerRow>;
  /** How many answers it took; one answer is of one moment, several may not be. */
  readonly answers: number;
}

interface WalkedRow extends PeerRow {
  readonly cells: Map<CellName, SnmpValue>;
  readAt: EpochMs;
}

/** Walks the wanted columns of the table of neighbors. Rejects as walkColumns does. */
export async function walkPeerTable({ session, mib, maxRows, now }: TableOptions, signal: AbortSignal): Promise<Walk> {
  const rows = new Map<string, WalkedRow>();
  const answers = await walkColumns(
    { session, columns: mib.columns.map(({ oid }) => oid), rowsPerAnswer: mib.rowsPerAnswer, now },
    ({ column, index, value, readAt }) => {
      const cell = mib.columns[column]?.cell;
      if (cell === undefined) return;
      const address = mib.addressOf(index);
      const row = rows.get(address) ?? { index, address, cells: new Map(), readAt };
      if (compareOids(row.index, index) !== 0) throw new DisorderlyAgent(`${address} in two rows of one table`);
      row.cells.set(cell, value);
      row.readAt = readAt;
      rows.set(address, row);
      if (rows.size > maxRows) throw new DisorderlyAgent(`more than ${maxRows} neighbors`);
    },
    signal,
  );
  return { rows, answers };
}

import type { PeerMib, PeerRow } from './peer-mib.ts';
import { type TableOptions, type Walk, walkPeerTable } from './table-walk.ts';

/**
 * Reads one VRF's table. One that changed while it was read (a neighbor gone from one column and not from another, or gone by the end, as
 * when the switch's BGP restarts) is read once more; rejects when that one changed too, and as walkPeerTable does. So a row that vanished
 * in the middle of a walk never passes for a neighbor that is not configured. Whether an empty table means anything is for the caller to
 * find out.
 */
export async function readTable(options: TableOptions, signal: AbortSignal): Promise<Walk> {
  const first = await walkPeerTable(options, signal);
  const stood = await stillStands(first, options, signal);
  if (stood && gapsOf(first, options.mib) === '') return first;

  const second = await walkPeerTable(options, signal);
  const stoodAgain = await stillStands(second, options, signal);
  // A gap that is there both times is no change but an agent without that cell: the row has no state, and is unrecognized.
  const gaps = gapsOf(second, options.mib);
  if (!stoodAgain || (gaps !== '' && gaps !== gapsOf(first, options.mib)))
    throw new Error('the neighbors changed while they were read, twice in a row');
  return second;
}

/** Whether the walk's first and last row are there now. */
async function stillStands({ rows, answers }: Walk, { session, mib }: TableOptions, signal: AbortSignal): Promise<boolean> {
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

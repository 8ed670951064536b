import type { VrfReading } from '../../bgp/index.ts';
import type { EpochMs } from '../../platform/index.ts';
import { BGP_LOCAL_AS, COLUMN, COLUMNS, cellOid, neighborOf, type PeerRow } from './bgp4-mib.ts';
import { type Walk, type WalkOptions, walkPeerTable } from './table-walk.ts';

export type Collected = Extract<VrfReading, { kind: 'collected' }>;

export interface VrfReadOptions extends WalkOptions {
  readonly source: string;
}

/**
 * Ages come in whole seconds, and the answer's way and the agent's cache add theirs.
 */
const CHANGED_AT_TOLERANCE_MS = 3_000;

/**
 * Reads one VRF's neighbors. A table that changed while it was read (a neighbor gone from one column and not from another, or gone by the
 * end, as when the switch's BGP restarts) is read once more; rejects when that one changed too, and as walkPeerTable does. So a row that
 * vanished in the middle of a walk never passes for a neighbor that is not configured.
 */
export async function readVrf(options: VrfReadOptions, signal: AbortSignal): Promise<Collected> {
  const first = await walkPeerTable(options, signal);
  const stood = await stillStands(first, options, signal);
  if (stood && gapsOf(first) === '') return collected(first, options);

  const second = await walkPeerTable(options, signal);
  const stoodAgain = await stillStands(second, options, signal);
  // A gap that is there both times is no change but an agent without that cell: the row has no state, and is unrecognized.
  const gaps = gapsOf(second);
  if (!stoodAgain || (gaps !== '' && gaps !== gapsOf(first))) throw new Error('the neighbors changed while they were read, twice in a row');
  return collected(second, options);
}

/**
 * Whether the walk's first and last row are there now. An empty walk stands when BGP runs in the VRF (bgpLocalAs); rejects when it does
 * not, because a view without BGP4-MIB says nothing about neighbors.
 */
async function stillStands({ rows, answers }: Walk, { session, community }: VrfReadOptions, signal: AbortSignal): Promise<boolean> {
  if (rows.size === 0) {
    const [localAs] = await session.request({ kind: 'get', community, oids: [BGP_LOCAL_AS] }, signal);
    if (localAs?.value.kind !== 'integer' || localAs.value.value === 0)
      throw new Error('no BGP here: the agent has neither neighbors nor bgpLocalAs');
    return true;
  }
  if (answers === 1) return true;
  const withState = [...rows.values()].filter(({ cells }) => cells.has(COLUMN.state));
  const oids = [withState.at(0), withState.at(-1)].flatMap((row) => (row === undefined ? [] : [cellOid(COLUMN.state, row.address)]));
  if (oids.length === 0) return true;
  const varbinds = await session.request({ kind: 'get', community, oids }, signal);
  return varbinds.length === oids.length && varbinds.every(({ value }) => value.kind !== 'exception');
}

/** The rows that lack a column, as text, so that two walks can be compared. */
function gapsOf({ rows }: Walk): string {
  const lacking = (row: PeerRow): string[] => COLUMNS.filter((column) => !row.cells.has(column)).map(String);
  return [...rows.values()]
    .filter(({ cells }) => cells.size < COLUMNS.length)
    .map((row) => `${row.address} ${lacking(row)}`)
    .sort()
    .join('\n');
}

function collected({ rows }: Walk, { source, now }: VrfReadOptions): Collected {
  const switchTime: EpochMs = now();
  return {
    kind: 'collected',
    source,
    neighbors: new Map([...rows.values()].map((row) => [row.address, neighborOf(row)])),
    switchTime,
    changedAtToleranceMs: CHANGED_AT_TOLERANCE_MS,
  };
}

import type { Neighbor, NeighborState } from '../../bgp/index.ts';
import { type EpochMs, epochMs } from '../../platform/index.ts';
import { DisorderlyAgent, type SnmpValue } from './response.ts';

/** BGP4-MIB (RFC 4273), the objects that say whether a session is up. The whole table is never walked: EOS fills 24 columns. */
export const BGP_LOCAL_AS = [1, 3, 6, 1, 2, 1, 15, 2, 0] as const;

const BGP_PEER_ENTRY = [1, 3, 6, 1, 2, 1, 15, 3, 1] as const;

/** Columns of bgpPeerTable. */
export const COLUMN = { state: 2, remoteAs: 9, establishedTransitions: 15, establishedTime: 16 } as const;

export const COLUMNS: readonly number[] = Object.values(COLUMN);

export function columnOid(column: number): number[] {
  return [...BGP_PEER_ENTRY, column];
}

export function cellOid(column: number, address: string): number[] {
  return [...BGP_PEER_ENTRY, column, ...address.split('.').map(Number)];
}

/** What one walk read of one neighbor. */
export interface PeerRow {
  /** The row's index, bgpPeerRemoteAddr. */
  readonly address: string;
  /** By column; a column that the agent did not answer for this row is absent. */
  readonly cells: Map<number, SnmpValue>;
  /** When the row's last cell came in, on the clock of the snapshot. */
  readAt: EpochMs;
}

/** The address that an index says (four numbers below 256), or undefined for anything else. */
export function addressOfIndex(index: readonly number[]): string | undefined {
  return index.length === 4 && index.every((octet) => octet <= 255) ? index.join('.') : undefined;
}

/** bgpPeerState: idle(1) to established(6). */
const STATES: readonly (NeighborState | undefined)[] = [undefined, 'idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];

/** Throws DisorderlyAgent when the state is no INTEGER at all: such an agent answers from another table than it was asked. */
export function neighborOf({ address, cells, readAt }: PeerRow): Neighbor {
  const state = stateOf(cells.get(COLUMN.state));
  const remoteAs = remoteAsOf(cells.get(COLUMN.remoteAs));
  const transitions = unsigned(cells.get(COLUMN.establishedTransitions), 'counter32');
  const seconds = unsigned(cells.get(COLUMN.establishedTime), 'gauge32');
  const changedAt = seconds === undefined ? undefined : changedAtOf(state, seconds, readAt);
  return {
    address,
    state,
    ...(remoteAs === undefined ? {} : { remoteAs }),
    ...(changedAt === undefined ? {} : { changedAt }),
    ...(transitions === undefined ? {} : { establishedTransitions: transitions }),
  };
}

function stateOf(cell: SnmpValue | undefined): NeighborState {
  if (cell === undefined) return 'unrecognized';
  if (cell.kind !== 'integer') throw new DisorderlyAgent('a bgpPeerState that is not an INTEGER');
  return STATES[cell.value] ?? 'unrecognized';
}

/**
 * bgpPeerRemoteAs has room for two octets. A peer with a four-octet AS shows as AS_TRANS (RFC 6793) or as garbage, and then has none
 * here.
 */
function remoteAsOf(cell: SnmpValue | undefined): number | undefined {
  if (cell?.kind !== 'integer' || cell.value < 1 || cell.value > 65_535 || cell.value === AS_TRANS) return undefined;
  return cell.value;
}

const AS_TRANS = 23_456;

function unsigned(cell: SnmpValue | undefined, type: 'counter32' | 'gauge32'): number | undefined {
  return cell?.kind === 'unsigned' && cell.type === type ? cell.value : undefined;
}

/**
 * bgpPeerFsmEstablishedTime counts the seconds in Established or since the session was last Established, and is 0 for a session that
 * never was: so 0 says something only of a session that is up.
 */
function changedAtOf(state: NeighborState, seconds: number, readAt: EpochMs): EpochMs | undefined {
  if (state === 'unrecognized') return undefined;
  return state === 'established' || seconds > 0 ? epochMs(readAt - seconds * 1_000) : undefined;
}

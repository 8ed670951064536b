import type { Neighbor, NeighborState } from '../../bgp/index.ts';
import { type EpochMs, epochMs } from '../../lib/index.ts';
import { DisorderlyAgent, type SnmpValue } from './response.ts';

export type Oid = readonly number[];

export type CellName = 'state' | 'adminStatus' | 'description' | 'remoteAs' | 'establishedTransitions' | 'establishedTime';

export interface PeerColumn {
  readonly cell: CellName;
  readonly oid: Oid;
  /** Whether it changes with the session; the others change with the neighbor's configuration only. */
  readonly moves: boolean;
}

/** A table with a row a neighbor, of which only these columns are read: the whole of it would be ten times as much. */
export interface PeerMib {
  readonly name: 'bgp4' | 'arista';
  /** The first is the state. */
  readonly columns: readonly PeerColumn[];
  /** As many rows as keep an answer in one unfragmented datagram. */
  readonly rowsPerAnswer: number;
  /** The state's name, for messages. */
  readonly stateObject: string;
  /** The address that a row's index says. Throws DisorderlyAgent for an index that the MIB does not allow. */
  addressOf(index: Oid): string;
  /** Undefined for what stands for no AS. */
  remoteAsOf(cell: SnmpValue): number | undefined;
}

/** What was read of one neighbor. */
export interface PeerRow {
  readonly index: Oid;
  readonly address: string;
  /** A cell that the agent did not answer for this row is absent. */
  readonly cells: ReadonlyMap<CellName, SnmpValue>;
  /** When the row's last cell came in, on the clock of the snapshot. */
  readonly readAt: EpochMs;
}

/** bgpPeerState and aristaBgp4V2PeerState: idle(1) to established(6). */
const STATES: readonly (NeighborState | undefined)[] = [undefined, 'idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established'];

/** aristaBgp4V2PeerAdminStatus: halted(1), running(2). */
const HALTED = 1;

/** Throws DisorderlyAgent when the state is no INTEGER at all: such an agent answers from another table than it was asked. */
export function neighborOf({ address, cells, readAt }: PeerRow, mib: PeerMib): Neighbor {
  const state = stateOf(cells.get('state'), mib);
  const remoteAs = cells.get('remoteAs');
  const as = remoteAs === undefined ? undefined : mib.remoteAsOf(remoteAs);
  const transitions = unsigned(cells.get('establishedTransitions'), 'counter32');
  const seconds = unsigned(cells.get('establishedTime'), 'gauge32');
  const changedAt = seconds === undefined ? undefined : changedAtOf(state, seconds, readAt);
  const description = textOf(cells.get('description'));
  const adminStatus = cells.get('adminStatus');
  return {
    address,
    state,
    ...(description === undefined ? {} : { description }),
    ...(as === undefined ? {} : { remoteAs: as }),
    ...(state === 'idle' && adminStatus?.kind === 'integer' && adminStatus.value === HALTED ? { idleReason: 'Admin' } : {}),
    ...(changedAt === undefined ? {} : { changedAt }),
    ...(transitions === undefined ? {} : { establishedTransitions: transitions }),
  };
}

function stateOf(cell: SnmpValue | undefined, { stateObject }: PeerMib): NeighborState {
  if (cell === undefined) return 'unrecognized';
  if (cell.kind !== 'integer') throw new DisorderlyAgent(`a ${stateObject} that is not an INTEGER`);
  return STATES[cell.value] ?? 'unrecognized';
}

function unsigned(cell: SnmpValue | undefined, type: 'counter32' | 'gauge32'): number | undefined {
  return cell?.kind === 'unsigned' && cell.type === type ? cell.value : undefined;
}

/** Text of an OCTET STRING; none where it is empty, or holds what no description does. */
function textOf(cell: SnmpValue | undefined): string | undefined {
  if (cell?.kind !== 'octets' || cell.value.length === 0 || cell.value.length > MAX_DESCRIPTION) return undefined;
  const text = cell.value.toString('utf8');
  return /^[^\p{Cc}\ufffd]+$/u.test(text) ? text : undefined;
}

const MAX_DESCRIPTION = 255;

/**
 * The seconds in Established or since the session was last Established, and 0 for a session that never was: so 0 says something only of a
 * session that is up. Both MIBs define it so.
 */
function changedAtOf(state: NeighborState, seconds: number, readAt: EpochMs): EpochMs | undefined {
  if (state === 'unrecognized') return undefined;
  return state === 'established' || seconds > 0 ? epochMs(readAt - seconds * 1_000) : undefined;
}

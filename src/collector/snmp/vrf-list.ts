import type { VrfName } from '../../bgp/index.ts';
import type { EpochMs } from '../../lib/index.ts';
import { walkColumns } from './column-walk.ts';
import type { Oid } from './peer-mib.ts';
import { DisorderlyAgent } from './response.ts';
import type { SnmpSession } from './snmp-session.ts';

/** ARISTA-VRF-MIB aristaVrfState; the index is the VRF's name, its length first. */
const ARISTA_VRF_STATE: Oid = [1, 3, 6, 1, 4, 1, 30_065, 3, 18, 1, 1, 1, 4];

/** An EOS switch has 1,024 at most. */
const MAX_VRFS = 1_024;
const ROWS_PER_ANSWER = 24;

/**
 * The VRFs of the switch, `default` first: ARISTA-VRF-MIB lists the others only, and an agent without that MIB has none. Asked in the
 * default VRF's view, which alone has it. Rejects with DisorderlyAgent, or as the session does.
 */
export async function listVrfs(session: SnmpSession, now: () => EpochMs, signal: AbortSignal): Promise<readonly VrfName[]> {
  const vrfs = new Set<VrfName>(['default']);
  await walkColumns(
    { session, columns: [ARISTA_VRF_STATE], rowsPerAnswer: ROWS_PER_ANSWER, now },
    ({ index }) => {
      vrfs.add(nameOf(index));
      if (vrfs.size > MAX_VRFS) throw new DisorderlyAgent(`more than ${MAX_VRFS} VRFs`);
    },
    signal,
  );
  return [...vrfs];
}

function nameOf([length, ...characters]: Oid): VrfName {
  if (length !== characters.length || length === 0 || !characters.every((code) => code > 0x20 && code < 0x7f))
    throw new DisorderlyAgent('a VRF whose index is not a name');
  return String.fromCharCode(...characters);
}

import type { NeighborSnapshot, VrfName, VrfReading } from '../../bgp/index.ts';
import { AgentError } from '../../lib/index.ts';

/** A VRF's reading; none for a VRF that says that it has nothing to say. */
export interface ReadVrf {
  readonly vrf: VrfName;
  readonly reading?: VrfReading;
  /** Why it failed, where that is the agent's refusal of the user rather than the VRF's trouble. */
  readonly refusal?: AgentError;
}

/**
 * The snapshot of what was read. Throws SNMP__UNREACHABLE when nothing was, or what the agent has against the user; SNMP__EMPTY when there is
 * not one neighbor.
 */
export function trusted(reads: readonly ReadVrf[], takenAt: NeighborSnapshot['takenAt'], endpoint: string): NeighborSnapshot {
  const spoke = reads.flatMap(({ vrf, reading }) => (reading === undefined ? [] : [[vrf, reading] as const]));
  const collected = spoke.flatMap(([, reading]) => (reading.kind === 'collected' ? [reading] : []));
  if (collected.length === 0)
    throw (
      reads.find(({ refusal }) => refusal !== undefined)?.refusal ??
      new AgentError('SNMP__UNREACHABLE', { endpoint, problem: problemOf(spoke) })
    );
  if (collected.every(({ neighbors }) => neighbors.size === 0))
    throw new AgentError('SNMP__EMPTY', { endpoint, collected: collected.length, vrfs: spoke.length });
  return { takenAt, vrfs: new Map(spoke) };
}

/** The first failure for all: with one agent the others fail alike, and the line stays short. */
function problemOf(readings: readonly (readonly [VrfName, VrfReading])[]): string {
  const [vrf, reading] = readings[0] ?? ['', undefined];
  if (reading?.kind !== 'failed') return 'no VRF is configured';
  return readings.length === 1 ? `VRF ${vrf}: ${reading.problem}` : `none of ${readings.length} VRFs; ${vrf}: ${reading.problem}`;
}

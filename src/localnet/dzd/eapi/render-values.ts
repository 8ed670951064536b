import type { NeighborState } from '../../../bgp/index.ts';
import type { EpochMs } from '../../../lib/index.ts';
import type { EapiOddities } from './oddities.ts';

/** The switch's own AS: the one under which DoubleZero devices run BGP. */
export const LOCAL_AS = 65_342;

/** `peerState` of the summary and `state` of the neighbor detail. */
export const EOS_STATES: Readonly<Record<NeighborState, string>> = {
  idle: 'Idle',
  connect: 'Connect',
  active: 'Active',
  'open-sent': 'OpenSent',
  'open-confirm': 'OpenConfirm',
  established: 'Established',
  unrecognized: 'NotNegotiated',
};

export function renderAs(asn: number, { asn: notation }: EapiOddities): string | number {
  if (notation === 'number') return asn;
  return notation === 'asdot' && asn > 0xffff ? `${asn >>> 16}.${asn & 0xffff}` : String(asn);
}

/**
 * Epoch seconds of a change with microseconds below the millisecond that the truth knows. `answer` counts the answers of this face: it is
 * what the last microsecond of a real switch's answer wanders with.
 */
export function renderChangeTime(changedAt: EpochMs, answer: number, { upDownTime, jitter }: EapiOddities): number | string {
  const seconds = changedAt / 1_000 + 0.000_273 + (jitter && answer % 2 === 1 ? 0.000_001 : 0);
  return upDownTime === 'text' ? seconds.toFixed(6) : Number(seconds.toFixed(6));
}

/** A number that differs from peer to peer and stays the same from answer to answer. */
export function spread(text: string, below: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash % below;
}

import type { SimulatedNeighbor } from '../simulated-switch.ts';
import type { EapiOddities } from './oddities.ts';

/** `peerTcpInfo` of the neighbor detail; times in microseconds, as the kernel's tcp_info has them. */
export function renderTcpInfo({ state, rttUs }: SimulatedNeighbor, { tcpInfoWhenDown }: EapiOddities): Record<string, unknown> {
  const up = state === 'established';
  if (!up && tcpInfoWhenDown === 'absent') return {};
  const info = {
    state: 'ESTABLISHED',
    options: 7,
    sendWindowScale: 9,
    rcvWindowScale: 7,
    retransTimeout: 200_000 + rttUs,
    delayedAckTimeout: 40_000,
    maxSegmentSize: 1_436,
    sndRtt: rttUs,
    sndRttVariance: Math.floor(rttUs / 2),
    slowStartThreshold: 2_147_483_647,
    congestionWindow: 10,
    // Zero, or values that make no sense as a time, in every capture: no reader should take this for the round-trip time.
    rcvRtt: 291_896_960,
    rcvWindow: 14_600,
    totalRetrans: 0,
    outputQueueLength: 0,
    outputMaxQueueLength: 88_064,
    inputQueueLength: 0,
    inputMaxQueueLength: 131_072,
    connectionOptions: { timestampsEnabled: true, selectiveAcknowledgments: true, windowScaleEnabled: true, explicitCongestion: false },
  };
  return { peerTcpInfo: up ? info : Object.fromEntries(Object.keys(info).map((key) => [key, null])) };
}

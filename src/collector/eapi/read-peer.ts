import type { Neighbor } from '../../bgp/index.ts';
import { isJsonObject } from './json.ts';
import { readAs, readEpochSeconds, readState, readText } from './peer-values.ts';

/** EOS allows 80 characters of description; more is none. */
const MAX_DESCRIPTION = 256;

/**
 * One peer of `show ip bgp summary`; of another shape it is in a state that nobody recognizes. Filled field by field rather than spread together:
 * this runs thousands of times a poll.
 */
export function readPeer(address: string, value: unknown): Neighbor {
  if (!isJsonObject(value)) return { address, state: 'unrecognized' };
  const neighbor: { -readonly [K in keyof Neighbor]: Neighbor[K] } = { address, state: readState(value.peerState) };
  const changedAt = readEpochSeconds(value.upDownTime);
  if (changedAt !== undefined) neighbor.changedAt = changedAt;
  const remoteAs = readAs(value.asn);
  if (remoteAs !== undefined) neighbor.remoteAs = remoteAs;
  const description = readText(value.description, MAX_DESCRIPTION);
  if (description !== undefined) neighbor.description = description;
  const idleReason = readText(value.peerStateIdleReason, MAX_DESCRIPTION);
  if (idleReason !== undefined) neighbor.idleReason = idleReason;
  return neighbor;
}

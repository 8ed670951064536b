import type { StatusIntent } from '../bgp/index.ts';
import { maxWritesPerTransaction } from '../serviceability/index.ts';

/** With a compute limit, which is the rule once the units are known. */
const WRITES_PER_TRANSACTION = maxWritesPerTransaction({ unitLimit: 1 });

/**
 * Keeps as many ride-alongs as the transactions that go out anyway have room for, and none when none go out (rule 13). Expects the order
 * of `byUrgency`, and keeps it.
 */
export function trimRideAlongs(intents: readonly StatusIntent[]): readonly StatusIntent[] {
  const required = intents.filter(({ reason }) => reason !== 'ride-along').length;
  const room = Math.ceil(required / WRITES_PER_TRANSACTION) * WRITES_PER_TRANSACTION - required;
  return intents.slice(0, required + room);
}

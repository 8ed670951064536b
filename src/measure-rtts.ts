import type { Decided, LocatedNeighbor, StatusIntent } from './bgp/index.ts';
import { type Collector, neighborKeyText } from './collector/index.ts';
import type { Breathe } from './lib/index.ts';

/** Asks the switch for the round-trip times of those that are about to be written up and have none yet. What it does not tell stays 0. */
export async function measureRtts(
  collector: Pick<Collector, 'readRtts'>,
  intents: readonly StatusIntent[],
  outcomes: Decided['outcomes'],
  breathe: Breathe,
  signal: AbortSignal,
): Promise<readonly StatusIntent[]> {
  const located: LocatedNeighbor[] = [];
  for (const { user, to, rttNs } of intents) {
    const observation = outcomes.get(user)?.observation;
    if (to === 'up' && rttNs === 0n && observation?.kind === 'up') located.push(observation.at);
    await breathe();
  }
  if (located.length === 0) return intents;
  const rtts = await collector.readRtts(located, signal);
  const measured: StatusIntent[] = [];
  for (const intent of intents) {
    const rttNs = intent.to === 'up' && intent.neighbor !== undefined ? rtts.get(neighborKeyText(intent.neighbor)) : undefined;
    measured.push(rttNs === undefined ? intent : { ...intent, rttNs });
    await breathe();
  }
  return measured;
}

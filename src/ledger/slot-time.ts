import { asArray, asCount, asRecord } from './json.ts';

/** A slot takes between 50 ms and 5 s on any network that works; a measurement outside says that the measurement is wrong. */
const SHORTEST_MS = 50;
const LONGEST_MS = 5_000;

/** One span of time and how many slots it held. */
export interface SlotSample {
  readonly slots: number;
  readonly ms: number;
}

/** The most slots that can begin in so many milliseconds. */
export function mostSlotsIn(ms: number): bigint {
  return BigInt(Math.floor(Math.max(0, ms) / SHORTEST_MS));
}

export function plausibleSlotTime(ms: number): number | undefined {
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}

/**
 * Milliseconds a slot: the median over the samples, each as heavy as the slots that it counted, so that one minute of a stalled cluster does
 * not move it. Undefined when there are none, or when what comes out is no slot time.
 */
export function medianSlotTime(samples: readonly SlotSample[]): number | undefined {
  const sorted = samples
    .filter(({ slots, ms }) => slots > 0 && ms > 0)
    .map(({ slots, ms }) => ({ weight: slots, slotMs: ms / slots }))
    .sort((a, b) => a.slotMs - b.slotMs);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let passed = 0;
  for (const { weight, slotMs } of sorted) {
    passed += weight;
    if (passed >= half) return plausibleSlotTime(slotMs);
  }
  return undefined;
}

/** getRecentPerformanceSamples. */
export function readPerformanceSamples(result: unknown): readonly SlotSample[] {
  return asArray(result, 'the list of samples').map((entry) => {
    const sample = asRecord(entry, 'a sample');
    return { slots: asCount(sample.numSlots, 'numSlots'), ms: asCount(sample.samplePeriodSecs, 'samplePeriodSecs') * 1000 };
  });
}

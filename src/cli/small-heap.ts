import { setFlagsFromString } from 'node:v8';

/**
 * Trades processor time for memory, which a switch has less of to spare: V8 would let the garbage of many ticks grow to three times what is alive
 * before it collects. Most of what a tick makes dies with it, so collecting early finds little to keep. The effect is in docs/performance.md.
 */
export function keepHeapSmall(): void {
  // The space for new objects stays as small as it begins; it would grow to three times 16 MB.
  setFlagsFromString('--semi-space-growth-factor=1');
  // The next full collection comes when the heap is this much larger than what the last one left.
  setFlagsFromString('--heap-growing-percent=60');
}

import type { Breathe } from '../../lib/index.ts';
import type { AnswerFilter } from './transport.ts';

/** A socket gives 64 kB at a time, and code that has never run takes 40 ms for so much. */
const PIECE_BYTES = 8 * 1_024;

/** A filter that holds the answer back, piece by piece, when it is time to give the event loop to others. */
export function breathing(filter: () => (chunk: Buffer) => Buffer, breathe: Breathe): AnswerFilter {
  return () => {
    const keep = filter();
    return async (chunk) => {
      const kept: Buffer[] = [];
      for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
        kept.push(keep(chunk.subarray(from, from + PIECE_BYTES)));
        const pause = breathe();
        if (pause !== undefined) await pause;
      }
      return Buffer.concat(kept);
    };
  };
}

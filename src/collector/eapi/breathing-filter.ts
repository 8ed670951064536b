import type { Breathe } from '../../platform/index.ts';
import type { AnswerFilter } from './transport.ts';

/** A filter that holds the answer back, piece by piece, when it is time to give the event loop to others. */
export function breathing(filter: () => (chunk: Buffer) => Buffer, breathe: Breathe): AnswerFilter {
  return () => {
    const keep = filter();
    return async (chunk) => {
      const kept = keep(chunk);
      await breathe();
      return kept;
    };
  };
}

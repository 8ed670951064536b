/** Numbers from `first` up to `end` (exclusive), of which the lowest free one is given out, as the program's allocators do (RFC-11). */
export interface FreePool {
  /** Takes the lowest free number; undefined when all are taken. */
  takeLowest(): number | undefined;
  /** Takes this very number, whether or not it lies in the range; false when it is taken. */
  take(value: number): boolean;
  release(value: number): void;
}

export function createFreePool(first: number, end: number): FreePool {
  const taken = new Set<number>();
  /** Every number of the range below it is taken. */
  let hint = first;

  return {
    takeLowest() {
      while (taken.has(hint)) hint += 1;
      if (hint >= end) return undefined;
      taken.add(hint);
      return hint;
    },
    take(value) {
      if (taken.has(value)) return false;
      taken.add(value);
      return true;
    },
    release(value) {
      taken.delete(value);
      if (value >= first && value < hint) hint = value;
    },
  };
}

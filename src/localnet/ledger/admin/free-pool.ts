/** Numbers from `first` up to `end` (exclusive), of which the lowest free one is given out, as the program's allocators do (RFC-11). */
export interface FreePool {
  /** Takes the lowest free number; undefined when all are taken. */
  takeLowest(): number | undefined;
  /** Takes this very number, in the range or not. One that is taken is then taken once more, and free after as many releases. */
  take(value: number): void;
  /** Gives a number back; nothing when it is free. */
  release(value: number): void;
}

export function createFreePool(first: number, end: number): FreePool {
  const holders = new Map<number, number>();
  /** Every number of the range below it is taken. */
  let hint = first;

  const take = (value: number): void => void holders.set(value, (holders.get(value) ?? 0) + 1);
  return {
    takeLowest() {
      while (holders.has(hint)) hint += 1;
      if (hint >= end) return undefined;
      take(hint);
      return hint;
    },
    take,
    release(value) {
      const left = (holders.get(value) ?? 0) - 1;
      if (left > 0) holders.set(value, left);
      else if (holders.delete(value) && value >= first && value < hint) hint = value;
    },
  };
}

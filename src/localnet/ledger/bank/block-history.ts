/** Blocks remembered with slot, time and transaction count: 7 hours of 400 ms slots. */
export const REMEMBERED_BLOCKS = 65_536;

export interface Block {
  readonly height: number;
  readonly slot: number;
  /** When its slot began, milliseconds since 1970 by the ledger's own clock. */
  readonly timeMs: number;
  /** Transactions in this block and all before it. */
  readonly totalTransactions: number;
}

export interface BlockHistory {
  readonly tip: Block;
  append(block: Omit<Block, 'height'>): void;
  /** Corrects the newest block's count once it is filled. */
  setTotalTransactions(total: number): void;
  /** The block at this height, or the nearest one still remembered. */
  at(height: number): Block;
  /** The newest block whose slot is not after `slot`; undefined when that is forgotten. */
  atOrBefore(slot: number): Block | undefined;
  /** The newest block that began at or before this time; the oldest remembered one when all began after it. */
  atTime(timeMs: number): Block;
  /** Forgets the blocks above this height. */
  truncate(height: number): void;
}

/** A ring of the newest blocks, by height. Begins with the one block given, at this height. */
export function createBlockHistory(genesis: Omit<Block, 'height'>, firstHeight = 0): BlockHistory {
  const slots = new Float64Array(REMEMBERED_BLOCKS);
  const times = new Float64Array(REMEMBERED_BLOCKS);
  const totals = new Float64Array(REMEMBERED_BLOCKS);
  let tip = firstHeight - 1;

  const oldest = (): number => Math.max(firstHeight, tip - REMEMBERED_BLOCKS + 1);
  const at = (wanted: number): Block => {
    const height = Math.min(tip, Math.max(oldest(), wanted));
    const index = height % REMEMBERED_BLOCKS;
    return { height, slot: slots[index] ?? 0, timeMs: times[index] ?? 0, totalTransactions: totals[index] ?? 0 };
  };
  const append = ({ slot, timeMs, totalTransactions }: Omit<Block, 'height'>): void => {
    tip += 1;
    const index = tip % REMEMBERED_BLOCKS;
    slots[index] = slot;
    times[index] = timeMs;
    totals[index] = totalTransactions;
  };
  /** Highest remembered height whose block satisfies the predicate; heights below it satisfy it too. */
  const lastWhere = (holds: (block: Block) => boolean): Block | undefined => {
    let [low, high] = [oldest() - 1, tip];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (holds(at(middle))) low = middle;
      else high = middle - 1;
    }
    return low < oldest() ? undefined : at(low);
  };

  append(genesis);
  return {
    get tip() {
      return at(tip);
    },
    append,
    setTotalTransactions(total) {
      totals[tip % REMEMBERED_BLOCKS] = total;
    },
    at,
    atOrBefore: (slot) => lastWhere((block) => block.slot <= slot),
    atTime: (timeMs) => lastWhere((block) => block.timeMs <= timeMs) ?? at(oldest()),
    truncate(height) {
      tip = Math.min(tip, Math.max(oldest(), height));
    },
  };
}

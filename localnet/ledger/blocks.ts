import { createHash } from 'node:crypto';
import type { Clock } from '../../src/lib/index.ts';
import { type Address, slot } from '../../src/serviceability/index.ts';
import { executeTransaction, type Program } from './runtime.ts';
import type { AccountStore, LandedTransaction, TransactionHistory } from './stores.ts';
import { decodeBase58, encodeBase58, hasValidSignatures, type ParsedTransaction } from './transaction.ts';

/** Blocks remembered with slot, time and transaction count: 7 hours of 400 ms slots. */
const REMEMBERED_BLOCKS = 65_536;

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

/** Blocks that a blockhash is good for (Solana's MAX_PROCESSING_AGE). */
export const BLOCKHASH_LIFETIME = 150;

const DIGEST_BYTES = 23;
/** More than can be within one blockhash lifetime. */
const REMEMBERED_FORKS = 256;

export interface Blockhashes {
  /** The hash of the block at this height. */
  at(height: number): string;
  /** The height of the block with this hash; undefined for a hash of another chain, or of a block undone by a fork. */
  heightOf(blockhash: string): number | undefined;
  /** Blocks from this height on were undone: new ones get new hashes. */
  fork(height: number): void;
}

/**
 * Blockhashes are computed from chain, height and fork, and carry the height in their last eight bytes, so none has to be stored: 23 bytes of
 * SHA-256, one byte of fork number, eight of height.
 */
export function createBlockhashes(genesisHash: Uint8Array): Blockhashes {
  /** First heights of the forks whose blocks can still matter, newest last, and how many there were before them. */
  const forks: number[] = [];
  let olderForks = 0;

  const encode = (height: number): Uint8Array => {
    const tail = Buffer.alloc(9);
    tail[0] = (olderForks + forks.filter((first) => first <= height).length) & 0xff;
    tail.writeBigUInt64BE(BigInt(height), 1);
    const digest = createHash('sha256').update(genesisHash).update(tail).digest();
    return Buffer.concat([digest.subarray(0, DIGEST_BYTES), tail]);
  };

  return {
    at: (height) => encodeBase58(encode(height)),
    heightOf(blockhash) {
      const bytes = decodeBase58(blockhash);
      if (bytes?.length !== 32) return undefined;
      const height = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(24));
      return Number.isSafeInteger(height) && Buffer.compare(bytes, encode(height)) === 0 ? height : undefined;
    },
    fork(height) {
      forks.push(height);
      if (forks.length > REMEMBERED_FORKS) {
        forks.shift();
        olderForks += 1;
      }
    },
  };
}

/** Outcomes of submitted transactions since the start. */
export interface BankCounters {
  /** Rebroadcasts included. */
  received: number;
  /** Landed and succeeded. */
  succeeded: number;
  /** Landed and failed; only the fee was paid. */
  failed: number;
  droppedBadSignature: number;
  droppedExpired: number;
  droppedRepeated: number;
  /** No block could hold it: an unpayable fee, a missing program, too many locks. */
  droppedNotExecutable: number;
  droppedPoolFull: number;
}

interface BlockProducerOptions {
  readonly accounts: AccountStore;
  readonly blocks: BlockHistory;
  readonly blockhashes: Blockhashes;
  readonly history: TransactionHistory;
  readonly programs: ReadonlyMap<Address, Program>;
  readonly slotsPerEpoch: bigint;
  readonly onLanded: (landed: LandedTransaction) => void;
}

interface BlockProducer {
  readonly counters: BankCounters;
  /**
   * Runs the transactions in the newest block, in order; returns how many landed. Others are dropped and counted. They read and write accounts as
   * of `asOfSlot`, by default the block's slot.
   */
  fill(transactions: readonly ParsedTransaction[], blockhashLifetime: number, asOfSlot?: number): number;
}

type Fate = 'landed' | 'droppedBadSignature' | 'droppedExpired' | 'droppedRepeated' | 'droppedNotExecutable';

export function createBlockProducer(options: BlockProducerOptions): BlockProducer {
  const { accounts, blocks, blockhashes, history, programs, slotsPerEpoch, onLanded } = options;
  const counters: BankCounters = {
    received: 0,
    succeeded: 0,
    failed: 0,
    droppedBadSignature: 0,
    droppedExpired: 0,
    droppedRepeated: 0,
    droppedNotExecutable: 0,
    droppedPoolFull: 0,
  };

  const land = (transaction: ParsedTransaction, blockhashLifetime: number, asOfSlot = blocks.tip.slot): Fate => {
    const { height, slot: blockSlot } = blocks.tip;
    const hashHeight = blockhashes.heightOf(transaction.recentBlockhash);
    if (!hasValidSignatures(transaction)) return 'droppedBadSignature';
    if (hashHeight === undefined || hashHeight >= height || height - hashHeight > blockhashLifetime) return 'droppedExpired';
    if (history.get(transaction.signature) !== undefined) return 'droppedRepeated';
    const readAccount = (address: Address) => accounts.read(address, asOfSlot);
    const result = executeTransaction(transaction, { slot: slot(blockSlot), slotsPerEpoch, programs, readAccount });
    if (result.kind === 'not-executable') return 'droppedNotExecutable';

    const landed = { transaction, slot: blockSlot, height, result };
    for (const [address, account] of result.writes) accounts.write(address, account, asOfSlot);
    history.add(landed);
    counters[result.err === null ? 'succeeded' : 'failed'] += 1;
    onLanded(landed);
    return 'landed';
  };

  return {
    counters,
    fill(transactions, blockhashLifetime, asOfSlot) {
      let landed = 0;
      for (const transaction of transactions) {
        const fate = land(transaction, blockhashLifetime, asOfSlot);
        if (fate === 'landed') landed += 1;
        else counters[fate] += 1;
      }
      return landed;
    },
  };
}

interface SlotTimer {
  /** Whether time has begun to run. */
  readonly begun: boolean;
  /** Starts time; nothing when it runs already. */
  begin(): void;
  /** One value for each slot that has become due since the last call: the time at which it began, milliseconds since 1970. */
  due(): Iterable<number>;
  /** Lets one slot pass at once, and returns the time at which it begins. */
  skipAhead(): number;
}

/** Derives slots from the clock, without timers: each call yields the slots that have passed. */
export function createSlotTimer({ clock, slotMs }: { readonly clock: Clock; readonly slotMs: number }): SlotTimer {
  let begun = false;
  /** Monotonic time at which the newest slot began. */
  let openedAt: number = clock.monotonic();
  /** What to add to monotonic time for the ledger's own. */
  let offset = clock.wall() - openedAt;

  const begin = (): void => {
    if (begun) return;
    begun = true;
    openedAt = clock.monotonic();
  };
  return {
    get begun() {
      return begun;
    },
    begin,
    *due() {
      begin();
      const now = clock.monotonic();
      while (now - openedAt >= slotMs) {
        openedAt += slotMs;
        yield offset + openedAt;
      }
    },
    skipAhead() {
      begin();
      offset += slotMs;
      return offset + openedAt;
    },
  };
}

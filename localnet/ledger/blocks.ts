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

/** A ring of the newest blocks, by height. */
export class BlockHistory {
  readonly #slots = new Float64Array(REMEMBERED_BLOCKS);
  readonly #times = new Float64Array(REMEMBERED_BLOCKS);
  readonly #totals = new Float64Array(REMEMBERED_BLOCKS);
  readonly #firstHeight: number;
  #tip: number;

  /** Begins with this block, at this height. */
  constructor(genesis: Omit<Block, 'height'>, firstHeight = 0) {
    this.#firstHeight = firstHeight;
    this.#tip = firstHeight - 1;
    this.append(genesis);
  }

  get tip(): Block {
    return this.at(this.#tip);
  }

  append({ slot, timeMs, totalTransactions }: Omit<Block, 'height'>): void {
    this.#tip += 1;
    const index = this.#tip % REMEMBERED_BLOCKS;
    this.#slots[index] = slot;
    this.#times[index] = timeMs;
    this.#totals[index] = totalTransactions;
  }

  /** Corrects the newest block's count once it is filled. */
  setTotalTransactions(total: number): void {
    this.#totals[this.#tip % REMEMBERED_BLOCKS] = total;
  }

  /** The block at this height, or the nearest one still remembered. */
  at(wanted: number): Block {
    const height = Math.min(this.#tip, Math.max(this.#oldest, wanted));
    const index = height % REMEMBERED_BLOCKS;
    return { height, slot: this.#slots[index] ?? 0, timeMs: this.#times[index] ?? 0, totalTransactions: this.#totals[index] ?? 0 };
  }

  /** The newest block whose slot is not after `slot`; undefined when that is forgotten. */
  atOrBefore(slot: number): Block | undefined {
    return this.#lastWhere((block) => block.slot <= slot);
  }

  /** The newest block that began at or before this time; the oldest remembered one when all began after it. */
  atTime(timeMs: number): Block {
    return this.#lastWhere((block) => block.timeMs <= timeMs) ?? this.at(this.#oldest);
  }

  /** Forgets the blocks above this height. */
  truncate(height: number): void {
    this.#tip = Math.min(this.#tip, Math.max(this.#oldest, height));
  }

  get #oldest(): number {
    return Math.max(this.#firstHeight, this.#tip - REMEMBERED_BLOCKS + 1);
  }

  /** The highest block that satisfies the predicate; lower ones satisfy it, too. */
  #lastWhere(holds: (block: Block) => boolean): Block | undefined {
    let [low, high] = [this.#oldest - 1, this.#tip];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (holds(this.at(middle))) low = middle;
      else high = middle - 1;
    }
    return low < this.#oldest ? undefined : this.at(low);
  }
}

/** Blocks that a blockhash is good for (Solana's MAX_PROCESSING_AGE). */
export const BLOCKHASH_LIFETIME = 150;

const DIGEST_BYTES = 23;
/** More than can be within one blockhash lifetime. */
const REMEMBERED_FORKS = 256;

/**
 * Blockhashes are computed from chain, height and fork, and carry the height in their last eight bytes, so none has to be stored: 23 bytes of
 * SHA-256, one byte of fork number, eight of height.
 */
export class Blockhashes {
  readonly #genesisHash: Uint8Array;
  /** First heights of the forks whose blocks can still matter, newest last, and how many there were before them. */
  readonly #forks: number[] = [];
  #olderForks = 0;

  constructor(genesisHash: Uint8Array) {
    this.#genesisHash = genesisHash;
  }

  /** The hash of the block at this height. */
  at(height: number): string {
    return encodeBase58(this.#encode(height));
  }

  /** The height of the block with this hash; undefined for a hash of another chain, or of a block undone by a fork. */
  heightOf(blockhash: string): number | undefined {
    const bytes = decodeBase58(blockhash);
    if (bytes?.length !== 32) return undefined;
    const height = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(24));
    return Number.isSafeInteger(height) && Buffer.compare(bytes, this.#encode(height)) === 0 ? height : undefined;
  }

  /** Blocks from this height on were undone: new ones get new hashes. */
  fork(height: number): void {
    this.#forks.push(height);
    if (this.#forks.length > REMEMBERED_FORKS) {
      this.#forks.shift();
      this.#olderForks += 1;
    }
  }

  #encode(height: number): Uint8Array {
    const tail = Buffer.alloc(9);
    tail[0] = (this.#olderForks + this.#forks.filter((first) => first <= height).length) & 0xff;
    tail.writeBigUInt64BE(BigInt(height), 1);
    const digest = createHash('sha256').update(this.#genesisHash).update(tail).digest();
    return Buffer.concat([digest.subarray(0, DIGEST_BYTES), tail]);
  }
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

type Fate = 'landed' | 'droppedBadSignature' | 'droppedExpired' | 'droppedRepeated' | 'droppedNotExecutable';

export function createBlockProducer(options: BlockProducerOptions) {
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
    /**
     * Runs the transactions in the newest block, in order; returns how many landed. Others are dropped and counted. They read and write accounts as
     * of `asOfSlot`, by default the block's slot.
     */
    fill(transactions: readonly ParsedTransaction[], blockhashLifetime: number, asOfSlot?: number): number {
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

/** Derives slots from the clock, without timers: each call yields the slots that have passed. */
export class SlotTimer {
  readonly #clock: Clock;
  readonly #slotMs: number;
  #begun = false;
  /** Monotonic time at which the newest slot began. */
  #openedAt: number;
  /** Difference of the ledger's own time to monotonic time. */
  #offset: number;

  constructor(clock: Clock, slotMs: number) {
    this.#clock = clock;
    this.#slotMs = slotMs;
    this.#openedAt = clock.monotonic();
    this.#offset = clock.wall() - this.#openedAt;
  }

  /** Whether time has begun to run. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Starts time unless it is running. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#openedAt = this.#clock.monotonic();
  }

  /** One value for each slot that has become due since the last call: the time at which it began, milliseconds since 1970. */
  *due(): Iterable<number> {
    this.begin();
    const now = this.#clock.monotonic();
    while (now - this.#openedAt >= this.#slotMs) {
      this.#openedAt += this.#slotMs;
      yield this.#offset + this.#openedAt;
    }
  }

  /** Lets one slot pass at once, and returns the time at which it begins. */
  skipAhead(): number {
    this.begin();
    this.#offset += this.#slotMs;
    return this.#offset + this.#openedAt;
  }
}

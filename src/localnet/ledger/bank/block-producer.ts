import { type Address, slot } from '../../../serviceability/index.ts';
import { executeTransaction, type Program } from '../runtime/index.ts';
import { hasValidSignatures, type ParsedTransaction } from '../transaction/index.ts';
import type { AccountStore } from './account-store.ts';
import type { BlockHistory } from './block-history.ts';
import type { Blockhashes } from './blockhashes.ts';
import type { LandedTransaction, TransactionHistory } from './transaction-history.ts';

/** What became of the transactions handed to the bank, since it began. */
export interface BankCounters {
  /** Rebroadcasts included. */
  received: number;
  /** In a block, all instructions done. */
  succeeded: number;
  /** In a block, fee paid, nothing done. */
  failed: number;
  droppedBadSignature: number;
  droppedExpired: number;
  droppedRepeated: number;
  /** No block could hold it: an unpayable fee, a missing program, too many locks. */
  droppedNotExecutable: number;
  droppedPoolFull: number;
}

export interface BlockProducerOptions {
  readonly accounts: AccountStore;
  readonly blocks: BlockHistory;
  readonly blockhashes: Blockhashes;
  readonly history: TransactionHistory;
  readonly programs: ReadonlyMap<Address, Program>;
  readonly slotsPerEpoch: bigint;
  readonly onLanded: (landed: LandedTransaction) => void;
}

export interface BlockProducer {
  readonly counters: BankCounters;
  /**
   * Runs the transactions in the newest block, in order; returns how many of them are in it. What no block can hold is dropped and
   * counted. They read and write accounts as of this slot, the block's own unless told.
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

import { type Address, type Slot, slot } from '../../../serviceability/index.ts';
import type { Account } from '../runtime/index.ts';
import type { AccountStore, AccountWrite } from './account-store.ts';
import type { Block, BlockHistory } from './block-history.ts';
import { BLOCKHASH_LIFETIME, type Blockhashes } from './blockhashes.ts';
import type { LandedTransaction, TransactionHistory } from './transaction-history.ts';

export type Commitment = 'processed' | 'confirmed' | 'finalized';

/** The state as one commitment has it. */
export interface BankView {
  readonly slot: Slot;
  readonly blockHeight: bigint;
  account(address: Address): Account | undefined;
  accountsOf(owner: Address): Iterable<readonly [Address, Account]>;
  /** The accounts written from this slot on, each as it stands, in no order. */
  writtenSince(first: number): Iterable<AccountWrite>;
  latestBlockhash(): { readonly blockhash: string; readonly lastValidBlockHeight: bigint };
  isBlockhashValid(blockhash: string): boolean;
}

export interface LandedStatus {
  readonly landed: LandedTransaction;
  readonly slot: Slot;
  readonly confirmationStatus: Commitment;
  /** Blocks on top of it; null once it is finalized. */
  readonly confirmations: number | null;
  /** Whether it is new enough for the status cache (300 blocks), where a search without history finds it. */
  readonly isRecent: boolean;
}

/** What a node sees that is some blocks behind the tip. */
export interface Replica {
  view(commitment: Commitment): BankView;
  /** The newest blocks after this slot, at most 64, oldest first, each with the slot of the block before it. */
  blocksAfter(slot: number): readonly { readonly slot: number; readonly parent: number }[];
  status(signature: string): LandedStatus | undefined;
  /** Landed transactions that name the address and have reached this commitment, newest first. */
  naming(address: Address, commitment: Commitment): Iterable<LandedStatus>;
}

const STATUS_CACHE_BLOCKS = 300;
const MOST_BLOCKS = 64;

export interface ReplicaOptions {
  readonly blocks: BlockHistory;
  readonly blockhashes: Blockhashes;
  readonly accounts: AccountStore;
  readonly history: TransactionHistory;
  readonly lagBlocks: number;
  /** The newest height that was ever finalized at the tip. */
  readonly root: number;
  /** Blocks after which one is confirmed, and finalized. */
  readonly depth: Readonly<Record<Commitment, number>>;
  /** Blocks that a blockhash is honoured for. */
  readonly blockhashLifetime: number;
}

export function createReplica(options: ReplicaOptions): Replica {
  const { blocks, history, depth } = options;
  const tip = blocks.at(blocks.tip.height - options.lagBlocks).height;
  // After a fork the tip is lower, but what was finalized stays so.
  const finalized = Math.max(tip - depth.finalized, options.root - options.lagBlocks);
  const heightOf = (commitment: Commitment): number =>
    commitment === 'finalized' ? finalized : Math.max(tip - depth[commitment], finalized);

  const statusOf = (landed: LandedTransaction): LandedStatus | undefined => {
    const age = tip - landed.height;
    if (age < 0) return undefined;
    const reached = (commitment: Commitment): boolean => landed.height <= heightOf(commitment);
    const confirmationStatus = reached('finalized') ? 'finalized' : reached('confirmed') ? 'confirmed' : 'processed';
    return {
      landed,
      slot: slot(landed.slot),
      confirmationStatus,
      confirmations: confirmationStatus === 'finalized' ? null : age,
      isRecent: age <= STATUS_CACHE_BLOCKS,
    };
  };

  return {
    view: (commitment) => createView(options, blocks.at(heightOf(commitment))),
    blocksAfter(after) {
      const found = [];
      for (let height = tip; height > 0 && found.length < MOST_BLOCKS; height -= 1) {
        const block = blocks.at(height);
        if (block.slot <= after) break;
        found.unshift({ slot: block.slot, parent: blocks.at(height - 1).slot });
      }
      return found;
    },
    status(signature) {
      const landed = history.get(signature);
      return landed === undefined ? undefined : statusOf(landed);
    },
    *naming(address, commitment) {
      for (const landed of history.naming(address)) {
        const status = landed.height <= heightOf(commitment) ? statusOf(landed) : undefined;
        if (status !== undefined) yield status;
      }
    },
  };
}

function createView({ accounts, blockhashes, blockhashLifetime }: ReplicaOptions, block: Block): BankView {
  return {
    slot: slot(block.slot),
    blockHeight: BigInt(block.height),
    account: (address) => accounts.read(address, block.slot),
    accountsOf: (owner) => accounts.ownedBy(owner, block.slot),
    writtenSince: (first) => accounts.writtenIn(first, block.slot),
    latestBlockhash: () => ({
      blockhash: blockhashes.at(block.height),
      lastValidBlockHeight: BigInt(block.height + BLOCKHASH_LIFETIME),
    }),
    isBlockhashValid(blockhash) {
      const height = blockhashes.heightOf(blockhash);
      return height !== undefined && height <= block.height && block.height - height <= blockhashLifetime;
    },
  };
}

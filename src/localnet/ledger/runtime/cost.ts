import { type Lamports, lamports } from '../../../serviceability/index.ts';
import { type ParsedTransaction, writableAddresses } from '../transaction/index.ts';
import type { ComputeBudget } from './compute-budget.ts';

export const LAMPORTS_PER_SIGNATURE = 5000n;

/** 5,000 lamports a signature, and price · limit, rounded up, on top. */
export function transactionFee(transaction: ParsedTransaction, { unitLimit, microLamportsPerUnit }: ComputeBudget): Lamports {
  const priority = (BigInt(unitLimit) * microLamportsPerUnit + 999_999n) / 1_000_000n;
  return lamports(BigInt(transaction.header.requiredSignatures) * LAMPORTS_PER_SIGNATURE + priority);
}

const UNITS_PER_SIGNATURE = 720;
const UNITS_PER_WRITE_LOCK = 300;
const UNITS_PER_LOADED_PAGE = 8;
const LOADED_PAGE_BYTES = 32 * 1024;
const DATA_BYTES_PER_UNIT = 4;

/**
 * What the block scheduler books for a transaction: the units it asked for (not the ones it consumes), 720 a signature, 300 a write lock, a
 * unit for four bytes of instruction data, and 8 for each 32 KiB of accounts it may load (16,384 for the default 64 MiB).
 */
export function blockCost(transaction: ParsedTransaction, budget: ComputeBudget): number {
  const dataBytes = transaction.instructions.reduce((sum, { data }) => sum + data.length, 0);
  return (
    budget.unitLimit +
    transaction.header.requiredSignatures * UNITS_PER_SIGNATURE +
    writableAddresses(transaction).length * UNITS_PER_WRITE_LOCK +
    Math.floor(dataBytes / DATA_BYTES_PER_UNIT) +
    Math.ceil(budget.loadedAccountsBytes / LOADED_PAGE_BYTES) * UNITS_PER_LOADED_PAGE
  );
}

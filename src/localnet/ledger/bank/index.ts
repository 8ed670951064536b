export type { AccountWrite } from './account-store.ts';
export { createBank } from './bank.ts';
export type { Bank, BankOptions, BankState, ChainFaults } from './bank-contract.ts';
export type { BankCounters } from './block-producer.ts';
export { BLOCKHASH_LIFETIME } from './blockhashes.ts';
export type { PerformanceSample } from './performance.ts';
export type { BankView, Commitment, LandedStatus, Replica } from './replica.ts';
export type { LandedTransaction } from './transaction-history.ts';
export { BLOCK_UNITS_PER_WRITABLE_ACCOUNT } from './transaction-pool.ts';

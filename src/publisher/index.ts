/* The sizes of transactions are the SDK's; they are part of what packing promises. */
export { type ComputeRequest, MAX_TRANSACTION_BYTES, maxWritesPerTransaction, transactionBytes } from '../serviceability/index.ts';
export { type BuildTransactionOptions, buildTransaction, type SignedTransaction, type StatusWrite } from './build-transaction.ts';
export { type ComputeModel, createComputeModel } from './compute-budget.ts';
export { type Packed, packNext, type WaitingIntent } from './pack.ts';
export { trimRideAlongs } from './ride-alongs.ts';
export type { Signer } from './signer.ts';

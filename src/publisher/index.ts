/* The sizes of transactions are the SDK's; they are part of what packing promises. */
export { type ComputeRequest, MAX_TRANSACTION_BYTES, maxWritesPerTransaction, transactionBytes } from '../serviceability/index.ts';
export { type ComputeModel, createComputeModel, type Packed, packNext, trimRideAlongs, type WaitingIntent } from './batch.ts';
export { type BuildTransactionOptions, buildTransaction, type SignedTransaction, type Signer, type StatusWrite } from './transaction.ts';

export { type BuildTransactionOptions, buildTransaction, type SignedTransaction, type StatusWrite } from './build-transaction.ts';
export { type ComputeModel, type ComputeRequest, createComputeModel } from './compute-budget.ts';
export { type Packed, packNext, type WaitingIntent } from './pack.ts';
export { trimRideAlongs } from './ride-alongs.ts';
export type { Signer } from './signer.ts';
export { MAX_TRANSACTION_BYTES, maxWritesPerTransaction, transactionBytes } from './transaction-size.ts';

export {
  ComputeModel,
  isEarlyRefresh,
  type Packed,
  packNext,
  trimEarlyRefreshes,
  type WaitingIntent,
} from './batch.ts';
export {
  buildTransaction,
  type ComputeRequest,
  type ExecutedInstruction,
  instructionsOf,
  type SignedTransaction,
  type Signer,
  signInstructions,
} from './transaction.ts';

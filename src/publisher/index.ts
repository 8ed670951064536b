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
  isKeyAddress,
  type SignedTransaction,
  type Signer,
  signInstructions,
} from './transaction.ts';

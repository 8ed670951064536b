export type { LedgerProgram, WorldAdmin } from './admin.ts';
export { CONTRIBUTOR_SEED, FOUNDATION_SEED, WorldError } from './factories.ts';
export type { FaultPatch, LedgerFaults } from './faults.ts';
export {
  addressText,
  createLocalLedger,
  type LedgerEndpoint,
  type LedgerNode,
  type LocalLedger,
  type LocalLedgerOptions,
  ledgerSnapshotSchema,
} from './ledger.ts';
export { addressParam, invalidParams, type RpcMethods, readParams } from './rpc-types.ts';
export { createAccount, rentExemptMinimum } from './runtime.ts';
export type { LandedTransaction } from './stores.ts';
export {
  createSigner,
  decodeBase58,
  type Ed25519Signer,
  parseTransaction,
  signTransaction,
} from './transaction.ts';

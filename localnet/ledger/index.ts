export type { LedgerProgram, UserChange, WorldAdmin } from './admin.ts';
export type { Bank, BankView, Commitment, LandedStatus, Replica } from './bank.ts';
export type { BankCounters } from './blocks.ts';
export { CONTRIBUTOR_SEED, type DeviceChange, FOUNDATION_SEED, type NewDevice, type NewUser, WorldError } from './factories.ts';
export { type FaultPatch, type FaultSettings, type LedgerFaults, NO_FAULTS, type RpcFault } from './faults.ts';
export {
  addressText,
  createLocalLedger,
  type LedgerEndpoint,
  type LedgerNode,
  type LedgerSnapshot,
  type LocalLedger,
  type LocalLedgerOptions,
  ledgerSnapshotSchema,
} from './ledger.ts';
export { addressParam, invalidParams, type RpcMethods, readParams } from './rpc-types.ts';
export { type Account, createAccount, rentExemptMinimum, type TransactionErrorJson } from './runtime.ts';
export type { LandedTransaction } from './stores.ts';
export {
  createSigner,
  decodeBase58,
  type Ed25519Signer,
  type ParsedTransaction,
  parseTransaction,
  signTransaction,
} from './transaction.ts';

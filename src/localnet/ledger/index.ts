export { type DeviceChange, type NewDevice, type NewUser, type UserChange, type WorldAdmin, WorldError } from './admin/index.ts';
export type { Bank, BankCounters, BankView, Commitment, LandedStatus, LandedTransaction, Replica } from './bank/index.ts';
export { type FaultPatch, type FaultSettings, type LedgerFaults, NO_FAULTS, type RpcFault } from './faults/index.ts';
export { addressText, type LedgerSnapshot, ledgerSnapshotSchema } from './ledger-snapshot.ts';
export { createLocalLedger, type LedgerEndpoint, type LedgerNode, type LocalLedger, type LocalLedgerOptions } from './local-ledger.ts';
export { addressParam, invalidParams, type RpcMethods, readParams } from './rpc/index.ts';
export { type Account, createAccount, rentExemptMinimum, type TransactionErrorJson } from './runtime/index.ts';
export { createSigner, decodeBase58, type Ed25519Signer, type ParsedTransaction, parseTransaction } from './transaction/index.ts';

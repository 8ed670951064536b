export { type FaultPatch, type FaultSettings, faultPatchSchema, NO_FAULTS, type RpcFault } from './fault-settings.ts';
export { createLedgerFaults, type LedgerFaults } from './ledger-faults.ts';

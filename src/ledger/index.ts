export type { EndpointEvent } from './endpoint-health.ts';
export { parseEndpointUrl } from './endpoint-url.ts';
export type {
  AccountInfo,
  LedgerRpc,
  SendOutcome,
  SignatureStatus,
  SimulationResult,
  TransactionErrorJson,
} from './ledger-rpc.ts';
export { createLedgerRpc, type LedgerRpcOptions } from './ledger-rpc-client.ts';

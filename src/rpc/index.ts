export { createLedgerRpc, type LedgerRpc, type LedgerRpcClient, type LedgerRpcOptions } from './client.ts';
export type { EndpointEvent } from './endpoint.ts';
export { type EndpointTraffic, MAX_LAG_SLOTS } from './failover.ts';
export { type AccountInfo, decodeOwned, type ListedTransaction, type SignatureStatus, type TransactionErrorJson } from './responses.ts';
export { SendAttempts, type SendOutcome } from './send-outcome.ts';
export {
  openEndpoints,
  type ProgramAccounts,
  readEpoch,
  readNetworkUsers,
  readProgramAccounts,
  type SingleEndpoint,
} from './single-endpoint.ts';
export { ROLLBACK_AFTER_MS, type SlotProgress, standstillSince } from './slots.ts';
export {
  HttpJsonRpc,
  type JsonRpc,
  type JsonRpcOptions,
  parseEndpointUrl,
  parseEndpointUrls,
  type Resolve,
  type RpcReply,
  type RpcRequest,
} from './transport.ts';
export { createUserViewReader, type DeviceAuthority, readDeviceAuthority } from './users.ts';

export type { LedgerRpc } from './client.ts';
export {
  createLedgerRpc,
  type LedgerRpcClient,
  type LedgerRpcOptions,
  openEndpoints,
  type SingleEndpoint,
} from './client.ts';
export type { EndpointEvent } from './endpoint.ts';
export { type EndpointTraffic, MAX_LAG_SLOTS } from './failover.ts';
export { type AccountInfo, decodeOwned, type ListedTransaction, type SignatureStatus, type TransactionErrorJson } from './responses.ts';
export { SendAttempts, type SendOutcome } from './send-outcome.ts';
export { ROLLBACK_AFTER_MS, type SlotProgress, standstillSince } from './slots.ts';
export {
  createJsonRpc,
  type JsonRpc,
  type JsonRpcOptions,
  parseEndpointUrl,
  parseEndpointUrls,
  type Resolve,
  type RpcReply,
  type RpcRequest,
} from './transport.ts';
export {
  createUserViewReader,
  type DeviceAuthority,
  type ProgramAccounts,
  readDeviceAuthority,
  readEpoch,
  readNetworkUsers,
  readProgramAccounts,
} from './users.ts';

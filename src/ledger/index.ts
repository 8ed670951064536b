export type { Resolve, ResolvedAddress } from './address-book.ts';
export { type DeviceAuthority, type DeviceAuthorityQuery, readDeviceAuthority } from './device-authority.ts';
export type { EndpointEvent } from './endpoint-health.ts';
export { parseEndpointUrl, parseEndpointUrls } from './endpoint-url.ts';
export type { EndpointTraffic } from './endpoints.ts';
export { createJsonRpc, type JsonRpc, type JsonRpcOptions, type RpcReply, type RpcRequest } from './json-rpc.ts';
export type {
  AccountInfo,
  LedgerRpc,
  SendOutcome,
  SignatureStatus,
  SimulationResult,
  TransactionErrorJson,
} from './ledger-rpc.ts';
export { createLedgerRpc, type LedgerRpcClient, type LedgerRpcOptions } from './ledger-rpc-client.ts';
export { type NetworkUsersQuery, readNetworkUsers } from './network-users.ts';
export { type EndpointProbe, type OpenEndpointsOptions, openEndpoints, type SingleEndpoint } from './open-endpoints.ts';
export { createSlotClock, type SlotClock, type SlotClockOptions } from './slot-clock.ts';
export { createUserViewReader, type UserViewReader, type UserViewReaderOptions } from './user-view-reader.ts';

export { createEndpoint, type Endpoint } from './endpoint.ts';
export { createRpcHandler, type RpcHandler } from './handler.ts';
export { createRpcServer, type RpcServer } from './http-server.ts';
export { parseBody } from './json-rpc.ts';
export { createLocalnetMethods } from './methods/localnet-methods.ts';
export { addressParam, readParams } from './params.ts';
export { invalidParams, RpcCode } from './rpc-error.ts';
export type { RpcMethod, RpcMethods } from './rpc-method.ts';

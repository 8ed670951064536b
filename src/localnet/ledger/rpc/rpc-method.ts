import type { Endpoint } from './endpoint.ts';

/** One JSON-RPC method: reads its parameters, answers with a JSON value (bigints allowed), throws RpcError. */
export type RpcMethod = (endpoint: Endpoint, params: readonly unknown[]) => unknown;

export type RpcMethods = Readonly<Record<string, RpcMethod>>;

import { z } from 'zod';
import { RpcCode, RpcError } from './rpc-error.ts';

export interface RpcRequest {
  /** undefined: a notification, which gets no answer. */
  readonly id: string | number | null | undefined;
  readonly method: string;
  readonly params: readonly unknown[];
}

export type RpcResponse =
  | { readonly jsonrpc: '2.0'; readonly id: string | number | null; readonly result: unknown }
  | {
      readonly jsonrpc: '2.0';
      readonly id: string | number | null;
      readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
    };

/** One parsed body: its requests, or the answer that it gets for being none. Positions are kept, a batch is answered as a batch. */
export interface RpcBody {
  readonly isBatch: boolean;
  readonly requests: readonly (RpcRequest | RpcError)[];
}

/** Reads a JSON-RPC 2.0 body. What is no request becomes the RpcError that answers it; it never throws. */
export function parseBody(text: string): RpcBody {
  const json = parseJson(text);
  if (json instanceof RpcError) return { isBatch: false, requests: [json] };
  if (!Array.isArray(json)) return { isBatch: false, requests: [parseRequest(json)] };
  if (json.length === 0) return { isBatch: false, requests: [new RpcError(RpcCode.invalidRequest, 'Invalid request')] };
  return { isBatch: true, requests: json.map(parseRequest) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return new RpcError(RpcCode.parseError, 'Parse error');
  }
}

const envelope = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string(),
  params: z.unknown().optional(),
});

function parseRequest(value: unknown): RpcRequest | RpcError {
  const result = envelope.safeParse(value);
  if (!result.success) return new RpcError(RpcCode.invalidRequest, 'Invalid request');
  const { id, method, params } = result.data;
  if (params === undefined || params === null) return { id, method, params: [] };
  return { id, method, params: Array.isArray(params) ? params : [params] };
}

export function answerError(id: RpcRequest['id'], { code, message, data }: RpcError): RpcResponse {
  return { jsonrpc: '2.0', id: id ?? null, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

export function answerResult(id: RpcRequest['id'], result: unknown): RpcResponse {
  return { jsonrpc: '2.0', id: id ?? null, result };
}

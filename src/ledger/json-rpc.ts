import PQueue from 'p-queue';
import { type Breathe, type Clock, DeadlineExceeded, parseJsonInSlices, timeSlices, withDeadline } from '../lib/index.ts';
import { type Resolve, resolveHost } from './address-book.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import { createHttpPool } from './http-pool.ts';
import { type HttpReply, type OnBytes, postJson, type RequestProgress } from './http-post.ts';
import { isRecord } from './json.ts';
import { retryAfterMs } from './retry-after.ts';

/** What one endpoint made of one JSON-RPC 2.0 request. Nothing in it has been believed yet but the envelope. */
export type RpcReply = { readonly kind: 'result'; readonly value: unknown } | (RpcTrouble & { readonly address?: string });

/** `address`, where there is one: which of the addresses behind the host's name was in use. */
type RpcTrouble =
  | { readonly kind: 'rpc-error'; readonly code: number; readonly message: string; readonly data: unknown }
  | { readonly kind: 'http-error'; readonly status: number; readonly retryAfterMs?: number }
  | { readonly kind: 'garbled'; readonly problem: string }
  | { readonly kind: 'failed'; readonly progress: RequestProgress | 'queued' | 'overflow'; readonly cause: Error };

export interface RpcRequest {
  readonly method: string;
  readonly params: readonly unknown[];
  /** Sends overtake reads that wait for a free connection. */
  readonly urgent?: boolean;
}

export interface JsonRpcOptions {
  readonly url: EndpointUrl;
  readonly clock: Clock;
  /** Most sockets to this endpoint, each with one request at a time. */
  readonly connections: number;
  /** Most requests that may wait for a free connection; one more fails at once. */
  readonly maxWaiting: number;
  /** Upper bound for one request, waiting included, milliseconds. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** How host names become addresses; the host's own resolver unless told. */
  readonly resolve?: Resolve | undefined;
  readonly onBytes?: OnBytes | undefined;
}

export interface JsonRpc {
  /** Never throws: everything that can happen is a reply. */
  call(request: RpcRequest, signal: AbortSignal): Promise<RpcReply>;
  /** Ends the sockets; calls under way fail. Idempotent. */
  close(): Promise<void>;
}

/** JSON-RPC to one endpoint over a bounded pool of keep-alive connections. The first call opens the first socket. */
export function createJsonRpc(options: JsonRpcOptions): JsonRpc {
  const { url, clock, timeoutMs, maxResponseBytes, onBytes } = options;
  const pool = createHttpPool({
    origin: url.origin,
    connections: options.connections,
    timeoutMs,
    maxResponseBytes,
    resolve: options.resolve ?? resolveHost,
  });
  const queue = new PQueue({ concurrency: options.connections });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'accept-encoding': 'gzip',
    ...(url.authorization === undefined ? {} : { authorization: url.authorization }),
  };
  let lastId = 0;

  const postOn = async (body: string, signal: AbortSignal): Promise<HttpReply> => {
    const dispatcher = pool.current();
    const reply = await postJson(dispatcher, { path: url.path, headers, body, maxResponseBytes, onBytes }, signal);
    if (reply.kind !== 'failed' || (signal.aborted && !(signal.reason instanceof DeadlineExceeded))) return reply;
    pool.leave(dispatcher);
    const address = pool.addressOf(dispatcher);
    return address === undefined ? reply : { ...reply, address };
  };

  const post = async (body: string, urgent: boolean, signal: AbortSignal): Promise<HttpReply | (RpcReply & { kind: 'failed' })> => {
    if (queue.size >= options.maxWaiting) return { kind: 'failed', progress: 'overflow', cause: new Error(`${queue.size} are waiting`) };
    let posted: Promise<HttpReply> | undefined;
    try {
      return await queue.add(
        () => {
          posted = postOn(body, signal);
          return posted;
        },
        { priority: urgent ? 1 : 0, signal },
      );
    } catch (cause) {
      // The queue gives up at the abort itself; only the post knows how far the request had come by then.
      return posted ?? { kind: 'failed', progress: 'queued', cause: cause instanceof Error ? cause : new Error(String(cause)) };
    }
  };

  return {
    async call({ method, params, urgent = false }, signal) {
      const id = ++lastId;
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
      try {
        const reply = await withDeadline(timeoutMs, signal, (inner) => post(body, urgent, inner));
        return reply.kind === 'answered' ? at(pool.addressOf(pool.current()), await readReply(reply, id, clock, signal)) : reply;
      } catch (cause) {
        return { kind: 'failed', progress: 'offered', cause: cause instanceof Error ? cause : new Error(String(cause)) };
      }
    },
    close: pool.close,
  };
}

function at(address: string | undefined, reply: RpcReply): RpcReply {
  return address === undefined || reply.kind === 'result' ? reply : { ...reply, address };
}

async function readReply(reply: HttpReply & { kind: 'answered' }, id: number, clock: Clock, signal: AbortSignal): Promise<RpcReply> {
  const ok = reply.status >= 200 && reply.status < 300;
  const envelope = reply.status === 429 ? undefined : await parseEnvelope(reply.body, id, timeSlices(clock, signal));
  // Gateways answer in their own words, nodes in JSON-RPC under any status; a node's own words say more.
  if (envelope !== undefined && (ok || envelope.kind === 'rpc-error')) return envelope;
  const wait = retryAfterMs(reply.header('retry-after'), reply.header('date'), clock.wall());
  return { kind: 'http-error', status: reply.status, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
}

async function parseEnvelope(body: Buffer, id: number, breathe: Breathe): Promise<RpcReply> {
  let parsed: unknown;
  try {
    // Only the list of a device's users is ever large.
    parsed = await parseJsonInSlices(body, ['result', 'value'], breathe);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: 'garbled', problem: looksLikeHtml(body) ? 'an HTML page' : `${body.length} bytes that are not whole JSON` };
  }
  if (!isRecord(parsed) || parsed.jsonrpc !== '2.0') return { kind: 'garbled', problem: 'JSON that is not a JSON-RPC 2.0 answer' };
  const { error } = parsed;
  if (isRecord(error) && typeof error.code === 'number' && Number.isInteger(error.code)) {
    // A node that could not even read the request has no id to repeat.
    if (parsed.id !== id && parsed.id !== null) return { kind: 'garbled', problem: 'the answer to another request' };
    return { kind: 'rpc-error', code: error.code, message: typeof error.message === 'string' ? error.message : '', data: error.data };
  }
  if (parsed.id !== id) return { kind: 'garbled', problem: 'the answer to another request' };
  if (!('result' in parsed) || parsed.error != null) return { kind: 'garbled', problem: 'neither a result nor an error' };
  return { kind: 'result', value: parsed.result };
}

function looksLikeHtml(body: Buffer): boolean {
  return /^\s*</.test(body.subarray(0, 64).toString('latin1'));
}

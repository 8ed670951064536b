import { isRecord } from './json.ts';
import { ServiceabilityError } from './serviceability-error.ts';

/**
 * One JSON-RPC request to a node: resolves with its `result`, rejects with whatever went wrong. All that this SDK needs of a transport, so
 * that an application can bring its own with failover, credentials and limits.
 */
export type RpcCall = (method: string, params: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

/** What of an answer to `fetch` is used. */
export interface FetchAnswer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** `fetch`, as narrow as it is needed here. */
export type FetchLike = (
  url: string,
  init: {
    readonly method: 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<FetchAnswer>;

/** Settings of fetchRpc. */
export interface FetchRpcOptions {
  /** The global `fetch` unless told. */
  readonly fetch?: FetchLike;
  /** For request and answer together, milliseconds; 10,000 unless told. */
  readonly timeoutMs?: number;
  /** An answer above this many bytes is refused; 64 MiB unless told. */
  readonly maxBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BYTES = 64 * 1_024 * 1_024;

/**
 * An RpcCall over `fetch` to one node: no retries, no pooling of its own. It rejects with ServiceabilityError: `RPC__HTTP` for a status other
 * than 2xx, `RPC__ERROR` for an error of JSON-RPC, `RPC__BAD_ANSWER` for anything that is no JSON-RPC, `RPC__TIMEOUT`; else with what `fetch`
 * rejects with, or the reason of an aborted signal.
 */
export function fetchRpc(
  url: string,
  { fetch = globalThis.fetch, timeoutMs, maxBytes = DEFAULT_MAX_BYTES }: FetchRpcOptions = {},
): RpcCall {
  const deadlineMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let id = 0;
  return async (method, params, signal) => {
    id += 1;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return withDeadline(deadlineMs, new ServiceabilityError('RPC__TIMEOUT', { method, timeoutMs: deadlineMs }), signal, async (inner) => {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: inner });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw new ServiceabilityError('RPC__HTTP', { method, status: answer.status });
      }
      return readResult(await readText(answer, maxBytes, method), method);
    });
  };
}

/** Ends with the signal or the deadline, whichever is first, and leaves neither a timer nor a listener behind. */
async function withDeadline<T>(ms: number, late: Error, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const inner = new AbortController();
  const onAbort = (): void => inner.abort(signal.reason);
  const timer = setTimeout(() => inner.abort(late), ms);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(inner.signal);
  } catch (error) {
    throw inner.signal.aborted ? inner.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function readText({ body }: FetchAnswer, maxBytes: number, method: string): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let total = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    total += value.length;
    if (total > maxBytes) {
      await reader.cancel();
      throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: `it is longer than ${maxBytes} bytes` });
    }
    text += decoder.decode(value, { stream: true });
  }
}

function readResult(text: string, method: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'it is not JSON' });
  }
  if (isRecord(json) && isRecord(json.error)) {
    const { code, message } = json.error;
    throw new ServiceabilityError('RPC__ERROR', { method, code: Number(code), message: String(message).slice(0, 200) });
  }
  if (!isRecord(json) || !('result' in json)) throw new ServiceabilityError('RPC__BAD_ANSWER', { method, problem: 'it has no result' });
  return json.result;
}

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** How far a request came: what was never offered to the endpoint cannot have had an effect. */
export type RequestProgress = 'waiting' | 'offered' | 'answering';

export type HttpReply =
  | { readonly kind: 'answered'; readonly status: number; readonly header: (name: string) => string | undefined; readonly body: Buffer }
  | { readonly kind: 'garbled'; readonly problem: string }
  | { readonly kind: 'failed'; readonly progress: RequestProgress; readonly cause: Error; readonly address?: string };

export interface HttpPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Upper bound of the body once unpacked, bytes. */
  readonly maxResponseBytes: number;
  readonly onBytes?: OnBytes | undefined;
}

/** Told of bytes of bodies as they go over the wire, packed ones as they are; what HTTP, TLS and TCP add is not among them. */
export type OnBytes = (direction: 'sent' | 'received', bytes: number) => void;

/** A keep-alive socket that the server closed in the very moment we wrote to it dies with one of these. */
const RESETS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
/** How undici ends an answer beyond the pool's maxResponseSize. */
const TOO_LARGE: ReadonlySet<unknown> = new Set(['UND_ERR_RES_EXCEEDED_MAX_SIZE']);

const unpack = promisify(gunzip);

/**
 * Posts once, and once more when the connection died before the first byte of an answer: the race between a server's keep-alive limit and our
 * write. Everything this agent posts may be said twice, signed transactions too (the same bytes have the same signature).
 * Never throws; an aborted signal is a failure with the signal's reason as cause.
 */
export async function postJson(dispatcher: Dispatcher, post: HttpPost, signal: AbortSignal): Promise<HttpReply> {
  const first = await postOnce(dispatcher, post, signal);
  if (first.kind !== 'failed' || first.progress !== 'offered' || signal.aborted || !hasCode(first.cause, RESETS)) return first;
  const second = await postOnce(dispatcher, post, signal);
  return second.kind === 'failed' && second.progress === 'waiting' ? { ...second, progress: 'offered' } : second;
}

async function postOnce(dispatcher: Dispatcher, post: HttpPost, signal: AbortSignal): Promise<HttpReply> {
  const reply = await dispatch(dispatcher, post, signal);
  if (reply.kind !== 'answered' || reply.header('content-encoding') !== 'gzip') return reply;
  try {
    return { ...reply, body: await unpack(reply.body, { maxOutputLength: post.maxResponseBytes }) };
  } catch (error) {
    return { kind: 'garbled', problem: `a gzip body that does not unpack (${asError(error).message})` };
  }
}

function dispatch(dispatcher: Dispatcher, post: HttpPost, signal: AbortSignal): Promise<HttpReply> {
  return new Promise((resolve) => {
    let progress: RequestProgress = 'waiting';
    let abortRequest: ((reason: Error) => void) | undefined;
    let status = 0;
    let header: (name: string) => string | undefined = () => undefined;
    const chunks: Buffer[] = [];

    const settle = (reply: HttpReply): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(reply);
    };
    const fail = (error: unknown): void => settle({ kind: 'failed', progress, cause: asError(error) });
    const onAbort = (): void => {
      fail(signal.reason);
      abortRequest?.(asError(signal.reason));
    };
    if (signal.aborted) {
      fail(signal.reason);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const handler: Dispatcher.DispatchHandler = {
      // Called when a socket is connected and the request is about to be written to it: from here on the endpoint may have it.
      onRequestStart(controller) {
        abortRequest = (reason) => controller.abort(reason);
        if (signal.aborted) return abortRequest(asError(signal.reason));
        progress = 'offered';
        post.onBytes?.('sent', Buffer.byteLength(post.body));
      },
      onResponseStart(_, statusCode, headers) {
        if (statusCode < 200) return;
        progress = 'answering';
        status = statusCode;
        header = (name) => {
          const value = headers[name];
          return typeof value === 'string' ? value : value?.[0];
        };
      },
      onResponseData(_, chunk) {
        chunks.push(chunk);
        post.onBytes?.('received', chunk.length);
      },
      onResponseEnd() {
        settle({ kind: 'answered', status, header, body: Buffer.concat(chunks) });
      },
      onResponseError(_, error) {
        if (hasCode(error, TOO_LARGE)) settle({ kind: 'garbled', problem: `more than ${post.maxResponseBytes} bytes` });
        else fail(error);
      },
    };
    try {
      dispatcher.dispatch({ method: 'POST', path: post.path, headers: post.headers, body: post.body }, handler);
    } catch (error) {
      fail(error);
    }
  });
}

function hasCode(error: Error, codes: ReadonlySet<unknown>): boolean {
  return 'code' in error && codes.has(error.code);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

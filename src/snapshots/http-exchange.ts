import { Agent, readBody, request } from '../lib/http.ts';
import { describeError, withDeadline } from '../lib/index.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HttpReply {
  readonly status: number;
  /** A header's value, the first where there are several; the name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

/** No answer came, for whatever reason; the message says which, without any part of a URL. */
export class NoReply extends Error {
  override readonly name = 'NoReply';
}

export interface HttpExchange {
  /** Sends one request and reads its answer. No redirect is followed. Throws NoReply, or the signal's reason. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  close(): Promise<void>;
}

/** Lists of what to collect are a few kilobytes; an upload is answered with next to nothing. */
const MAX_REPLY_BYTES = 1 << 20;
/** Between two rounds every connection is closed, by us rather than by a server that is just being written to. */
const KEEP_ALIVE_MS = 4_000;
const MAX_CONNECTIONS = 4;
/** How a kept connection dies that the server closed in the very moment we wrote to it. */
const RESETS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** HTTP with bounds: connections, time, and the size of answers. Nothing is opened before the first request. */
export function createHttpExchange({ timeoutMs }: { readonly timeoutMs: number }): HttpExchange {
  let agent: Agent | undefined;

  async function once({ method, url, headers = {}, body }: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    agent ??= new Agent({ connections: MAX_CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0 });
    const { origin, pathname, search } = url;
    const path = `${pathname}${search}`;
    const reply = await request.call(agent, { origin, path, method, headers, signal, ...(body === undefined ? {} : { body }) });
    const tooLarge = (): Error => new NoReply(`the answer has more than ${MAX_REPLY_BYTES} bytes`);
    const received = await readBody(reply.body, MAX_REPLY_BYTES, tooLarge);
    return {
      status: reply.statusCode,
      header: (name) => {
        const value = reply.headers[name];
        return typeof value === 'string' ? value : value?.[0];
      },
      body: received,
    };
  }

  return {
    async send(sent, signal) {
      try {
        return await withDeadline(timeoutMs, signal, async (inner) => {
          try {
            return await once(sent, inner);
          } catch (error) {
            // Everything that is sent here may be said twice.
            if (inner.aborted || !isReset(error)) throw error;
            return await once(sent, inner);
          }
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw error instanceof NoReply ? error : new NoReply(describeError(error), { cause: error });
      }
    },
    async close() {
      await agent?.destroy();
    },
  };
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && RESETS.has(error.code);
}

import { isUtf8 } from 'node:buffer';
import { isIPv6, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { EpochMs } from './clock.ts';
import { asError, describeError, hostInUrl, isLoopbackHost } from './errors.ts';

export { buildConnector, Dispatcher } from 'undici';

/** How far a request came. What was never offered to the server cannot have had an effect. */
export type HttpProgress = 'waiting' | 'offered' | 'answering';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Scheme, host and port: `https://10.0.0.1:443`. */
  readonly origin: string;
  /** Path and query, as the request line has them. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Never sent a second time, not even after a reset. */
  readonly once?: boolean;
  /** Upper bound of the reply's body, where it is another one than the client's. */
  readonly maxBodyBytes?: number;
}

export interface HttpReply {
  readonly status: number;
  /** The first value of a header; its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** All values of a header that may be repeated, such as `set-cookie`. */
  readonly headers: (name: string) => readonly string[];
  /** Unpacked. */
  readonly body: Buffer;
}

/**
 * A request without a usable reply. `connection`: none could be made, or it was lost. `too-large`: the body exceeds its bound, packed or
 * unpacked. `malformed`: the body does not unpack. `aborted`: the signal ended it; the cause is the signal's reason.
 */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly problem: 'connection' | 'too-large' | 'malformed' | 'aborted',
    readonly progress: HttpProgress,
    /** Bytes of the body that had arrived. */
    readonly receivedBytes: number,
    message: string,
    override readonly cause: Error,
  ) {
    super(message, { cause });
  }

  /** The connection died after the request was offered and before the first byte of a reply. */
  get wasReset(): boolean {
    return this.problem === 'connection' && this.progress === 'offered' && hasCode(this.cause, RESETS);
  }
}

/** What a client needs of undici's dispatchers. */
export type HttpDispatcher = Pick<Dispatcher, 'dispatch' | 'close' | 'destroy'>;

export interface HttpClientOptions {
  /** Most sockets to one origin, each with one request at a time. */
  readonly connections: number;
  /** How long an idle socket is kept, milliseconds. */
  readonly keepAliveMs: number;
  /** Upper bound of a body, packed and unpacked, bytes. */
  readonly maxBodyBytes: number;
  /** How sockets are opened: TLS, a Unix socket, a resolver. undici's own way by default. */
  readonly connect?: buildConnector.connector;
  /** What carries the requests; sockets by default. A simulation has a network of its own. */
  readonly dispatcher?: HttpDispatcher;
  /** Goes through the proxy that the environment names for the origin (see `proxyFor`). `connect` is then the proxy's own way. */
  readonly useProxy?: boolean;
  /** Called with the bytes of bodies as they pass the wire, packed ones as they are. */
  readonly onBytes?: (direction: 'sent' | 'received', bytes: number) => void;
}

/** A server may close an idle socket at the moment of our write; the request then dies with one of these. */
const RESETS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const unpack = promisify(gunzip);

/** In chunks of one byte, each byte of a body takes six on the wire. The rest is for headers and trailers. */
const MAX_WIRE_BYTES_PER_BYTE = 6;
const MAX_HEAD_BYTES = 1 << 20;

/**
 * Closes a connection on which more than `maxBytes` follow a request. Interim responses, chunk extensions and trailers count towards no body, so
 * without this bound they could continue until the deadline.
 */
function withBoundedAnswers(connect: buildConnector.connector, maxBytes: number): buildConnector.connector {
  const bound = (socket: Socket): void => {
    let [written, before] = [-1, 0];
    socket.on('readable', () => {
      if (socket.bytesWritten !== written) [written, before] = [socket.bytesWritten, socket.bytesRead];
      else if (socket.bytesRead - before > maxBytes) socket.destroy(new Error(`an answer of more than ${maxBytes} bytes`));
    });
  };
  return (options, callback) =>
    connect(options, (...result) => {
      if (result[0] === null) bound(result[1]);
      callback(...result);
    });
}

/**
 * HTTP/1.1 over keep-alive sockets, with a bounded body. It follows no redirect. The first request opens the first socket.
 * A deadline is the caller's: `withDeadline(ms, signal, (inner) => http.send(request, inner))`.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  #agent: HttpDispatcher | undefined;
  #isClosed = false;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * Sends one request and reads the reply. Sends it a second time when the connection died before the first byte of a reply, unless it is one to
   * send `once`. Throws HttpError and nothing else.
   */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    try {
      return await this.#sendOnce(request, signal);
    } catch (error) {
      if (request.once || signal.aborted || !(error instanceof HttpError) || !error.wasReset) throw error;
    }
    try {
      return await this.#sendOnce(request, signal);
    } catch (error) {
      if (!(error instanceof HttpError) || error.progress !== 'waiting') throw error;
      throw new HttpError(error.problem, 'offered', error.receivedBytes, error.message, error.cause);
    }
  }

  /** Lets the requests under way end, then closes the sockets. Nothing may be sent afterwards. */
  async retire(): Promise<void> {
    this.#isClosed = true;
    await this.#agent?.close();
  }

  /** Ends the sockets; requests under way fail with `reason`. Idempotent. */
  async close(reason: Error = new Error('the HTTP client is closed')): Promise<void> {
    this.#isClosed = true;
    await this.#agent?.destroy(reason);
  }

  async #sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const reply = await this.#dispatch(request, signal);
    const { maxBodyBytes = this.#options.maxBodyBytes } = request;
    try {
      return { ...reply, body: await unpacked(reply, maxBodyBytes) };
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      // The status is more useful than the body. A proxy's own error page can carry a wrong content encoding.
      if (reply.status >= 300) return { ...reply, body: isUtf8(reply.body) ? reply.body : Buffer.alloc(0) };
      throw error;
    }
  }

  #open(origin: string): HttpDispatcher {
    const { connections, keepAliveMs, maxBodyBytes, connect, useProxy = false } = this.#options;
    // Deadlines are the signal's, so undici's own are off.
    const timeouts = { keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs, headersTimeout: 0, bodyTimeout: 0 };
    // Said in so many words: the default is NODE_TLS_REJECT_UNAUTHORIZED's.
    const tls = { rejectUnauthorized: true };
    const bounded = (by: buildConnector.connector) => withBoundedAnswers(by, MAX_WIRE_BYTES_PER_BYTE * maxBodyBytes + MAX_HEAD_BYTES);
    const options = { connections, pipelining: 1, ...timeouts, connect: bounded(connect ?? buildConnector(tls)) };
    const proxy = useProxy ? proxyFor(origin) : undefined;
    if (proxy === undefined) return new Agent(options);
    // A proxy's agent opens sockets by its own function, which it gives to the pool.
    const factory = (to: string | URL, { connect: own, ...given }: Pool.Options): Pool =>
      new Pool(to, { ...given, connect: typeof own === 'function' ? bounded(own) : own });
    return new ProxyAgent({ ...options, uri: proxy.url, requestTls: tls, proxyTls: tls, factory });
  }

  /** A connection that could not be made, with the proxy named: the endpoint's own address is not what failed to answer. */
  #throughProxy(origin: string, cause: Error): Error {
    const proxy = this.#options.useProxy ? proxyFor(origin) : undefined;
    if (proxy === undefined) return cause;
    return new Error(`through the proxy ${new URL(proxy.url).host} of ${proxy.variable}: ${describeError(cause)}`, { cause });
  }

  #dispatch({ method, origin, path, headers = {}, body, ...bound }: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    const { onBytes } = this.#options;
    const { maxBodyBytes = this.#options.maxBodyBytes } = bound;
    return new Promise((resolve, reject) => {
      let progress: HttpProgress = 'waiting';
      let abortRequest: ((reason: Error) => void) | undefined;
      let head: Pick<HttpReply, 'status' | 'header' | 'headers'> | undefined;
      let received = 0;
      // One buffer that grows: a list of chunks of one byte each would take a hundred times its bytes.
      let whole = Buffer.alloc(0);

      const fail = (problem: HttpError['problem'], cause: Error, message = cause.message): void => {
        signal.removeEventListener('abort', onAbort);
        reject(new HttpError(problem, progress, received, message, cause));
      };
      const onAbort = (): void => {
        const reason = asError(signal.reason);
        const isConnecting = progress === 'waiting' && this.#agent !== undefined;
        fail('aborted', reason, isConnecting ? this.#throughProxy(origin, reason).message : undefined);
        abortRequest?.(reason);
      };
      if (signal.aborted) return onAbort();
      if (this.#isClosed) return fail('connection', new Error('the HTTP client is closed'));
      signal.addEventListener('abort', onAbort, { once: true });

      const handler: Dispatcher.DispatchHandler = {
        // undici calls this with a socket at hand, before it writes: from here on the server may have the request.
        onRequestStart(controller) {
          abortRequest = (reason) => controller.abort(reason);
          if (signal.aborted) return abortRequest(asError(signal.reason));
          progress = 'offered';
          if (body !== undefined) onBytes?.('sent', Buffer.byteLength(body));
        },
        onResponseStart(_, status, values) {
          if (status < 200) return;
          progress = 'answering';
          const all = (name: string): readonly string[] => [values[name] ?? []].flat();
          head = { status, headers: all, header: (name) => all(name)[0] };
          whole = Buffer.allocUnsafe(Math.min(Math.max(0, Number(all('content-length')[0]) || 0), maxBodyBytes));
        },
        onResponseData(controller, chunk) {
          received += chunk.length;
          onBytes?.('received', chunk.length);
          if (received <= maxBodyBytes) {
            if (received > whole.length) whole = Buffer.concat([whole], Math.max(received, Math.min(2 * whole.length, maxBodyBytes)));
            return void chunk.copy(whole, received - chunk.length);
          }
          const error = new Error(`more than ${maxBodyBytes} bytes`);
          fail('too-large', error);
          controller.abort(error);
        },
        onResponseEnd() {
          signal.removeEventListener('abort', onAbort);
          if (head === undefined) fail('connection', new Error('no response'));
          else resolve({ ...head, body: whole.subarray(0, received) });
        },
        onResponseError: (_, error) => fail('connection', progress === 'waiting' ? this.#throughProxy(origin, error) : error),
      };
      try {
        this.#agent ??= this.#options.dispatcher ?? this.#open(origin);
        this.#agent.dispatch({ method, origin, path, headers, body }, handler);
      } catch (error) {
        fail('connection', asError(error));
      }
    });
  }
}

/**
 * Milliseconds to wait by a Retry-After header (RFC 9110 10.2.3), either seconds or an HTTP date; undefined when it is neither. A date is
 * compared with the answer's own Date where there is one, because the two clocks may differ.
 */
export function retryAfterMs(value: string | undefined, answeredAt: string | undefined, wall: EpochMs): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const until = Date.parse(text);
  if (Number.isNaN(until) || !/[A-Za-z]{3}/.test(text)) return undefined;
  const from = Date.parse(answeredAt ?? '');
  return Math.max(0, until - (Number.isNaN(from) ? wall : from));
}

/** The body of a reply without its content encoding. Throws HttpError `too-large` or `malformed`. */
async function unpacked({ body, header }: HttpReply, maxBodyBytes: number): Promise<Buffer> {
  const encoding = header('content-encoding')?.trim().toLowerCase();
  if (encoding === 'gzip' || encoding === 'x-gzip') {
    try {
      return await unpack(body, { maxOutputLength: maxBodyBytes });
    } catch (error) {
      const cause = asError(error);
      const problem = hasCode(cause, TOO_LARGE) ? 'too-large' : 'malformed';
      throw new HttpError(problem, 'answering', body.length, `a gzip body that cannot be unpacked (${cause.message})`, cause);
    }
  }
  // Some servers put a charset there, so only a body that is not text counts as packed.
  if (encoding === undefined || isUtf8(body)) return body;
  const problem = new Error(`a body with content encoding “${encoding.slice(0, 40)}”, which the agent did not request`);
  throw new HttpError('malformed', 'answering', body.length, problem.message, problem);
}

/**
 * The URL of the proxy for an origin: HTTPS_PROXY or HTTP_PROXY by its scheme, the lower-case variable first, as curl does. None for this host
 * itself, nor for a host of NO_PROXY. `host:port` is an HTTP proxy. Throws for any other kind of proxy, and for what cannot be read.
 */
function proxyFor(origin: string): { readonly url: string; readonly variable: string } | undefined {
  const { protocol, hostname, port } = new URL(origin);
  if (isLoopbackHost(hostname) || isOffProxy(hostname, port || (protocol === 'https:' ? '443' : '80'))) return undefined;
  const name = protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = fromEnvironment(name);
  if (proxy === undefined) return undefined;
  const variable = process.env[name] ? name : name.toUpperCase();
  const url = proxy.includes('://') ? proxy : `http://${proxy}`;
  // Its value may hold a password.
  if (!URL.canParse(url)) throw new Error(`${variable} cannot be read as the URL of a proxy`);
  if (!/^https?:/i.test(url))
    throw new Error(`${variable} names a proxy of another kind (${url.slice(0, url.indexOf(':'))}) than http or https`);
  return { url, variable };
}

/** Whether NO_PROXY names the host, one of its parent domains, or everything; an entry with a port is for that port only. An IPv6 entry needs no brackets. */
function isOffProxy(hostname: string, port: string): boolean {
  const entries = (fromEnvironment('no_proxy') ?? '').toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    const [, name = '', only] = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(isIPv6(entry) ? hostInUrl(entry) : entry) ?? [];
    if (name === '' || (only !== undefined && only !== port)) return false;
    return name === '*' || hostname === name || hostname.endsWith(`.${name}`);
  });
}

function fromEnvironment(name: string): string | undefined {
  return process.env[name] || process.env[name.toUpperCase()] || undefined;
}

/** How zlib reports an output beyond its bound. */
const TOO_LARGE: ReadonlySet<unknown> = new Set(['ERR_BUFFER_TOO_LARGE']);

function hasCode(error: Error, codes: ReadonlySet<unknown>): boolean {
  return 'code' in error && codes.has(error.code);
}

export function isHtml(body: Buffer): boolean {
  return /^\s*</.test(body.subarray(0, 64).toString('latin1'));
}

/** The text that a web server sent instead of an answer: its beginning, or the title of the page; may be empty. */
export function wordsOfBody(body: Buffer): string {
  const text = body.subarray(0, 2_000).toString('utf8');
  return isHtml(body) ? (/<title[^>]*>([^<]*)/i.exec(text)?.[1] ?? '') : text;
}

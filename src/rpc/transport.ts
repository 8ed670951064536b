import { lookup as resolveByHost } from 'node:dns/promises';
import { isIP, type LookupFunction, Socket } from 'node:net';
import PQueue from 'p-queue';
import {
  buildConnector,
  HttpClient,
  type HttpClientOptions,
  HttpError,
  type HttpProgress,
  type HttpReply,
  isHtml,
  retryAfterMs,
  wordsOfBody,
} from '../lib/http.ts';
import {
  asError,
  type Clock,
  DeadlineExceeded,
  type EpochMs,
  isRecord,
  JsonTooComplex,
  oneLine,
  parseJson,
  Stopped,
  withDeadline,
} from '../lib/index.ts';

/** All addresses of a host name, in the resolver's order. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** The host's own resolver: /etc/hosts, DNS, whatever it is configured for. */
const resolveHost: Resolve = (hostname) => resolveByHost(hostname, { all: true });

/** The addresses behind a host name. Each connection asks the resolver anew, and the addresses that failed last come last. */
class HostAddresses {
  readonly #hostname: string;
  readonly #resolve: Resolve;
  /** The resolver's last answer, for the time in which it fails. */
  #known: Awaited<ReturnType<Resolve>> = [];
  /** The oldest failure first. */
  #failed: readonly string[] = [];

  constructor(origin: string, resolve: Resolve) {
    this.#hostname = new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1');
    this.#resolve = resolve;
  }

  /** Whether the host has a name, so that there can be another address. */
  get isName(): boolean {
    return isIP(this.#hostname) === 0;
  }

  /** For `net.connect` with `autoSelectFamily`, which asks for all addresses. */
  readonly lookup: LookupFunction = (_hostname, _options, callback) => {
    this.#inOrder().then(
      (addresses) => callback(null, addresses),
      (error: unknown) => callback(asError(error), []),
    );
  };

  fail(address: string): void {
    this.#failed = [...this.#failed.filter((other) => other !== address), address];
  }

  async #inOrder() {
    try {
      this.#known = await this.#resolve(this.#hostname);
    } catch (error) {
      if (this.#known.length === 0) throw error;
    }
    if (this.#known.length === 0) throw new Error(`no address for ${this.#hostname}`);
    this.#failed = this.#failed.filter((failed) => this.#known.some(({ address }) => address === failed));
    return this.#known.toSorted((a, b) => this.#failed.indexOf(a.address) - this.#failed.indexOf(b.address));
  }
}

/** One RPC URL in parts, so that its secrets cannot reach a log line. */
export interface EndpointUrl {
  /** For people: `scheme://host[:port]`, followed by `/…` when the URL has more to it. Never a path, query or password. */
  readonly name: string;
  readonly origin: string;
  /** Path and query, as the request line has them. */
  readonly path: string;
  /** The Authorization header of a URL with `user:password@`. */
  readonly authorization?: string;
  /** The text with every secret of this URL replaced by `…`. */
  redact(text: string): string;
}

/** Shorter path segments are words such as `v2`, not keys; redacting them would only hide the problem. */
const SHORTEST_SECRET = 6;

/**
 * Parses an RPC URL. Throws TypeError for anything but an absolute http or https URL; the message does not repeat the URL.
 */
export function parseEndpointUrl(text: string): EndpointUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TypeError('an RPC URL starts with http:// or https://');
  const path = `${url.pathname}${url.search}`;
  const user = decoded(url.username);
  const password = decoded(url.password);
  const hasMore = path !== '/' || user !== '' || password !== '';
  // A server that refuses a request may repeat its headers.
  const credentials = user === '' && password === '' ? '' : Buffer.from(`${user}:${password}`).toString('base64');
  const secrets = secretsOf(url, user, password, credentials);
  return {
    name: `${url.origin}${hasMore ? '/…' : ''}`,
    origin: url.origin,
    path,
    authorization: credentials === '' ? undefined : `Basic ${credentials}`,
    redact: (line) => secrets.reduce((left, secret) => left.replaceAll(secret, '…'), line),
  };
}

/** Decodes percent-encoding; returns the text unchanged if a `%` in it encodes nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Parses the list; endpoints of the same name get their place in it as a suffix (`… #2`). */
export function parseEndpointUrls(texts: readonly string[]): readonly EndpointUrl[] {
  if (texts.length === 0) throw new TypeError('at least one RPC URL is needed');
  const urls = texts.map(parseEndpointUrl);
  return urls.map((url, place) =>
    urls.some((other, at) => at !== place && other.name === url.name) ? { ...url, name: `${url.name} #${place + 1}` } : url,
  );
}

function secretsOf(url: URL, user: string, password: string, credentials: string): readonly string[] {
  const segments = url.pathname.split('/').filter((segment) => segment.length >= SHORTEST_SECRET);
  const values = [...url.searchParams.values(), url.search.slice(1)];
  // The longest first: of a secret that contains another, no part may remain.
  return [
    url.pathname.length > SHORTEST_SECRET ? url.pathname : '',
    ...segments,
    ...values,
    credentials,
    user,
    password,
    url.username,
    url.password,
  ]
    .filter((secret) => secret.length >= SHORTEST_SECRET || (secret !== '' && secret === password))
    .sort((a, b) => b.length - a.length);
}

/** One endpoint's reply to one JSON-RPC 2.0 request. Only its envelope has been checked. */
export type RpcReply = { readonly kind: 'result'; readonly value: unknown } | RpcFailure;

export type RpcFailure = RpcFailureDetails & {
  /** Which of the addresses behind the host's name was in use. */
  readonly address?: string;
  /** The pause that the answer asks for, milliseconds. */
  readonly retryAfterMs?: number;
};

/** `text`: what the endpoint said, where it was no JSON-RPC. A gateway's error can lack the code, and a node's error can come under any HTTP status. */
type RpcFailureDetails =
  | { readonly kind: 'rpc-error'; readonly code?: number; readonly message: string; readonly data?: unknown; readonly status?: number }
  | {
      readonly kind: 'http-error';
      readonly status: number;
      readonly text?: string;
      readonly location?: string;
      /** Its body has a result, or answers another request. So the status does not prove that this one was refused. */
      readonly mayHaveRun?: boolean;
    }
  | {
      readonly kind: 'garbled';
      readonly problem: string;
      readonly status?: number;
      readonly text?: string;
      readonly mayHaveRun?: boolean;
      /** It exceeds the bound of bytes or values. */
      readonly isTooLarge?: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly progress: HttpProgress | 'queued' | 'overflow';
      readonly cause: Error;
      /** Says more than the cause does. */
      readonly message?: string;
      readonly wasReset?: boolean;
    };

export interface RpcRequest {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Overtakes reads that wait for a free connection. Each attempt counts (see SendAttempts), so the transport never repeats it by itself. */
export const SEND = 'sendTransaction';
/** Answers for the node's newest block, which may not be confirmed; all other reads answer for a confirmed one. */
export const STATUSES = 'getSignatureStatuses';

export interface JsonRpcOptions {
  readonly url: EndpointUrl;
  readonly clock: Clock;
  /** Most sockets to this endpoint, each with one request at a time. */
  readonly connections: number;
  /** Most requests that may wait for a free connection; one more fails at once. */
  readonly maxWaiting: number;
  /** Upper bound for one request, waiting included, milliseconds. */
  readonly timeoutMs: number;
  /** Most bytes of an answer to getProgramAccounts, unpacked; an answer to any other method has at most 1 MiB. */
  readonly maxResponseBytes: number;
  /** How host names become addresses; the host's own resolver by default. */
  readonly resolve?: Resolve;
  readonly onBytes?: HttpClientOptions['onBytes'];
  /** What carries the HTTP requests; sockets by default. A simulation has a network of its own. */
  readonly dispatcher?: HttpClientOptions['dispatcher'];
}

export interface JsonRpc {
  /** Never throws: everything that can happen is a reply. */
  call(request: RpcRequest, signal: AbortSignal): Promise<RpcReply>;
  /** Ends the sockets; calls under way fail. Idempotent. */
  close(): Promise<void>;
}

/** The sockets in use. */
interface Connections {
  readonly http: HttpClient;
  /** The address that was tried last, where the host has a name. */
  address?: string;
}

/** Most bytes of an answer to any method but getProgramAccounts: 100 accounts or 256 statuses have a tenth of it. */
const MAX_ANSWER_BYTES = 1 << 20;
/** How long one address may take to connect before the next one is tried as well (RFC 8305 section 5). */
const NEXT_ADDRESS_AFTER_MS = 250;
/** One second less than the 20 s after which common RPC front ends close an idle connection. */
const KEEP_ALIVE_MS = 19_000;

/**
 * JSON-RPC to one endpoint over a bounded number of keep-alive connections. The first call opens the first socket.
 *
 * One address behind a host name may hang while the others serve. So a request that gets no answer closes the connections in use, and the next
 * one resolves the name anew and takes another address.
 */
export class HttpJsonRpc implements JsonRpc {
  readonly #options: JsonRpcOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #addresses: HostAddresses;
  readonly #queue: PQueue;
  #connections: Connections;
  /** Those that were replaced, until their last request has ended. */
  readonly #retired = new Set<HttpClient>();
  #lastId = 0;
  #isClosed = false;

  constructor(options: JsonRpcOptions) {
    const { url, connections, resolve = resolveHost } = options;
    this.#options = options;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'gzip',
      ...(url.authorization === undefined ? {} : { authorization: url.authorization }),
    };
    this.#addresses = new HostAddresses(url.origin, resolve);
    this.#queue = new PQueue({ concurrency: connections });
    this.#connections = this.#open();
  }

  async call({ method, params }: RpcRequest, signal: AbortSignal): Promise<RpcReply> {
    const { maxWaiting, timeoutMs, clock } = this.#options;
    if (this.#queue.size >= maxWaiting)
      return { kind: 'failed', progress: 'overflow', cause: new Error(`${this.#queue.size} requests wait for a free connection`) };
    const id = ++this.#lastId;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    let posted: Promise<RpcReply> | undefined;
    const post = (inner: AbortSignal): Promise<RpcReply> => {
      posted = this.#post(id, method, body, inner);
      return posted;
    };
    try {
      const queued = (inner: AbortSignal): Promise<RpcReply> =>
        this.#queue.add(() => post(inner), { priority: method === SEND ? 1 : 0, signal: inner });
      return await withDeadline(timeoutMs, signal, queued, clock);
    } catch (error) {
      // The queue gives up at the abort itself; only the post knows how far the request had come by then.
      return posted ?? { kind: 'failed', progress: 'queued', cause: asError(error) };
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new Stopped('the connection to the ledger is closed');
    await Promise.all([this.#connections.http, ...this.#retired].map((http) => http.close(reason)));
  }

  async #post(id: number, method: string, body: string, signal: AbortSignal): Promise<RpcReply> {
    const { url, clock, maxResponseBytes } = this.#options;
    const connections = this.#connections;
    const maxBodyBytes = method === 'getProgramAccounts' ? maxResponseBytes : Math.min(MAX_ANSWER_BYTES, maxResponseBytes);
    const bounds = { once: method === SEND, maxBodyBytes };
    const request = { method: 'POST', origin: url.origin, path: url.path, headers: this.#headers, body, ...bounds } as const;
    try {
      const reply = readReply(await connections.http.send(request, signal), id, clock.wall());
      return reply.kind === 'result' ? reply : { ...reply, address: connections.address };
    } catch (error) {
      if (!(error instanceof HttpError)) return { kind: 'failed', progress: 'offered', cause: asError(error) };
      const { problem, progress, message, cause } = error;
      if (problem === 'too-large' || problem === 'malformed')
        return { kind: 'garbled', problem: message, isTooLarge: problem === 'too-large', address: connections.address };
      // A call that its caller gave up says nothing about the address.
      if (problem === 'connection' || cause instanceof DeadlineExceeded) this.#leave(connections);
      const more = message === cause.message ? undefined : message;
      return { kind: 'failed', progress, cause, message: more, wasReset: error.wasReset, address: connections.address };
    }
  }

  #open(): Connections {
    const { connections, timeoutMs, maxResponseBytes, onBytes, dispatcher } = this.#options;
    const addresses = this.#addresses;
    const connect = buildConnector({
      // Said in so many words: the default is NODE_TLS_REJECT_UNAUTHORIZED's.
      rejectUnauthorized: true,
      timeout: timeoutMs,
      lookup: addresses.lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    });
    const opened: Connections = {
      http: new HttpClient({
        connections,
        keepAliveMs: KEEP_ALIVE_MS,
        maxBodyBytes: maxResponseBytes,
        useProxy: true,
        onBytes,
        dispatcher,
        connect: (target, callback) => {
          const socket: unknown = connect(target, callback);
          if (!addresses.isName || !(socket instanceof Socket)) return;
          socket.on('connectionAttempt', (address) => {
            opened.address = address;
          });
          socket.on('connectionAttemptFailed', (address) => addresses.fail(address));
          socket.on('connectionAttemptTimeout', (address) => addresses.fail(address));
        },
      }),
    };
    return opened;
  }

  /** Requests that fail together on the same connections count once. */
  #leave(connections: Connections): void {
    const { http, address } = connections;
    if (connections !== this.#connections || !this.#addresses.isName || this.#isClosed) return;
    if (address !== undefined) this.#addresses.fail(address);
    this.#connections = this.#open();
    this.#retired.add(http);
    void http.retire().finally(() => this.#retired.delete(http));
  }
}

type Answer = Exclude<RpcReply, { kind: 'failed' }>;

/** Gateways answer in text of their own, nodes in JSON-RPC under any status; the node's error says more. */
function readReply(reply: HttpReply, id: number, wall: EpochMs): Answer {
  const { status, header } = reply;
  const envelope = readEnvelope(reply.body, id);
  if (envelope.kind === 'result' && isSuccess(status)) return envelope;
  const failure: Exclude<Answer, { kind: 'result' }> =
    envelope.kind !== 'result' && (envelope.kind === 'rpc-error' || isSuccess(status))
      ? { ...envelope, status }
      : {
          kind: 'http-error',
          status,
          text: textOf(reply.body),
          location: status < 400 ? header('location') : undefined,
          mayHaveRun: (envelope.kind === 'result' ? envelope.value != null : envelope.mayHaveRun) ? true : undefined,
        };
  return { ...failure, retryAfterMs: retryAfterMs(header('retry-after'), header('date'), wall) };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function readEnvelope(body: Buffer, id: number): Answer {
  let parsed: unknown;
  try {
    parsed = parseJson(body.toString('utf8'));
  } catch (error) {
    if (error instanceof JsonTooComplex) return { kind: 'garbled', problem: error.message, isTooLarge: true };
    if (isHtml(body)) return { kind: 'garbled', problem: 'an HTML page', text: textOf(body) };
    const problem = `${body.length} bytes of invalid or cut JSON`;
    return /^\s*[[{"]/.test(body.subarray(0, 64).toString('latin1'))
      ? { kind: 'garbled', problem }
      : { kind: 'garbled', problem, text: textOf(body) };
  }
  const text = wordsOf(parsed);
  if (!isRecord(parsed)) return { kind: 'garbled', problem: 'JSON that is not a JSON-RPC 2.0 response', text };
  const { error, id: answeredId, result } = parsed;
  // A node that could not even read the request has no id to repeat.
  const isOurs = answeredId === id || (error != null && (answeredId == null || String(answeredId) === String(id)));
  const hasResult = result != null;
  if (isOurs && error != null && hasResult) return { kind: 'garbled', problem: 'both a result and an error', text, mayHaveRun: true };
  if (isOurs && error != null) return readError(error);
  if (parsed.jsonrpc !== '2.0')
    return { kind: 'garbled', problem: 'JSON that is not a JSON-RPC 2.0 response', text: textOf(body), mayHaveRun: hasResult };
  if (!isOurs) return { kind: 'garbled', problem: 'the response to another request', text, mayHaveRun: hasResult || answeredId != null };
  if (!('result' in parsed)) return { kind: 'garbled', problem: 'neither a result nor an error', text };
  return { kind: 'result', value: result };
}

/** What an endpoint says in JSON that is not an answer; undefined where it says nothing. */
export function wordsOf(value: unknown): string | undefined {
  if (typeof value === 'string') return oneLine(value, 200) || undefined;
  if (Array.isArray(value)) return wordsOf(value[0]);
  if (!isRecord(value)) return undefined;
  const words = value.error ?? value.errors ?? value.message;
  return words == null ? undefined : oneLine(typeof words === 'string' ? words : JSON.stringify(words), 200);
}

/** `{code, message, data}`, or what gateways put in its place: some leave parts out, some answer with a text. */
function readError(error: unknown): Answer {
  if (!isRecord(error)) return { kind: 'rpc-error', message: String(error) };
  const named = Number(error.code ?? Number.NaN);
  // Some gateways leave out the minus.
  const code = named >= 32_000 && named <= 32_768 ? -named : named;
  const message = typeof error.message === 'string' ? error.message : JSON.stringify(error);
  return { kind: 'rpc-error', code: Number.isInteger(code) ? code : undefined, message, data: error.data };
}

/** The beginning of an answer's text, or the title of a page; undefined where there is none. */
function textOf(body: Buffer): string | undefined {
  return oneLine(wordsOfBody(body), 200) || undefined;
}

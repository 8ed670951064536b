import { lookup as resolveByHost } from 'node:dns/promises';
import { isIP, type LookupFunction, Socket } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import PQueue from 'p-queue';
import { buildConnector, type Dispatcher, Pool } from '../lib/http.ts';
import {
  type Breathe,
  type Clock,
  DeadlineExceeded,
  type EpochMs,
  parseJsonInSlices,
  Stopped,
  timeSlices,
  withDeadline,
} from '../lib/index.ts';
import { isRecord } from './json.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a host name, in the resolver's order. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The host's own resolver: /etc/hosts, DNS, whatever it is configured for. */
const resolveHost: Resolve = (hostname) => resolveByHost(hostname, { all: true });

/**
 * The addresses behind one host name, and which of them are worth a connection: the one that served last, then those that never failed, then
 * those whose failure is longest ago.
 */
interface AddressBook {
  /** For `net.connect`: asks the resolver at each connection. A resolver that fails is made up for by what it said before. */
  readonly lookup: LookupFunction;
  /** Notes how this socket's attempts to connect go. */
  watch(socket: Socket): void;
  /** Requests to the address in use are not answered: other addresses first from now on. */
  failed(): void;
  /** The address that was connected to last, or tried last when none was; undefined for a host that is an address itself. */
  readonly inUse: string | undefined;
  /** Whether the host is a name at all. */
  readonly isName: boolean;
}

/** Failures that are remembered; a name with more addresses than this forgets the oldest. */
const MOST_FAILURES = 64;

function createAddressBook(hostname: string, resolve: Resolve): AddressBook {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const isName = isIP(bare) === 0;
  let known: readonly ResolvedAddress[] = [];
  let serving: string | undefined;
  let tried: string | undefined;
  /** In the order of the failures, the oldest first. */
  const failures = new Set<string>();

  const noteFailure = (address: string): void => {
    failures.delete(address);
    failures.add(address);
    if (serving === address) serving = undefined;
    for (const oldest of failures) {
      if (failures.size <= MOST_FAILURES) break;
      failures.delete(oldest);
    }
  };

  const preferred = (): readonly ResolvedAddress[] => {
    const order = [...failures];
    const rank = ({ address }: ResolvedAddress): number => (address === serving ? -2 : order.indexOf(address));
    return [...known].sort((a, b) => rank(a) - rank(b));
  };

  async function addresses(): Promise<readonly ResolvedAddress[]> {
    try {
      const resolved = await resolve(bare);
      if (resolved.length > 0) known = resolved;
    } catch (error) {
      if (known.length === 0) throw error;
    }
    return preferred();
  }

  return {
    isName,
    lookup(_, { all }, callback) {
      addresses().then(
        (found) => {
          const [first] = found;
          if (first === undefined) callback(new Error(`no address for ${bare}`), '');
          else if (all === true) callback(null, [...found]);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
      );
    },
    watch(socket) {
      if (!isName) return;
      socket.on('connectionAttempt', (address) => {
        tried = address;
      });
      socket.on('connectionAttemptFailed', noteFailure);
      socket.on('connectionAttemptTimeout', noteFailure);
      socket.on('connect', () => {
        serving = socket.remoteAddress ?? serving;
        if (serving !== undefined) failures.delete(serving);
      });
    },
    failed() {
      const address = serving ?? tried;
      if (address !== undefined) noteFailure(address);
    },
    get inUse() {
      return isName ? (serving ?? tried) : undefined;
    },
  };
}

/** One RPC URL, taken apart so that its secrets cannot reach a log line. */
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

/** Shorter path segments are words such as `v2`, not keys, and blotting them out would only hide what went wrong. */
const SHORTEST_SECRET = 6;

/**
 * Takes an RPC URL apart. Throws TypeError for anything but an absolute http or https URL; the message does not repeat the URL.
 */
export function parseEndpointUrl(text: string): EndpointUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TypeError('an RPC URL starts with http:// or https://');
  const path = `${url.pathname}${url.search}`;
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const hasMore = path !== '/' || user !== '' || password !== '';
  // A server that refuses a request may repeat its headers.
  const credentials = user === '' && password === '' ? '' : Buffer.from(`${user}:${password}`).toString('base64');
  const secrets = secretsOf(url, user, password, credentials);
  return {
    name: `${url.origin}${hasMore ? '/…' : ''}`,
    origin: url.origin,
    path,
    ...(credentials === '' ? {} : { authorization: `Basic ${credentials}` }),
    redact: (line) => secrets.reduce((left, secret) => left.replaceAll(secret, '…'), line),
  };
}

/** Parses the list; endpoints that would show the same name are told apart by their place in it (`… #2`). */
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
  // The longest first: a secret that contains another must not leave its rest behind.
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

interface HttpPoolOptions {
  readonly origin: string;
  /** Most sockets. */
  readonly connections: number;
  /** For the connection, for the headers and between two pieces of the body, milliseconds. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly resolve: Resolve;
}

/** Keep-alive sockets to one host, whichever of its addresses works. */
interface HttpPool {
  /** What requests go through now; hand it back to `leave` when they fail. */
  current(): Dispatcher;
  /**
   * A request through `dispatcher` failed for want of an answer: the address in use is avoided, and new requests get new sockets. Several
   * failures of the same sockets count once. No effect for a host that is an address: there is nowhere else to go.
   */
  leave(dispatcher: Dispatcher): void;
  /** The address that requests through `dispatcher` go to, or went to; see `AddressBook.inUse`. */
  addressOf(dispatcher: Dispatcher): string | undefined;
  close(): Promise<void>;
}

/** How long one address may take to connect before the next one is tried beside it (RFC 8305 section 5). */
const NEXT_ADDRESS_AFTER_MS = 250;

function createHttpPool(options: HttpPoolOptions): HttpPool {
  const book = createAddressBook(new URL(options.origin).hostname, options.resolve);
  const retired = new Set<Pool>();
  const left = new WeakMap<Dispatcher, string>();
  let pool = openPool(options, book);
  let isClosed = false;

  return {
    current: () => pool,
    leave(dispatcher) {
      if (dispatcher !== pool || !book.isName || isClosed) return;
      if (book.inUse !== undefined) left.set(pool, book.inUse);
      book.failed();
      const old = pool;
      pool = openPool(options, book);
      retired.add(old);
      // What is under way in it ends by its own deadline.
      void old.close().finally(() => retired.delete(old));
    },
    addressOf: (dispatcher) => left.get(dispatcher) ?? book.inUse,
    async close() {
      isClosed = true;
      const reason = new Stopped('the connection to the ledger is closed');
      await Promise.all([pool, ...retired].map((one) => (one.destroyed ? undefined : one.destroy(reason))));
    },
  };
}

function openPool({ origin, connections, timeoutMs, maxResponseBytes }: HttpPoolOptions, book: AddressBook): Pool {
  const connect = buildConnector({
    timeout: timeoutMs,
    lookup: book.lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
  });
  return new Pool(origin, {
    connections,
    pipelining: 1,
    // One second less than the 20 s after which common RPC front ends close an idle connection.
    keepAliveTimeout: 19_000,
    keepAliveMaxTimeout: 19_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxResponseBytes,
    connect: (target, callback) => {
      const socket: unknown = connect(target, callback);
      if (socket instanceof Socket) book.watch(socket);
    },
  });
}

/** How far a request came: what was never offered to the endpoint cannot have had an effect. */
type RequestProgress = 'waiting' | 'offered' | 'answering';

type HttpReply =
  | { readonly kind: 'answered'; readonly status: number; readonly header: (name: string) => string | undefined; readonly body: Buffer }
  | { readonly kind: 'garbled'; readonly problem: string }
  | { readonly kind: 'failed'; readonly progress: RequestProgress; readonly cause: Error; readonly address?: string };

interface HttpPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Upper bound of the body once unpacked, bytes. */
  readonly maxResponseBytes: number;
  readonly onBytes?: OnBytes | undefined;
}

/** Told of bytes of bodies as they go over the wire, packed ones as they are; what HTTP, TLS and TCP add is not among them. */
type OnBytes = (direction: 'sent' | 'received', bytes: number) => void;

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
async function postJson(dispatcher: Dispatcher, post: HttpPost, signal: AbortSignal): Promise<HttpReply> {
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

/**
 * Milliseconds to wait by a Retry-After header (RFC 9110 10.2.3), either seconds or an HTTP date; undefined when it is neither. A date is
 * taken against the answer's own Date where there is one, because the two clocks need not agree.
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

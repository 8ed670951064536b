import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isLoopbackHost, visible } from '../lib/index.ts';
import { type AgentStatus, whyNotReady } from './findings.ts';
import { Connection, MAX_HEAD_BYTES } from './http/connection.ts';
import { jsonLine } from './logger.ts';
import { PAGE_POLICY, runbookIndex, runbookPage } from './page/pages.ts';
import { ALL_USERS, addressOfUsers, parseUserQuery, type UserQuery } from './page/users.ts';
import type { AgentState } from './status.ts';
import type { StatusBoard } from './status-board.ts';
import { printable } from './text.ts';

/** The part of a request that admission depends on. */
interface Requester {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Status code and reason of a refused request. */
interface Refusal {
  readonly code: 401 | 403 | 421;
  readonly reason: string;
}

/**
 * Decides which requests are admitted.
 *
 *   Host header     a loopback server accepts loopback names only: a web page that resolves to 127.0.0.1 reads nothing (DNS rebinding)
 *   token           if configured, as bearer token or as the password of Basic authentication
 *   changes         never from a web page of another origin; without a token from this host only, under a loopback name
 */
export function createAdmission({ host, token }: Pick<StatusServerOptions, 'host' | 'token'>) {
  return {
    /** For every request except health and readiness. */
    forReading(request: Requester): Refusal | undefined {
      if (isLoopbackHost(host) && !isLoopbackHost(hostNameOf(request.headers.host ?? host))) {
        return { code: 421, reason: 'this server listens on loopback and accepts localhost and loopback addresses as Host only' };
      }
      return token === undefined || hasToken(request, token) ? undefined : { code: 401, reason: 'send the token of http.tokenFile' };
    },
    /** In addition, for a request that changes something. */
    forChanging(request: Requester): Refusal | undefined {
      if (isOfAnotherOrigin(request)) return { code: 403, reason: 'requests from other web pages are refused' };
      // A browser on this host is local, too; a rebound web page sends its own name as Host.
      if (
        token === undefined &&
        !(isLoopbackHost(request.socket.remoteAddress ?? '') && isLoopbackHost(hostNameOf(request.headers.host ?? '')))
      ) {
        return { code: 403, reason: 'without http.tokenFile this is accepted only from this host, at localhost or a loopback address' };
      }
      return undefined;
    },
  };
}

/** `127.0.0.1:50100`, `[::1]:50100`, `localhost` without the port. */
function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** Compared in constant time: the hash makes the lengths equal. */
function hasToken({ headers }: Requester, token: string): boolean {
  const hash = (value: Uint8Array): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(hash(tokenIn(headers.authorization ?? '')), hash(Buffer.from(token)));
}

/** The token's bytes: Node decodes header values as latin1. */
function tokenIn(authorization: string): Buffer {
  const [, scheme = '', credentials = ''] = /^(\S+) +(.+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials, 'latin1');
  if (scheme.toLowerCase() !== 'basic') return Buffer.alloc(0);
  // A browser cannot send a bearer token: it asks for a name, which is ignored, and a password.
  const pair = Buffer.from(credentials, 'base64');
  const colon = pair.indexOf(':');
  return colon === -1 ? Buffer.alloc(0) : pair.subarray(colon + 1);
}

/** Browsers send the origin of a request; programs do not. */
function isOfAnotherOrigin({ headers }: Requester): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

/** A response before it is written. */
interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly policy?: string;
}

/** Only the pages are meant for a browser. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'";

const text = (code: number, body: string): Answer => ({ code, type: 'text/plain; charset=utf-8', body: `${visible(body)}\n` });
const page = (body: string | Buffer): Answer => ({ code: 200, type: 'text/html; charset=utf-8', body, policy: PAGE_POLICY });
const json = (code: number, body: string | Buffer): Answer => ({ code, type: 'application/json', body });

/** The headers keep a browser from caching a response, showing it in a frame, or guessing another type. */
function writeAnswer(response: ServerResponse, { code, type, body, policy = STRICT_POLICY }: Answer, isHead: boolean): void {
  if (code === 401) response.setHeader('www-authenticate', ['Bearer', 'Basic realm="dzd-telemetry"']);
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
  });
  response.end(isHead ? undefined : body);
}

/**
 * The connections of a server. One above `most` closes the connection that has been idle for longest, where `server.maxConnections` would refuse the
 * new one: a client with a thousand idle connections must not lock the others out.
 */
class Connections {
  readonly #most: number;
  /** In the order of their last request, the longest idle first. */
  readonly #open = new Set<Connection>();

  constructor(most: number) {
    this.#most = most;
  }

  add(connection: Connection): void {
    this.#open.add(connection);
    connection.once('close', () => this.#open.delete(connection));
    const [idlest] = this.#open;
    if (this.#open.size > this.#most) idlest?.destroy();
  }

  used(connection: Connection): void {
    if (this.#open.delete(connection)) this.#open.add(connection);
  }

  closeAll(): void {
    for (const connection of this.#open) connection.destroy();
  }
}

interface UnreadAnswer {
  readonly answer: Answer;
  readonly key: string | undefined;
  readonly at: number;
  readers: number;
}

/** The answers that are written and not yet read, by their bodies. One that several clients are given is in memory once. */
class UnreadAnswers {
  readonly #unread = new Map<string | Buffer, UnreadAnswer>();
  #bytes = 0;

  hasRoomFor({ body }: Answer): boolean {
    const more = this.#unread.has(body) ? 0 : Buffer.byteLength(body);
    return this.#bytes === 0 || more <= SMALL_BYTES || this.#bytes + more <= MAX_UNREAD_BYTES;
  }

  /** A large answer of a moment ago to the same request. Without it, clients that ask again and again would have each answer built anew. */
  recent(key: string): Answer | undefined {
    const since = performance.now() - SHARED_FOR_MS;
    for (const each of this.#unread.values())
      if (each.key === key && each.at >= since && Buffer.byteLength(each.answer.body) > SMALL_BYTES) return each.answer;
    return undefined;
  }

  add(answer: Answer, key: string | undefined): void {
    const { body } = answer;
    const found = this.#unread.get(body) ?? { answer, key, at: performance.now(), readers: 0 };
    if (found.readers === 0) this.#bytes += Buffer.byteLength(body);
    found.readers += 1;
    this.#unread.set(body, found);
  }

  remove({ body }: Answer): void {
    const found = this.#unread.get(body);
    if (found === undefined) return;
    found.readers -= 1;
    if (found.readers > 0) return;
    this.#unread.delete(body);
    this.#bytes -= Buffer.byteLength(body);
  }
}

/**
 * Equal requests of one turn of the event loop share one answer, so that many clients at once cost little more than one. Different ones are answered
 * in different turns.
 */
function oncePerTurn<T>(build: () => Promise<T>): () => Promise<T>;
function oncePerTurn<T, Query>(build: (query: Query) => Promise<T>, keyOf: (query: Query) => string): (query: Query) => Promise<T>;
function oncePerTurn<T, Query>(build: (query: Query) => Promise<T>, keyOf: (query: Query) => string = () => '') {
  const building = new Map<string, Promise<T>>();
  let last: Promise<unknown> = Promise.resolve();
  return (query: Query): Promise<T> => {
    const key = keyOf(query);
    const shared = building.get(key);
    if (shared !== undefined) return shared;
    const built = last
      .then(() => nextTurn())
      .then(() => {
        building.delete(key);
        return build(query);
      });
    last = built.catch(() => undefined);
    building.set(key, built);
    return built;
  };
}

export interface StatusServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Required for everything except health and readiness, as `Authorization: Bearer …` or as the password of Basic. */
  readonly token?: string;
  readonly board: Pick<StatusBoard, 'read' | 'readWithoutUsers'>;
  readonly metrics: { readonly contentType: string; text(status: AgentStatus): Promise<string> };
  /** The page for people. */
  readonly page: (status: AgentStatus, query: UserQuery) => string;
  /** The page of one user; undefined for an unknown one. */
  readonly userPage?: (status: AgentStatus, user: string) => string | undefined;
  /** The newest lines of the log. */
  readonly log?: () => string;
  /** Milliseconds without a completed tick after which the agent is not healthy. */
  readonly staleAfterMs: number;
  /** Limit for the next request of a connection to arrive; 5 s by default. */
  readonly requestTimeoutMs?: number;
  /** Limit for a client to read an answer; 10 s by default. */
  readonly answerTimeoutMs?: number;
  /** Reloads the configuration and resolves to the result. Absent: reload is not available. */
  readonly reload?: () => Promise<{ readonly successful: boolean; readonly message: string }>;
}

const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;
/** Of answers that their clients have not read yet, all connections together. One of 4,096 users has 4 MB at most. */
const MAX_UNREAD_BYTES = 8 << 20;
/** Answers of this size are never refused, so that supervisors and Prometheus get theirs. */
const SMALL_BYTES = 1 << 16;
/** How old an answer may be that a client shares with one who still reads it. */
const SHARED_FOR_MS = 1_000;

const TOO_MUCH_UNREAD = text(503, 'too many answers are waiting for their readers');

const USER_PAGES = '/status/users/';
const RUNBOOKS = '/runbooks/';
const USER_REPORTS = '/debug/users/';

/**
 * The agent's admin server: read-only except for the reload, on loopback by default. It reads no request body and serves no file.
 *
 *   /-/healthy /-/ready      for supervisors, without a token
 *   /metrics                 for Prometheus
 *   /status /status.json     for people, and for programs; /status?q=…&state=…&page=… are the users that were searched
 *   /status/users/<pubkey>   one user, for people
 *   /debug/users/<pubkey>    one user, for programs
 *   /debug/log               the newest lines of the log
 *   /runbooks /runbooks/NAME the pages of docs/runbooks/
 *   POST /-/reload           validate, then swap
 */
export function createStatusServer(options: StatusServerOptions) {
  const { host, port, token, board, metrics, requestTimeoutMs = REQUEST_TIMEOUT_MS, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const admission = createAdmission({ host, token });
  const status = oncePerTurn(async () => board.read());
  const statusPage = oncePerTurn(async (query: UserQuery) => Buffer.from(options.page(await status(), query)), addressOfUsers);
  const statusJson = oncePerTurn(async () => Buffer.from(jsonLine(await status())));
  const metricsText = oncePerTurn(async () => Buffer.from(await metrics.text(await status())));
  const logText = oncePerTurn(async () => Buffer.from(options.log?.() ?? ''));
  const connections = new Connections(MAX_CONNECTIONS);
  const unread = new UnreadAnswers();
  let sending = Promise.resolve();

  async function answer(request: IncomingMessage, target: Target | undefined): Promise<Answer> {
    if (target === undefined) return text(400, 'malformed path');
    const { path, parameters } = target;
    const { method = 'GET' } = request;
    if (path === '/-/healthy') return healthy(board.readWithoutUsers(), options.staleAfterMs);
    if (path === '/-/ready') return readiness(board.readWithoutUsers());
    const refusal = admission.forReading(request);
    if (refusal !== undefined) return text(refusal.code, refusal.reason);
    if (path === '/-/reload') return reload(request, method);
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is supported');
    const recent = unread.recent(sharedBy(target));
    if (recent !== undefined) return recent;
    if (path === '/' || path === '/status') return usersPage(parameters);
    if (path === '/status.json') return json(200, await statusJson());
    if (path === '/metrics') return { code: 200, type: metrics.contentType, body: await metricsText() };
    if (path === '/debug/log' && options.log !== undefined) return { code: 200, type: 'text/plain; charset=utf-8', body: await logText() };
    if (path.startsWith(USER_PAGES)) return userPage(await status(), path.slice(USER_PAGES.length));
    if (path.startsWith(USER_REPORTS)) return userReport(await status(), path.slice(USER_REPORTS.length));
    if (path === '/runbooks' || path === '/runbooks/') return page(runbookIndex());
    if (path.startsWith(RUNBOOKS)) return runbook(path.slice(RUNBOOKS.length));
    return text(404, 'not found; see /status');
  }

  async function usersPage(parameters: URLSearchParams): Promise<Answer> {
    if (parameters.size === 0) return page(await statusPage(ALL_USERS));
    const query = parseUserQuery(parameters);
    return typeof query === 'string' ? text(400, printable(query)) : page(await statusPage(query));
  }

  function userPage(current: AgentStatus, user: string): Answer {
    const found = options.userPage?.(current, user);
    return found === undefined ? text(404, 'this device has no such user on the ledger; see /status') : page(found);
  }

  async function reload(request: IncomingMessage, method: string): Promise<Answer> {
    if (method !== 'POST') return text(405, 'use POST to reload');
    const refusal = admission.forChanging(request);
    if (refusal !== undefined) return text(refusal.code, refusal.reason);
    if (options.reload === undefined) return text(501, 'this agent has no configuration to reload');
    const { successful, message } = await options.reload();
    return text(successful ? 200 : 400, message);
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const connection: unknown = request.socket;
    if (!(connection instanceof Connection)) throw new Error('not a connection of this server');
    connections.used(connection);
    connection.asked();
    const isHead = request.method === 'HEAD';
    const target = targetOf(request.url);
    const send = async (wanted: Answer): Promise<void> => {
      if (connection.destroyed) return;
      const found = unread.hasRoomFor(wanted) ? wanted : TOO_MUCH_UNREAD;
      unread.add(found, target === undefined ? undefined : sharedBy(target));
      response.once('close', () => {
        unread.remove(found);
        connection.answered();
      });
      if (Buffer.byteLength(found.body) > SMALL_BYTES) {
        // One in a turn of the event loop: the kernel takes megabytes at once.
        sending = sending.then(() => nextTurn());
        await sending;
      }
      connection.answering();
      writeAnswer(response, found, isHead);
    };
    // No supported request has a body; a request with one is refused unread.
    if (hasBody(request)) {
      response.setHeader('connection', 'close');
      void send(text(413, 'request bodies are not supported'));
      return;
    }
    request.resume();
    answer(request, target).then(send, () => send(text(500, 'internal error')));
  }

  // A connection bounds the time of each request and answer; Node only announces it.
  const server = createServer({ maxHeaderSize: MAX_HEAD_BYTES, keepAliveTimeout: requestTimeoutMs }, serve);
  server.on('clientError', (_, connection) => connection.destroy());
  const sockets = createSocketServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, { requestTimeoutMs, answerTimeoutMs });
    connections.add(connection);
    if (!connection.destroyed) server.emit('connection', connection);
  });

  return {
    /** Resolves to the port. */
    async start(): Promise<number> {
      sockets.listen({ host, port });
      await once(sockets, 'listening');
      const address = sockets.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    stop(): Promise<void> {
      return new Promise((resolve) => {
        sockets.close(() => resolve());
        connections.closeAll();
      });
    },
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

interface Target {
  readonly path: string;
  readonly parameters: URLSearchParams;
}

/** Requests with the same key have the same answer: only the page of users has parameters. */
function sharedBy({ path, parameters }: Target): string {
  return path === '/' || path === '/status' ? `${path}?${parameters}` : path;
}

function targetOf(url: string | undefined): Target | undefined {
  // An absolute form, or a second slash or a backslash, would name another host.
  if (url !== undefined && !/^\/(?![/\\])/.test(url)) return undefined;
  try {
    const { pathname, searchParams } = new URL(url ?? '/', 'http://agent');
    return { path: decodeURIComponent(pathname), parameters: searchParams };
  } catch {
    return undefined;
  }
}

function healthy({ lastTick, now, startedAt }: Pick<AgentStatus, 'lastTick' | 'now' | 'startedAt'>, staleAfterMs: number): Answer {
  const silentMs = now - (lastTick?.at ?? startedAt);
  return silentMs <= staleAfterMs ? text(200, 'healthy') : text(503, `no tick has completed for ${Math.round(silentMs / 1_000)} s`);
}

function readiness(status: Omit<AgentState, 'users'>): Answer {
  const notReady = whyNotReady(status);
  return notReady === undefined ? text(200, 'ready') : text(503, printable(notReady.text));
}

function runbook(name: string): Answer {
  const found = runbookPage(name);
  return found === undefined ? text(404, 'this agent has no such runbook; see /runbooks') : page(found);
}

function userReport({ users, timeline }: AgentStatus, wanted: string): Answer {
  const user = users.find((each) => each.user === wanted);
  return user === undefined
    ? json(404, jsonLine({ error: 'this device has no such user on the ledger', user: wanted.slice(0, 64) }))
    : json(200, jsonLine({ ...user, timeline: timeline.filter((entry) => entry.user === wanted) }));
}

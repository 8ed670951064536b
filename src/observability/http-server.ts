import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Breathe, type Clock, inSlices, Stopped, shareWork, timeSlices } from '../lib/index.ts';
import { jsonLine, jsonLineInSteps } from './logger.ts';
import { PAGE_POLICY } from './page/status-page.ts';
import type { AgentStatus, StatusBoard } from './status.ts';

interface AdmissionOptions {
  /** Where the server listens. */
  readonly host: string;
  readonly token: string | undefined;
}

/** What of a request decides. */
interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Why a request is refused, and with what. */
interface Refusal {
  readonly code: 401 | 403 | 421;
  readonly why: string;
}

interface Admission {
  /** Of a request for anything but health and readiness. */
  forReading(request: Asked): Refusal | undefined;
  /** Of a request that changes something, on top of that. */
  forChanging(request: Asked): Refusal | undefined;
}

/**
 * Who may ask for what.
 *
 *   any name for a loopback address     a web page whose name was turned to 127.0.0.1 reads nothing (DNS rebinding)
 *   the token, where there is one       as bearer token, or as the password that a browser asks for
 *   a change                            by no web page of another origin; without a token from this host only, under a loopback name
 */
export function createAdmission({ host, token }: AdmissionOptions): Admission {
  return {
    forReading(request) {
      if (isLoopback(host) && !isLoopback(hostNameOf(request.headers.host ?? host))) {
        return { code: 421, why: 'this listens on loopback, and answers to localhost and loopback addresses only' };
      }
      return token === undefined || carries(request, token) ? undefined : { code: 401, why: 'this needs the token of http.tokenFile' };
    },
    forChanging(request) {
      if (isOfAnotherOrigin(request)) return { code: 403, why: 'a web page may not ask for this' };
      // A browser on this host is this host, too: a page whose name was turned to it comes under that name.
      if (token === undefined && !(isLoopback(request.socket.remoteAddress ?? '') && isLoopback(hostNameOf(request.headers.host ?? '')))) {
        return { code: 403, why: 'without http.tokenFile this is taken from this host only, at localhost or a loopback address' };
      }
      return undefined;
    },
  };
}

/** `127.0.0.1:50100`, `[::1]:50100`, `localhost` without the port. */
function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(host);
}

/** Compared in constant time: the hash makes the lengths equal. */
function carries({ headers }: Asked, token: string): boolean {
  const hash = (value: Uint8Array): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(hash(tokenIn(headers.authorization ?? '')), hash(Buffer.from(token)));
}

/** The token's bytes: a header that is not ASCII comes as one character a byte. */
function tokenIn(authorization: string): Buffer {
  const [, scheme = '', credentials = ''] = /^(\S+) +(.+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials, 'latin1');
  if (scheme.toLowerCase() !== 'basic') return Buffer.alloc(0);
  // A browser knows no bearer tokens: it asks for a name, which may be any, and a password.
  const pair = Buffer.from(credentials, 'base64');
  const colon = pair.indexOf(':');
  return colon === -1 ? Buffer.alloc(0) : pair.subarray(colon + 1);
}

/** Browsers say where a request comes from; programs say nothing. */
function isOfAnotherOrigin({ headers }: Asked): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

/** What a request is answered with, before a byte of it is written. */
interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  readonly policy?: string;
}

/** Nothing but the pages is for a browser to show. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'";

const text = (code: number, body: string): Answer => ({ code, type: 'text/plain; charset=utf-8', body: `${body}\n` });
const page = (body: string): Answer => ({ code: 200, type: 'text/html; charset=utf-8', body, policy: PAGE_POLICY });
const json = (code: number, body: object): Answer => jsonText(code, jsonLine(body));
const jsonText = (code: number, body: string): Answer => ({ code, type: 'application/json', body });
const refused = ({ code, why }: Refusal): Answer => text(code, why);

/** Nothing that is answered here is kept by a browser, shown inside of another page, or taken for another type than it is. */
function writeAnswer(response: ServerResponse, { code, type, body, policy = STRICT_POLICY }: Answer, isHead: boolean): void {
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    ...(code === 401 ? { 'www-authenticate': ['Bearer', 'Basic realm="dzd-telemetry"'] } : {}),
  });
  response.end(isHead ? undefined : body);
}

/**
 * Bounds the connections that a server holds. One more than `most` ends the one that has been quiet for longest, rather than being refused: who
 * opens a thousand and says nothing must not keep the others out.
 */
function boundConnections(server: Server, most: number): void {
  /** In the order of their last request, the quietest first. */
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= most) return;
    const [quietest] = open;
    if (quietest === undefined) return;
    open.delete(quietest);
    quietest.destroy();
  });
  server.on('request', ({ socket }) => {
    if (open.delete(socket)) open.add(socket);
  });
}

interface WholeAnswersOptions {
  readonly board: Pick<StatusBoard, 'readInSlices'>;
  readonly metrics: { text(status: AgentStatus): Promise<string> };
  /** The page for people; whoever puts it together breathes. */
  readonly page: (status: AgentStatus, breathe: Breathe) => string | Promise<string>;
  readonly clock: Clock;
}

type Shared<T> = (signal: AbortSignal) => Promise<T>;

/** Answers that tell of all users. Each is put together in turns of the event loop, so that the ticks go on. */
interface WholeAnswers {
  readonly status: Shared<AgentStatus>;
  readonly page: Shared<string>;
  readonly json: Shared<string>;
  readonly metrics: Shared<string>;
}

/**
 * However many ask, each answer is put together once at a time: who asks meanwhile gets the same one, and when all who asked are gone, it is left.
 */
function createWholeAnswers({ board, page, metrics, clock }: WholeAnswersOptions): WholeAnswers {
  const status = shareWork((signal) => board.readInSlices(timeSlices(clock, signal)));
  return {
    status,
    page: shareWork(async (signal) => page(await status(signal), timeSlices(clock, signal))),
    json: shareWork(async (signal) => inSlices(jsonLineInSteps(await status(signal)), timeSlices(clock, signal))),
    metrics: shareWork(async (signal) => metrics.text(await status(signal))),
  };
}

export interface StatusServerOptions extends WholeAnswersOptions {
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Asked for on everything but health and readiness, as `Authorization: Bearer …` or as the password of Basic. */
  readonly token?: string;
  readonly board: WholeAnswersOptions['board'] & Pick<StatusBoard, 'readWithoutUsers'>;
  readonly metrics: WholeAnswersOptions['metrics'] & { readonly contentType: string };
  /** The page of one user; undefined for one that is not there. */
  readonly userPage?: (status: AgentStatus, user: string) => string | undefined;
  /** Milliseconds without a completed tick after which the agent is not healthy. */
  readonly staleAfterMs: number;
  /** So long may a request take to arrive, a connection be quiet, and a reader take nothing of its answer; 5 s unless told. */
  readonly requestTimeoutMs?: number;
  /** Reads the configuration again; resolves to what came of it. Absent: there is nothing to reload. */
  readonly reload?: () => Promise<{ readonly successful: boolean; readonly message: string }>;
}

export interface StatusServer {
  /** Resolves to the port. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

/** A request for a page is a few hundred bytes; a reader that takes longer than this to send it is not one. */
const MAX_HEADER_BYTES = 8 * 1024;
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;

const USER_PAGES = '/status/users/';

/**
 * The agent's window: read-only but for the reload, on loopback unless told otherwise. No request body is read, no file served.
 *
 *   /-/healthy /-/ready      for supervisors, never asks for a token
 *   /metrics                 for Prometheus
 *   /status /status.json     for people, and for their tools
 *   /status/users/<pubkey>   one user, for people
 *   /debug/users/<pubkey>    one user's whole chain
 *   POST /-/reload           validate, then swap
 */
export function createStatusServer(options: StatusServerOptions): StatusServer {
  let server: Server | undefined;
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const admission = createAdmission({ host: options.host, token: options.token });

  const answers = createWholeAnswers(options);
  const read = options.board.readWithoutUsers;

  async function answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const path = pathOf(request.url);
    if (path === undefined) return text(400, 'this is no path');
    const { method = 'GET' } = request;
    if (path === '/-/healthy') return healthy(read(), options.staleAfterMs);
    if (path === '/-/ready') return read().ready ? text(200, 'ready') : text(503, 'the switch and the ledger have not both been read yet');
    const refusal = admission.forReading(request);
    if (refusal !== undefined) return refused(refusal);
    if (path === '/-/reload') return reload(request, method);
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is answered here');
    switch (path) {
      case '/':
      case '/status':
        return page(await answers.page(signal));
      case '/status.json':
        return jsonText(200, await answers.json(signal));
      case '/metrics':
        return { code: 200, type: options.metrics.contentType, body: await answers.metrics(signal) };
      default:
        if (path.startsWith(USER_PAGES)) return userPage(await answers.status(signal), path.slice(USER_PAGES.length));
        return path.startsWith('/debug/users/')
          ? debugUser(await answers.status(signal), path.slice('/debug/users/'.length))
          : text(404, 'there is nothing here; see /status');
    }
  }

  function userPage(status: AgentStatus, user: string): Answer {
    const found = options.userPage?.(status, user);
    return found === undefined ? text(404, 'the ledger has no such user of this device; see /status') : page(found);
  }

  async function reload(request: IncomingMessage, method: string): Promise<Answer> {
    if (method !== 'POST') return text(405, 'a reload is asked for by POST');
    const refusal = admission.forChanging(request);
    if (refusal !== undefined) return refused(refusal);
    if (options.reload === undefined) return text(501, 'this agent has no configuration to reload');
    const { successful, message } = await options.reload();
    return text(successful ? 200 : 400, message);
  }

  return {
    start() {
      return new Promise((resolve, reject) => {
        const listening = createServer(
          {
            maxHeaderSize: MAX_HEADER_BYTES,
            requestTimeout: requestTimeoutMs,
            headersTimeout: requestTimeoutMs,
            keepAliveTimeout: requestTimeoutMs,
            connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
          },
          (request, response) => {
            const send = (found: Answer, isHead: boolean): void => {
              // From here on only: an answer may take its time, as a reload does that waits for what is in flight.
              response.setTimeout(requestTimeoutMs);
              writeAnswer(response, found, isHead);
            };
            // No request that is answered here has a body: of one that does, nothing is read.
            if (hasBody(request)) {
              response.setHeader('connection', 'close');
              return send(text(413, 'no request body is taken here'), false);
            }
            request.resume();
            const gone = new AbortController();
            response.once('close', () => gone.abort(new Stopped('nobody waits for the answer any more')));
            answer(request, gone.signal).then(
              (found) => send(found, request.method === 'HEAD'),
              () => send(text(500, 'this could not be answered'), false),
            );
          },
        );
        boundConnections(listening, MAX_CONNECTIONS);
        listening.on('clientError', (_, socket) => socket.destroy());
        listening.once('error', reject);
        listening.listen({ host: options.host, port: options.port }, () => {
          server = listening;
          const address = listening.address();
          resolve(typeof address === 'object' && address !== null ? address.port : options.port);
        });
      });
    },
    stop() {
      return new Promise((resolve) => {
        if (server === undefined) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
        server = undefined;
      });
    },
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function pathOf(url: string | undefined): string | undefined {
  // An absolute form, or a second slash, would name another host.
  if (url !== undefined && !/^\/(?!\/)/.test(url)) return undefined;
  try {
    const { pathname } = new URL(url ?? '/', 'http://agent');
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}

function healthy({ lastTick, now, startedAt }: Pick<AgentStatus, 'lastTick' | 'now' | 'startedAt'>, staleAfterMs: number): Answer {
  const silentMs = now - (lastTick?.at ?? startedAt);
  return silentMs <= staleAfterMs ? text(200, 'healthy') : text(503, `no tick has ended for ${Math.round(silentMs / 1_000)} s`);
}

function debugUser({ users, timeline }: AgentStatus, wanted: string): Answer {
  const user = users.find((each) => each.user === wanted);
  return user === undefined
    ? json(404, { error: 'the ledger has no such user of this device', user: wanted.slice(0, 64) })
    : json(200, { ...user, timeline: timeline.filter((entry) => entry.user === wanted) });
}

import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, createAbortController, describeError, Stopped } from '../../src/lib/index.ts';
import type { RpcFault } from './faults.ts';
import { createPubsubServer, type PubsubServer, serveNextPort } from './pubsub.ts';
import { accountMethods, clusterMethods, historyMethods, programAccountMethods, sendMethods } from './rpc-methods.ts';
import {
  answerError,
  answerResult,
  type Endpoint,
  parseBody,
  type RpcBody,
  RpcCode,
  RpcError,
  type RpcMethods,
  type RpcRequest,
  type RpcResponse,
  stringifyJson,
} from './rpc-types.ts';

/**
 * Whether a request comes from a program on this host, by its headers. The ledger listens on loopback only, but a web page can make a local browser
 * send requests: under its own name that resolves to 127.0.0.1 (Host), or from another origin (Origin).
 */
function isFromThisHost({ host, origin }: Pick<IncomingHttpHeaders, 'host' | 'origin'>): boolean {
  if (host === undefined || !isLoopback(`http://${host}`)) return false;
  return origin === undefined || isLoopback(origin);
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

const SOLANA_METHODS: RpcMethods = { ...accountMethods, ...clusterMethods, ...historyMethods, ...programAccountMethods, ...sendMethods };

type RpcHandler = ReturnType<typeof createRpcHandler>;

/** JSON-RPC without a transport: Solana's methods, and those of `more`. */
export function createRpcHandler(more: RpcMethods) {
  const methods = new Map(Object.entries({ ...SOLANA_METHODS, ...more }));

  const answerOne = (request: RpcRequest | RpcError, endpoint: Endpoint): RpcResponse | undefined => {
    if (request instanceof RpcError) return answerError(null, request);
    const response = call(request, endpoint);
    return request.id === undefined ? undefined : response;
  };
  const call = ({ id, method, params }: RpcRequest, endpoint: Endpoint): RpcResponse => {
    const run = methods.get(method);
    if (run === undefined) return answerError(id, new RpcError(RpcCode.methodNotFound, 'Method not found'));
    try {
      return answerResult(id, run(endpoint, params));
    } catch (error) {
      return answerError(
        id,
        error instanceof RpcError ? error : new RpcError(RpcCode.internalError, `Internal error: ${describeError(error)}`),
      );
    }
  };

  return {
    /** Answers a body, as JSON text; empty when it was notifications only. Never throws for what a client sends. */
    answer: (body: RpcBody, endpoint: Endpoint): string => assemble(body, (request) => answerOne(request, endpoint)),
    /** Answers every request of the body with this error. */
    refuse: (body: RpcBody, error: RpcError): string =>
      assemble(body, (request) => answerError(request instanceof RpcError ? null : request.id, error)),
  };
}

function assemble({ isBatch, requests }: RpcBody, answer: (request: RpcRequest | RpcError) => RpcResponse | undefined): string {
  const answers = requests.map(answer).filter((response) => response !== undefined);
  if (answers.length === 0) return '';
  return stringifyJson(isBatch ? answers : answers[0]);
}

/** The whole body as text; undefined when it is longer than `maxBytes` (the rest is discarded, so that a response can be sent). */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length <= maxBytes) chunks.push(bytes);
    else chunks.length = 0;
    if (length > 16 * maxBytes) throw new Error('a body without end');
  }
  return length > maxBytes ? undefined : Buffer.concat(chunks).toString('utf8');
}

interface RpcServerOptions {
  readonly endpoint: Endpoint;
  readonly handler: RpcHandler;
  /** Times the delays that faults ask for. */
  readonly clock: Clock;
  /** 0 takes a free one. */
  readonly port: number;
}

interface RpcAddresses {
  readonly rpcUrl: string;
  /** Subscriptions: the next port if the HTTP port was given and the next is free, else the HTTP port. */
  readonly wsUrl: string;
}

export type RpcServer = ReturnType<typeof createRpcServer>;

interface Running extends RpcAddresses {
  readonly servers: readonly Server[];
  readonly pubsub: PubsubServer;
  readonly stopping: AbortController;
}

/** Largest body taken: a node's own default. */
const MAX_BODY_BYTES = 50 * 1024;
const MAX_CONNECTIONS = 512;
const NOT_FOR_PAGES = 'localnet_ methods accept only requests of programs on this host, not of web pages';

/**
 * JSON-RPC over HTTP on loopback, as a Solana node serves it: POST of application/json to any path; GET /health. Subscriptions over WebSocket at
 * the same port.
 *
 *   body ──► parse ──► faults (delay, then cut or refuse) ──► handler ──► answer
 */
export function createRpcServer({ endpoint, handler, clock, port }: RpcServerOptions) {
  let running: Running | undefined;

  const serve = async (request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> => {
    if (request.method === 'GET' && request.url === '/health') return health(response);
    const refusal = refusalOf(request);
    if (refusal !== undefined) return sendText(response, ...refusal);
    const text = await readBody(request, MAX_BODY_BYTES);
    if (text === undefined) return sendText(response, 413, `the request has more than ${MAX_BODY_BYTES} bytes`);

    const body = parseBody(text);
    const methods = body.requests.flatMap((item) => (item instanceof RpcError ? [] : [item.method]));
    if (methods.some((method) => method.startsWith('localnet_')) && !isFromThisHost(request.headers)) {
      return sendJson(response, handler.refuse(body, new RpcError(RpcCode.invalidRequest, NOT_FOR_PAGES)));
    }
    const struck = endpoint.faults.strike(methods);
    for (const { kind, delayMs = 1000 } of struck) if (kind === 'delay') await clock.sleep(delayMs, signal);
    const fault = struck.find(({ kind }) => kind !== 'delay');
    if (fault === undefined) return sendJson(response, handler.answer(body, endpoint));
    switch (fault.kind) {
      case 'error':
        return sendJson(response, handler.refuse(body, errorOf(fault)));
      case 'truncate':
        return truncate(response, handler.answer(body, endpoint));
      default:
        return misbehave(response, fault);
    }
  };

  const health = (response: ServerResponse): void => {
    try {
      endpoint.requireHealthy();
      sendText(response, 200, 'ok');
    } catch {
      sendText(response, 200, 'unknown');
    }
  };

  return {
    /** Listens on 127.0.0.1. Rejects when the port is taken. */
    async start(): Promise<RpcAddresses> {
      if (running !== undefined) return running;
      const stopping = createAbortController();
      const server = createServer((request, response) => {
        serve(request, response, stopping.signal).catch(() => response.destroy());
      });
      const pubsub = createPubsubServer({ endpoint, clock });
      server.on('upgrade', pubsub.upgrade);
      server.maxConnections = MAX_CONNECTIONS;
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
      });
      const next = port === 0 ? undefined : await serveNextPort(pubsub, port);
      const wsUrl = `ws://127.0.0.1:${portOf(next ?? server)}`;
      running = {
        servers: next === undefined ? [server] : [server, next],
        pubsub,
        stopping,
        rpcUrl: `http://127.0.0.1:${portOf(server)}`,
        wsUrl,
      };
      return running;
    },
    /** Cuts every connection, hanging ones too. */
    async stop(): Promise<void> {
      if (running === undefined) return;
      const { servers, pubsub, stopping } = running;
      running = undefined;
      stopping.abort(new Stopped('the ledger stops'));
      pubsub.stop();
      await Promise.all(servers.map(close));
    },
  };
}

function refusalOf({ method, headers }: IncomingMessage): readonly [number, string] | undefined {
  if (method !== 'POST') return [405, 'Used HTTP Method is not allowed. POST or OPTIONS is required'];
  const isJson = headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'application/json';
  return isJson ? undefined : [415, 'Supplied content type is not allowed. Content-Type: application/json is required'];
}

function errorOf({ code = RpcCode.internalError, message = 'Internal error' }: RpcFault): RpcError {
  return new RpcError(code, message);
}

/** Faults outside JSON-RPC: a proxy's error, a page, no response, a closed connection. */
function misbehave(response: ServerResponse, { kind, retryAfterSeconds = 1 }: RpcFault): void {
  if (kind === 'rate-limited') {
    response.setHeader('retry-after', String(retryAfterSeconds));
    sendText(response, 429, 'Too many requests');
  } else if (kind === 'unavailable') sendText(response, 503, 'Service Unavailable');
  else if (kind === 'html') sendText(response, 200, '<html><body><h1>502 Bad Gateway</h1></body></html>', 'text/html');
  else if (kind === 'reset') response.socket?.resetAndDestroy();
  // 'hang': nothing, for as long as the client waits
}

function truncate(response: ServerResponse, answer: string): void {
  const bytes = Buffer.from(answer);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
}

function sendJson(response: ServerResponse, answer: string): void {
  sendText(response, 200, answer, 'application/json');
}

function sendText(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  const bytes = Buffer.from(text);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

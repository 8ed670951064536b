import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Stopped } from '../../lib/index.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { StatusBoard } from '../status-board.ts';
import { createAdmission } from './admission.ts';
import { type Answer, json, jsonText, page, refused, text, writeAnswer } from './answer.ts';
import { boundConnections } from './connections.ts';
import { createWholeAnswers, type WholeAnswersOptions } from './whole-answers.ts';

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

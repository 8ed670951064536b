import { Client, errors, request as requestOn } from '../../lib/http.ts';
import { AgentError, DeadlineExceeded, describeError, isAgentError, Stopped, withDeadline } from '../../lib/index.ts';
import type { EapiEndpoint } from './endpoint.ts';
import { createConnector, type EapiTls } from './tls.ts';

export interface EapiTransportOptions {
  readonly endpoint: EapiEndpoint;
  readonly tls: EapiTls;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

export interface EapiRequest {
  readonly path: '/command-api' | '/login' | '/logout';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Sees each piece of the answer as it comes, and returns what is to be kept of it; made anew for each attempt. */
  readonly filter?: AnswerFilter;
}

export type AnswerFilter = () => (chunk: Buffer) => Buffer | Promise<Buffer>;

export interface EapiReply {
  readonly status: number;
  readonly setCookie: readonly string[];
  readonly body: string;
}

export interface EapiTransport {
  /**
   * Posts JSON and reads the whole answer. Throws `EAPI__UNREACHABLE`, `EAPI__TLS`, `EAPI__TIMEOUT`, `EAPI__INCOMPLETE` or
   * `EAPI__TOO_LARGE`, or the signal's reason.
   */
  post(request: EapiRequest, signal: AbortSignal): Promise<EapiReply>;
  close(): Promise<void>;
}

/** The switch's web server keeps idle connections for over a minute: one connection serves poll after poll. */
const KEEP_ALIVE_MS = 60_000;

/**
 * One connection to one endpoint, and one request on it at a time: EOS runs eAPI requests one after another anyway. Nothing is opened before
 * the first request.
 */
export function createEapiTransport({ endpoint, tls, timeoutMs, maxAnswerBytes }: EapiTransportOptions): EapiTransport {
  let closed = false;
  let opening: Promise<Client> | undefined;
  let servedByConnection = 0;

  async function open(): Promise<Client> {
    const connect = await createConnector(endpoint, tls, timeoutMs);
    const client = new Client(endpoint.origin, {
      connect,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    client.on('connect', () => {
      servedByConnection = 0;
    });
    return client;
  }

  async function client(): Promise<Client> {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      // Whatever was wrong with the CA file may be mended before the next request.
      opening = undefined;
      throw error;
    }
  }

  async function exchange({ path, headers, body, filter }: EapiRequest, signal: AbortSignal): Promise<EapiReply> {
    const dispatcher = await client();
    const request = () =>
      requestOn.call(dispatcher, { path, method: 'POST', headers: { 'content-type': 'application/json-rpc', ...headers }, body, signal });
    const mayBeStale = servedByConnection > 0;
    const response = await request().catch((error: unknown) => {
      // The switch may have ended the idle connection while the request was on its way; every request of ours may be made twice.
      if (mayBeStale && !signal.aborted && isLostConnection(error)) return request();
      throw error;
    });
    const keep = filter?.();
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response.body) {
        if (!Buffer.isBuffer(chunk)) continue;
        bytes += chunk.byteLength;
        if (bytes > maxAnswerBytes) throw new AgentError('EAPI__TOO_LARGE', { endpoint: endpoint.text, limit: maxAnswerBytes });
        chunks.push(keep === undefined ? chunk : await keep(chunk));
      }
    } catch (error) {
      if (signal.aborted || isAgentError(error)) throw error;
      throw new AgentError('EAPI__INCOMPLETE', { endpoint: endpoint.text, bytes, problem: describeError(error) }, { cause: error });
    }
    servedByConnection += 1;
    const cookies = response.headers['set-cookie'] ?? [];
    return {
      status: response.statusCode,
      setCookie: typeof cookies === 'string' ? [cookies] : cookies,
      body: Buffer.concat(chunks).toString('utf8'),
    };
  }

  return {
    async post(request, signal) {
      if (closed) throw new Stopped(`the connection to ${endpoint.text} is closed`);
      try {
        return await withDeadline(timeoutMs, signal, (inner) => exchange(request, inner));
      } catch (error) {
        throw isAgentError(error) || signal.aborted ? error : asAgentError(error, endpoint);
      }
    },
    async close() {
      closed = true;
      const opened = await opening?.catch(() => undefined);
      await opened?.destroy();
    },
  };
}

function isLostConnection(error: unknown): boolean {
  return error instanceof errors.SocketError || ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

/** The certificate errors of OpenSSL and of Node's TLS, and what a port that does not speak TLS leads to. */
const TLS_CODES = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA)/;

function asAgentError(error: unknown, { text }: EapiEndpoint): AgentError {
  if (error instanceof DeadlineExceeded) return new AgentError('EAPI__TIMEOUT', { endpoint: text, ms: error.ms }, { cause: error });
  const code = codeOf(error);
  const described = describeError(error);
  const problem = code === '' || described.includes(code) ? described : `${described} (${code})`;
  return new AgentError(TLS_CODES.test(code) ? 'EAPI__TLS' : 'EAPI__UNREACHABLE', { endpoint: text, problem }, { cause: error });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

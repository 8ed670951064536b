import { readFile } from 'node:fs/promises';
import { TLSSocket } from 'node:tls';
import { buildConnector, Client, errors } from '../../lib/http.ts';
import { AgentError, DeadlineExceeded, describeError, isAgentError, Stopped, singleFlight, withDeadline } from '../../lib/index.ts';

/** Where an eAPI listens. */
export interface EapiEndpoint {
  /** As it appears in messages: what was configured, without anything secret. */
  readonly text: string;
  /** Such as `https://10.0.0.1:443`; a placeholder host for a Unix socket. */
  readonly origin: string;
  readonly secure: boolean;
  /** The path of a Unix socket; it reaches the switch from any network namespace. */
  readonly socketPath?: string;
  /** `host:port` of an EosSdkRpc that serves eAPI's commands over gRPC. */
  readonly grpcAddress?: string;
}

const UNIX = 'unix://';
/** Where `management api eos-sdk-rpc` listens unless told otherwise. */
const GRPC_PORT = 9_543;
/** The room for a path in `sockaddr_un`, less its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Reads `https://host[:port]`, `http://host[:port]`, `unix:///path` or `grpc://host[:port]`. Throws `EAPI__ENDPOINT_INVALID`. */
export function parseEapiEndpoint(text: string): EapiEndpoint {
  return text.startsWith(UNIX) ? unixEndpoint(text) : webEndpoint(text);
}

function unixEndpoint(text: string): EapiEndpoint {
  const socketPath = text.slice(UNIX.length);
  if (!socketPath.startsWith('/')) throw invalid(text, 'the path of the socket has to be absolute');
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) throw invalid(text, `the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes`);
  return { text, origin: 'http://localhost', secure: false, socketPath };
}

function webEndpoint(text: string): EapiEndpoint {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid('the configured text', 'it is no URL');
  }
  const shown = `${url.protocol}//${url.host}`;
  if (url.protocol === 'grpc:') return grpcEndpoint(shown, url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid(shown, 'the scheme is none of https, http, unix and grpc');
  if (url.username !== '' || url.password !== '') throw invalid(shown, 'it holds credentials');
  const path = url.pathname.replace(/\/$/, '');
  if (path !== '' && path !== '/command-api') throw invalid(shown, 'the path is not /command-api');
  if (url.search !== '' || url.hash !== '') throw invalid(shown, 'it has a query or a fragment');
  return { text: shown, origin: url.origin, secure: url.protocol === 'https:' };
}

function grpcEndpoint(shown: string, url: URL): EapiEndpoint {
  if (url.hostname === '') throw invalid(shown, 'it names no host');
  if (url.username !== '' || url.password !== '') throw invalid(shown, 'it holds credentials');
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') throw invalid(shown, 'nothing may follow the port');
  const grpcAddress = `${url.hostname}:${url.port === '' ? GRPC_PORT : url.port}`;
  return { text: `grpc://${grpcAddress}`, origin: `http://${grpcAddress}`, secure: false, grpcAddress };
}

function invalid(endpoint: string, problem: string): AgentError {
  return new AgentError('EAPI__ENDPOINT_INVALID', { endpoint, problem });
}

/** How the switch proves itself over HTTPS. */
export type EapiTls =
  /** By a certificate that the system's authorities vouch for. */
  | { readonly kind: 'system' }
  /** By one that the authorities in this PEM file vouch for; `serverName` where the certificate does not name the endpoint's host. */
  | { readonly kind: 'ca'; readonly caFile: string; readonly serverName?: string }
  /** By this very certificate: the SHA-256 fingerprint of its DER form, hexadecimal, colons allowed. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Not at all: whoever answers is believed. */
  | { readonly kind: 'insecure' };

/**
 * Opens the connections to an endpoint. A pinned certificate is compared before the first byte is sent, so that credentials go to nobody
 * else. Reads the CA file, once. Throws `EAPI__TLS`.
 */
async function createConnector(endpoint: EapiEndpoint, tls: EapiTls, timeoutMs: number): Promise<buildConnector.connector> {
  const { socketPath, secure } = endpoint;
  const connect = buildConnector({
    timeout: timeoutMs,
    // A resumed session does not show its certificate again.
    maxCachedSessions: 0,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(secure ? await verifyOptions(endpoint, tls) : {}),
  });
  if (!secure || tls.kind !== 'fingerprint') return connect;
  const expected = normalized(tls.sha256);
  if (!/^[0-9a-f]{64}$/.test(expected))
    throw new AgentError('EAPI__TLS', { endpoint: endpoint.text, problem: 'the pinned fingerprint has not 64 hexadecimal digits' });

  return (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      const actual = socket instanceof TLSSocket ? normalized(socket.getPeerCertificate().fingerprint256 ?? '') : '';
      if (actual === expected) return callback(null, socket);
      socket.destroy();
      return callback(
        new AgentError('EAPI__TLS', { endpoint: endpoint.text, problem: `its SHA-256 fingerprint is ${actual}, pinned is ${expected}` }),
        null,
      );
    });
  };
}

interface VerifyOptions {
  readonly ca?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

async function verifyOptions({ text }: EapiEndpoint, tls: EapiTls): Promise<VerifyOptions> {
  switch (tls.kind) {
    case 'system':
      return {};
    case 'ca':
      try {
        return { ca: await readFile(tls.caFile, 'utf8'), ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) };
      } catch (error) {
        throw new AgentError(
          'EAPI__TLS',
          { endpoint: text, problem: `the CA file cannot be read: ${describeError(error)}` },
          { cause: error },
        );
      }
    case 'fingerprint':
    case 'insecure':
      return { rejectUnauthorized: false };
  }
}

/** Lower-case hexadecimal without separators. */
function normalized(fingerprint: string): string {
  return fingerprint.replaceAll(/[:\s]/g, '').toLowerCase();
}

interface EapiTransportOptions {
  readonly endpoint: EapiEndpoint;
  readonly tls: EapiTls;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

interface EapiRequest {
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
      dispatcher.request({ path, method: 'POST', headers: { 'content-type': 'application/json-rpc', ...headers }, body, signal });
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

export interface EapiCredentials {
  readonly username: string;
  readonly password: string;
  /**
   * `session` logs in once and sends a cookie; `basic` sends the password with each request, which the switch checks with AAA each time.
   */
  readonly login: 'session' | 'basic';
}

export interface Authentication {
  /** The headers of the next request; logs in first where that is needed. Throws what a login can meet with. */
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Told of a 401 to a request with these headers; true when another try, with new headers, can help. */
  refused(headers: Readonly<Record<string, string>>): boolean;
  /** Ends the session on the switch, if there is one. */
  end(): Promise<void>;
}

interface AuthenticationOptions {
  readonly endpoint: string;
  readonly credentials: EapiCredentials | undefined;
  readonly transport: EapiTransport;
}

const LOGOUT_MS = 1_000;

/** A switch's `/login` needs no more; what else it sends is not looked at. */
const SESSION_COOKIE = /^Session=([^;\s]{1,4096})/;

export function createAuthentication({ endpoint, credentials, transport }: AuthenticationOptions): Authentication {
  if (credentials === undefined) return { headers: async () => ({}), refused: () => false, end: async () => undefined };
  const { username, password } = credentials;
  if (credentials.login === 'basic') {
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return { headers: async () => ({ authorization }), refused: () => false, end: async () => undefined };
  }

  let cookie: string | undefined;

  /** One login at a time, however many requests wait for it. */
  const login = singleFlight(async (signal) => {
    const request = {
      path: '/login',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    } as const;
    const { status, setCookie } = await transport.post(request, signal);
    if (status === 401 || status === 403) throw new AgentError('EAPI__UNAUTHORIZED', { endpoint, user: username, status });
    if (status !== 200) throw new AgentError('EAPI__HTTP_STATUS', { endpoint, path: request.path, status });
    const session = setCookie.map((text) => SESSION_COOKIE.exec(text)?.[1]).find((token) => token !== undefined);
    if (session === undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: 'the login brought no session cookie' });
    cookie = `Session=${session}`;
    return cookie;
  });

  return {
    async headers(signal) {
      return { cookie: cookie ?? (await login(signal)) };
    },
    refused(headers) {
      if (headers.cookie === cookie) cookie = undefined;
      return true;
    },
    async end() {
      const leaving = cookie;
      cookie = undefined;
      if (leaving === undefined) return;
      const logout = { path: '/logout', headers: { cookie: leaving, 'content-type': 'application/json' }, body: '{}' } as const;
      // A session that cannot be ended expires by itself; closing must neither fail over it nor wait long.
      await withDeadline(LOGOUT_MS, undefined, (signal) => transport.post(logout, signal)).catch(() => undefined);
    },
  };
}

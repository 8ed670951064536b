import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { TLSSocket } from 'node:tls';
import { buildConnector, HttpClient, HttpError, type HttpReply, wordsOfBody } from '../../lib/http.ts';
import { AgentError, DeadlineExceeded, describeError, isAgentError, Stopped, singleFlight, withDeadline } from '../../lib/index.ts';
import { switchText } from './json.ts';

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
/** The default port of `management api eos-sdk-rpc`. */
const GRPC_PORT = 9_543;

/** Reads `https://host[:port]`, `http://host[:port]`, `unix:///path` or `grpc://host[:port]`; the configuration has checked its form. */
export function parseEapiEndpoint(text: string): EapiEndpoint {
  if (text.startsWith(UNIX)) return { text, origin: 'http://localhost', secure: false, socketPath: text.slice(UNIX.length) };
  const { protocol, host, hostname, port, origin } = new URL(text);
  if (protocol !== 'grpc:') return { text: `${protocol}//${host}`, origin, secure: protocol === 'https:' };
  const grpcAddress = `${hostname}:${port === '' ? GRPC_PORT : port}`;
  return { text: `grpc://${grpcAddress}`, origin: `http://${grpcAddress}`, secure: false, grpcAddress };
}

/** How the agent verifies the switch over HTTPS. */
export type EapiTls =
  /** By a certificate that an authority of the system has signed. */
  | { readonly kind: 'system' }
  /** By one that an authority in this PEM file has signed; `serverName` where the certificate does not name the endpoint's host. */
  | { readonly kind: 'ca'; readonly caFile: string; readonly serverName?: string }
  /** By this very certificate: the SHA-256 fingerprint of its DER form, hexadecimal, colons allowed. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Not at all: any certificate is accepted. */
  | { readonly kind: 'insecure' };

/**
 * Opens the connections to an endpoint. A pinned certificate is compared before the first byte is sent, so that credentials reach only the
 * pinned switch. Reads the CA file. Throws `EAPI__TLS`.
 */
async function createConnector(endpoint: EapiEndpoint, tls: EapiTls, timeoutMs: number): Promise<buildConnector.connector> {
  const { socketPath, secure } = endpoint;
  const connect = buildConnector({
    timeout: timeoutMs,
    // A resumed session does not show its certificate again.
    maxCachedSessions: 0,
    socketPath,
    ...(secure ? await verifyOptions(endpoint, tls) : undefined),
  });
  if (!secure || tls.kind !== 'fingerprint') return connect;
  const expected = normalized(tls.sha256);
  if (!/^[0-9a-f]{64}$/.test(expected))
    throw new AgentError('EAPI__TLS', { endpoint: endpoint.text, problem: 'the pinned fingerprint does not have 64 hexadecimal digits' });

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

async function verifyOptions({ text }: EapiEndpoint, tls: EapiTls) {
  switch (tls.kind) {
    // Said in so many words: the default is NODE_TLS_REJECT_UNAUTHORIZED's.
    case 'system':
      return { rejectUnauthorized: true };
    case 'ca':
      try {
        return { ca: await readAuthorities(tls.caFile), servername: tls.serverName, rejectUnauthorized: true };
      } catch (cause) {
        throw new AgentError('EAPI__TLS', { endpoint: text, problem: `the CA file cannot be read: ${describeError(cause)}` }, { cause });
      }
    case 'fingerprint':
    case 'insecure':
      return { rejectUnauthorized: false };
  }
}

/** Four times the size of a system's CA bundle. */
const MAX_CA_BYTES = 1 << 20;

/** Does not wait for a writer, and stops at the limit. With an empty text, Node would use the system's authorities. */
async function readAuthorities(file: string): Promise<string> {
  const opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(MAX_CA_BYTES), 0, MAX_CA_BYTES);
    if (bytesRead === MAX_CA_BYTES) throw new Error(`it has ${MAX_CA_BYTES} bytes or more`);
    const text = buffer.toString('utf8', 0, bytesRead);
    if (!text.includes('CERTIFICATE-----')) throw new Error('it contains no certificate');
    return text;
  } finally {
    await opened.close();
  }
}

/** Lower-case hexadecimal without separators. */
function normalized(fingerprint: string): string {
  return fingerprint.replaceAll(/[:\s]/g, '').toLowerCase();
}

interface EapiTransportOptions {
  readonly endpoint: EapiEndpoint;
  /** The certificate authorities of the system by default. */
  readonly tls?: EapiTls;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

interface EapiRequest {
  readonly path: '/command-api' | '/login' | '/logout';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The error for a status that eAPI does not use, with the target of a redirect or the text of the response. */
export function statusError(endpoint: string, path: string, { status, header, body }: HttpReply): AgentError {
  const words = switchText(wordsOfBody(body));
  const location = status >= 300 && status < 400 ? header('location') : undefined;
  const target = location === undefined ? '' : `, a redirect to ${switchText(location)}, which the agent does not follow`;
  return new AgentError('EAPI__HTTP_STATUS', { endpoint, path, status: `${status}${target}${words === '' ? '' : `: ${words}`}` });
}

/** The switch's web server keeps idle connections for over a minute: one connection serves poll after poll. */
const KEEP_ALIVE_MS = 60_000;

/**
 * One connection to one endpoint, and one request on it at a time: EOS runs eAPI requests one after another anyway. The first request opens it.
 */
export class EapiTransport {
  readonly #options: EapiTransportOptions;
  readonly #http: HttpClient;
  #isClosed = false;

  constructor(options: EapiTransportOptions) {
    const { endpoint, tls = { kind: 'system' }, timeoutMs, maxAnswerBytes } = options;
    let opening: Promise<buildConnector.connector> | undefined;
    const connect: buildConnector.connector = (target, callback) => {
      opening ??= createConnector(endpoint, tls, timeoutMs);
      opening.then(
        (connector) => connector(target, callback),
        (error: Error) => {
          // The CA file may be right by the next request.
          opening = undefined;
          callback(error, null);
        },
      );
    };
    this.#options = options;
    this.#http = new HttpClient({ connections: 1, keepAliveMs: KEEP_ALIVE_MS, maxBodyBytes: maxAnswerBytes, connect });
  }

  /**
   * Posts JSON and reads the whole answer. A request whose connection was lost is sent once more. Throws `EAPI__UNREACHABLE`, `EAPI__TLS…`,
   * `EAPI__NOT_TLS`, `EAPI__NOT_HTTP`, `EAPI__TIMEOUT`, `EAPI__INCOMPLETE` or `EAPI__TOO_LARGE`, the signal's reason, or Stopped once it is closed.
   */
  async post({ path, headers, body }: EapiRequest, signal: AbortSignal): Promise<HttpReply> {
    const { endpoint, timeoutMs } = this.#options;
    if (this.#isClosed) throw new Stopped(`the connection to ${endpoint.text} is closed`);
    const all = { 'content-type': 'application/json-rpc', ...headers };
    try {
      const request = { method: 'POST', origin: endpoint.origin, path, headers: all, body } as const;
      const reply = await withDeadline(timeoutMs, signal, (inner) => this.#http.send(request, inner));
      if (reply.status === 400 && EXPECTS_TLS.test(reply.body.subarray(0, 4_096).toString('latin1')))
        throw new AgentError('EAPI__NOT_HTTP', { endpoint: endpoint.text, problem: 'it asks for TLS on this port' });
      return reply;
    } catch (error) {
      throw signal.aborted ? signal.reason : toAgentError(error, this.#options);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#http.close();
  }
}

/** nginx, to plain HTTP on a port of TLS: “The plain HTTP request was sent to HTTPS port”. */
const EXPECTS_TLS = /plain HTTP request was sent to (an )?HTTPS port/i;

/** What OpenSSL makes of an answer that is not a record of TLS, by its version. */
const NOT_TLS_CODES = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_TOO_SMALL|HTTP_REQUEST|UNKNOWN_PROTOCOL)$/;
/** A handshake that failed for another reason than the switch's certificate: version, ciphers, an alert of the switch. */
const TLS_PROTOCOL_CODES = /^(ERR_SSL_|EPROTO$)/;
/** The certificate errors of OpenSSL and of Node's TLS. */
const CERTIFICATE_CODES =
  /^(ERR_TLS|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH|ERROR_IN_CERT|ERR_OSSL|ERR_SSL_(EE|CA)_)/;

function toAgentError(error: unknown, { endpoint: { text: endpoint }, maxAnswerBytes }: EapiTransportOptions): AgentError {
  if (error instanceof DeadlineExceeded) return new AgentError('EAPI__TIMEOUT', { endpoint, ms: error.ms });
  const cause = error instanceof HttpError ? error.cause : error;
  if (isAgentError(cause)) return cause;
  if (error instanceof HttpError) {
    const bytes = error.receivedBytes;
    if (error.problem === 'too-large') return new AgentError('EAPI__TOO_LARGE', { endpoint, limit: maxAnswerBytes }, { cause });
    if (error.problem === 'malformed') return new AgentError('EAPI__MALFORMED', { endpoint, problem: error.message }, { cause });
    if (error.progress === 'answering') return new AgentError('EAPI__INCOMPLETE', { endpoint, bytes, problem: error.message }, { cause });
  }
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const described = describeError(cause).replace(/:? *$/, '');
  const problem = code === '' || described.includes(code) ? described : `${described} (${code})`;
  const hint = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? '; set tls.serverName to a name in the certificate' : '';
  return new AgentError(connectionCode(code, described), { endpoint, problem: `${problem}${hint}` }, { cause });
}

function connectionCode(
  code: string,
  described: string,
): 'EAPI__NOT_TLS' | 'EAPI__NOT_HTTP' | 'EAPI__TLS_PROTOCOL' | 'EAPI__TLS' | 'EAPI__UNREACHABLE' {
  if (NOT_TLS_CODES.test(code)) return 'EAPI__NOT_TLS';
  if (CERTIFICATE_CODES.test(code)) return 'EAPI__TLS';
  if (TLS_PROTOCOL_CODES.test(code)) return 'EAPI__TLS_PROTOCOL';
  return code.startsWith('HPE_') || described.startsWith('Response does not match the HTTP') ? 'EAPI__NOT_HTTP' : 'EAPI__UNREACHABLE';
}

export interface EapiCredentials {
  readonly username: string;
  readonly password: string;
  /**
   * `session` logs in once and sends a cookie; `basic` sends the password with each request, which the switch checks with AAA each time.
   */
  readonly login: 'session' | 'basic';
}

const LOGOUT_MS = 1_000;

/** All that the answer to `/login` is read for. */
const SESSION_COOKIE = /^Session=([^;\s]{1,4096})/;

const JSON_CONTENT = { 'content-type': 'application/json' };

/** How requests authenticate: not at all, by the password each time, or by the cookie of a session. */
export class Authentication {
  readonly #endpoint: string;
  readonly #credentials: EapiCredentials | undefined;
  readonly #transport: EapiTransport;
  #cookie: string | undefined;
  /** One login at a time, however many requests wait for it. */
  readonly #login = singleFlight((signal) => this.#logIn(signal));

  constructor(endpoint: string, credentials: EapiCredentials | undefined, transport: EapiTransport) {
    this.#endpoint = endpoint;
    this.#credentials = credentials;
    this.#transport = transport;
  }

  /** The headers of the next request; logs in first where that is needed. Throws the errors of a login. */
  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (this.#credentials === undefined) return {};
    const { username, password, login } = this.#credentials;
    if (login === 'session') return { cookie: this.#cookie ?? (await this.#login(signal)) };
    return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  }

  /** Reports a 401 to a request with these headers; true when another try, with new headers, can help. */
  refused({ cookie }: Readonly<Record<string, string>>): boolean {
    if (cookie === undefined) return false;
    if (cookie === this.#cookie) this.#cookie = undefined;
    return true;
  }

  /** Ends the session on the switch, if there is one. */
  async end(): Promise<void> {
    const cookie = this.#cookie;
    this.#cookie = undefined;
    if (cookie === undefined) return;
    const logout = { path: '/logout', headers: { ...JSON_CONTENT, cookie }, body: '{}' } as const;
    // A session that cannot be ended expires by itself, so closing neither fails nor waits long for it.
    await withDeadline(LOGOUT_MS, undefined, (signal) => this.#transport.post(logout, signal)).catch(() => undefined);
  }

  async #logIn(signal: AbortSignal): Promise<string> {
    const endpoint = this.#endpoint;
    const { username = '', password = '' } = this.#credentials ?? {};
    const login = { path: '/login', headers: JSON_CONTENT, body: JSON.stringify({ username, password }) } as const;
    const reply = await this.#transport.post(login, signal);
    const { status, headers } = reply;
    if (status === 401 || status === 403)
      throw new AgentError('EAPI__UNAUTHORIZED', { endpoint, requests: `user ${username}`, user: username, status });
    if (status !== 200) throw statusError(endpoint, login.path, reply);
    const session = headers('set-cookie')
      .map((text) => SESSION_COOKIE.exec(text)?.[1])
      .find((token) => token !== undefined);
    if (session === undefined) throw new AgentError('EAPI__MALFORMED', { endpoint, problem: 'the login brought no session cookie' });
    this.#cookie = `Session=${session}`;
    return this.#cookie;
  }
}

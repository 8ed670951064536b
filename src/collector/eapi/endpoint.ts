import { AgentError } from '../../lib/index.ts';

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

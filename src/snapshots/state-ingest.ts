import { createHash } from 'node:crypto';
import bs58 from 'bs58';
import { HttpClient, HttpError, type HttpReply, type HttpRequest, retryAfterMs } from '../lib/http.ts';
import { AgentError, type Clock, describeError, type EpochMs, epochMs, isRecord, oneLine, parseJson, withDeadline } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import { readStateToCollect, rfc3339, type Snapshot, type SnapshotSink, type WantedState } from './snapshot.ts';

/** Lists of what to collect are a few kilobytes; the answer to an upload is nearly empty. */
const MAX_REPLY_BYTES = 1 << 20;
/** Shorter than the interval of rounds: a connection closes at our end before the server closes it during a write. */
const KEEP_ALIVE_MS = 4_000;
const MAX_CONNECTIONS = 4;

const STATE_TO_COLLECT = 'v1/state-to-collect';
const UPLOAD_URL = 'v1/snapshots/upload-url';

/** For messages: the path of the base URL may be an API key. */
function shownRequest(method: string, { pathname }: URL, path: string): string {
  return `${method} ${pathname === '/' ? '/' : '/…/'}${path}`;
}

function createClient(): HttpClient {
  return new HttpClient({ connections: MAX_CONNECTIONS, keepAliveMs: KEEP_ALIVE_MS, maxBodyBytes: MAX_REPLY_BYTES });
}

/** Rejects with the signal's reason, or with the error that `failed` makes of a problem. The problem has no part of the URL. */
async function send(
  { http, timeoutMs }: { readonly http: HttpClient; readonly timeoutMs: number },
  { origin, pathname, search }: URL,
  request: Omit<HttpRequest, 'origin' | 'path'>,
  signal: AbortSignal,
  failed: (problem: string, cause: unknown) => AgentError,
): Promise<HttpReply> {
  try {
    return await withDeadline(timeoutMs, signal, (inner) => http.send({ ...request, origin, path: `${pathname}${search}` }, inner));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const isTooLarge = error instanceof HttpError && error.problem === 'too-large';
    throw failed(isTooLarge ? `the answer has more than ${MAX_REPLY_BYTES} bytes` : describeError(error), error);
  }
}

const unreachable =
  (server: string) =>
  (problem: string, cause: unknown): AgentError =>
    new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server, problem }, { cause });

interface DeviceKey {
  readonly publisher: Address;
  readonly device: Address;
}

/** How far the timestamp of a request may be from the server's clock. */
export const ACCEPTED_SKEW_MS = 5 * 60_000;
const DEFAULT_RETRY_MS = 60_000;
const MIN_RETRY_MS = 1_000;
/** Even a server that names a time in years gets the next request after this. */
const MAX_RETRY_MS = 15 * 60_000;

/** The error of an answer other than 200 to `request`, such as `POST /v1/snapshots/upload-url`, that was sent at `at` by the local clock. */
function ingestError(
  reply: HttpReply,
  { server, request, at, ...key }: { readonly server: string; readonly request: string; readonly at: EpochMs } & DeviceKey,
): AgentError {
  const { status } = reply;
  const problem = problemOf(reply);
  if (status === 503 || status === 429) {
    const pauseMs = retryPauseMs(reply, at);
    return new AgentError('SNAPSHOT__SERVER_BUSY', { server, status, seconds: Math.ceil(pauseMs / 1_000), retryAfterMs: pauseMs });
  }
  if (status !== 401) return new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status, problem });
  const skewMs = skewOf(reply, at);
  if (skewMs === undefined || Math.abs(skewMs) <= ACCEPTED_SKEW_MS)
    return new AgentError('SNAPSHOT__UNAUTHORIZED', { server, ...key, problem });
  const direction = skewMs < 0 ? 'ahead of' : 'behind';
  return new AgentError('SNAPSHOT__CLOCK_SKEW', { server, skew: roughly(Math.abs(skewMs)), direction, skewMs });
}

/** By how much the server's clock is ahead of ours, from the Date of its answer (whole seconds); undefined without one. */
function skewOf({ header }: HttpReply, at: EpochMs): number | undefined {
  const date = Date.parse(header('date') ?? '');
  return Number.isNaN(date) ? undefined : date - at;
}

/** The pause that the server asks for, within bounds. */
function retryPauseMs({ header }: HttpReply, at: EpochMs): number {
  const ms = retryAfterMs(header('retry-after'), header('date'), at) ?? DEFAULT_RETRY_MS;
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms));
}

/** The server's error, `{"error","code"}`, in one line. */
function problemOf({ status, body }: HttpReply): string {
  if (status >= 300 && status < 400) return 'it redirects, which is not followed';
  try {
    const answer: unknown = parseJson(body.subarray(0, 4_096).toString('utf8'));
    const error = isRecord(answer) ? answer.error : undefined;
    if (typeof error === 'string' && error !== '') return oneLine(error.replaceAll(/[^\x20-\x7e]+/g, ' '));
  } catch {
    // A body that is not JSON is not of state-ingest.
  }
  return 'no reason given';
}

function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(ms / 3_600_000);
  return hours < 72 ? `${hours} h` : `${Math.round(ms / 86_400_000)} days`;
}

interface StateIngestProbe {
  /** What the server wants. */
  readonly wanted: WantedState;
  readonly latencyMs: number;
  /** How far the server's clock is ahead of this host's, milliseconds, give or take a second; absent without a Date in its answer. */
  readonly skewMs?: number;
}

interface StateIngestProbeOptions {
  /** The base URL, http or https, with or without a path. */
  readonly url: string;
  /** Upper bound for the request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>;
}

/** Reads a state-ingest server's list, which needs no signature, and stores nothing. Throws AgentError `SNAPSHOT__SERVER_…`. */
export async function probeStateIngest({ url, timeoutMs, clock }: StateIngestProbeOptions, signal: AbortSignal): Promise<StateIngestProbe> {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const target = new URL(STATE_TO_COLLECT, base);
  const [server, request] = [base.host, shownRequest('GET', base, STATE_TO_COLLECT)];
  const http = createClient();
  const [sentAt, startedAt] = [clock.wall(), clock.monotonic()];
  try {
    const reply = await send({ http, timeoutMs }, target, { method: 'GET' }, signal, unreachable(server));
    const latencyMs = clock.monotonic() - startedAt;
    if (reply.status !== 200)
      throw new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status: reply.status, problem: 'a list was expected' });
    const wanted = wantedOf(reply);
    if (wanted === undefined)
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request, problem: 'it is not a list of what to collect' });
    return { wanted, latencyMs, skewMs: skewOf(reply, epochMs(sentAt + latencyMs / 2)) };
  } finally {
    await http.close();
  }
}

function wantedOf({ body }: HttpReply): WantedState | undefined {
  try {
    return readStateToCollect(parseJson(body.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** The key that signs for the device: the device's metrics publisher. */
interface SnapshotSigner {
  readonly address: Address;
  /** The 64-byte ed25519 signature (RFC 8032) of the message. */
  sign(message: Uint8Array): Uint8Array;
}

interface SignedRequest {
  readonly method: string;
  /** The path of the URL as it is sent, with its percent-escapes. */
  readonly path: string;
  readonly body: Uint8Array;
}

/**
 * The text that the signature covers, version 1 of state-ingest; each line ends with a line feed:
 *
 *   DOUBLEZERO_V1
 *   method:POST
 *   path:/v1/snapshots/upload-url
 *   timestamp:2026-03-01T12:34:56Z
 *   body-sha256:<64 hex digits>
 */
export function canonicalText({ method, path, body, timestamp }: SignedRequest & { readonly timestamp: string }): string {
  const hash = createHash('sha256').update(body).digest('hex');
  return ['DOUBLEZERO_V1', `method:${method}`, `path:${path}`, `timestamp:${timestamp}`, `body-sha256:${hash}`, ''].join('\n');
}

/** The headers that authenticate a request: device, timestamp, and the base58 of the signature over the canonical text. */
export function signedHeaders(
  { at, ...request }: SignedRequest & { readonly at: EpochMs },
  device: Address,
  signer: SnapshotSigner,
): Readonly<Record<string, string>> {
  const timestamp = rfc3339(at);
  const signature = signer.sign(Buffer.from(canonicalText({ ...request, timestamp })));
  return { 'x-dz-device': device, 'x-dz-timestamp': timestamp, 'x-dz-signature': bs58.encode(signature) };
}

/** Where and how the bytes of one snapshot are uploaded. */
interface UploadTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEADERS = 32;
const MAX_HEADER_BYTES = 8_192;
const MAX_URL_LENGTH = 8_192;
/** Headers of HTTP itself: they belong to the connection, or follow from the bytes. */
const HEADERS_OF_HTTP: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-authorization',
]);
/** RFC 9110 5.6.2 and 5.5. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e\t]*$/;

/**
 * Reads the answer of state-ingest to a request for an upload URL: `{"status":"ok","s3_key","upload":{"method":"PUT","url","headers":{name:[values]}}}`.
 * Returns the problem of an unusable one as text. The URL must be https, or of the server's own scheme.
 */
export function readUploadTarget(answer: unknown, server: URL): UploadTarget | string {
  if (!isRecord(answer) || answer.status !== 'ok' || !isRecord(answer.upload)) return 'it names no upload';
  const { method, url: text, headers: given = {} } = answer.upload;
  if (method !== 'PUT') return 'its method is not PUT';
  if (typeof text !== 'string' || text.length > MAX_URL_LENGTH || !URL.canParse(text)) return 'its upload URL is invalid';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== server.protocol) return `its upload URL has the scheme ${url.protocol.slice(0, 20)}//`;
  if (url.username !== '' || url.password !== '') return 'its upload URL contains credentials';
  const headers = readHeaders(given ?? {});
  return typeof headers === 'string' ? headers : { url, headers };
}

function readHeaders(given: unknown): Readonly<Record<string, string>> | string {
  if (!isRecord(given)) return 'its headers are not an object';
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, values] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (HEADERS_OF_HTTP.has(key)) continue;
    const value = Array.isArray(values) && values.every((each) => typeof each === 'string') ? values.join(', ') : undefined;
    if (!HEADER_NAME.test(name) || value === undefined || !HEADER_VALUE.test(value)) return 'one of its headers is invalid';
    bytes += name.length + value.length;
    headers[key] = value;
  }
  if (Object.keys(headers).length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) return 'it has too many headers';
  return { 'content-type': 'application/json', ...headers };
}

interface StateIngestOptions {
  /** The base URL, http or https, with or without a path. */
  readonly url: string;
  readonly device: Address;
  readonly signer: SnapshotSigner;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall'>;
}

/**
 * A client of the state-ingest protocol:
 *
 *   GET  {base}/v1/state-to-collect       ──► what to collect
 *   POST {base}/v1/snapshots/upload-url   ──► where to upload one snapshot   (signed by the metrics publisher)
 *   PUT  the URL of that answer           ──► stored
 */
export function createStateIngest({ url, device, signer, timeoutMs, clock }: StateIngestOptions): SnapshotSink {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const server = base.host;
  const http = createClient();

  async function call(path: string, body: Buffer | undefined, signal: AbortSignal): Promise<unknown> {
    const target = new URL(path, base);
    const method = body === undefined ? 'GET' : 'POST';
    const request = shownRequest(method, base, path);
    const sentAt = clock.wall();
    const headers =
      body === undefined
        ? undefined
        : { 'content-type': 'application/json', ...signedHeaders({ method, path: target.pathname, body, at: sentAt }, device, signer) };
    const reply = await send({ http, timeoutMs }, target, { method, headers, body }, signal, unreachable(server));
    const at = epochMs((sentAt + clock.wall()) / 2);
    if (reply.status !== 200) throw ingestError(reply, { server, request, at, publisher: signer.address, device });
    try {
      return parseJson(reply.body.toString('utf8'));
    } catch {
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request, problem: 'it is not JSON' });
    }
  }

  async function uploadTarget({ kind, takenAt, sha256, bytes }: Snapshot, signal: AbortSignal): Promise<UploadTarget> {
    const fields = { device_pubkey: device, snapshot_timestamp: rfc3339(takenAt), snapshot_sha256: sha256, kind };
    const body = Buffer.from(JSON.stringify(fields));
    const answer = await call(UPLOAD_URL, body, signal).catch((error: unknown) => {
      throw statusOf(error) === 413 ? tooLarge(kind, bytes, server) : error;
    });
    const target = readUploadTarget(answer, base);
    if (typeof target === 'string') throw new AgentError('SNAPSHOT__UPLOAD_REFUSED', { kind, place: server, problem: target });
    return target;
  }

  async function upload({ url, headers }: UploadTarget, { kind, bytes }: Snapshot, signal: AbortSignal): Promise<void> {
    const about = { kind, place: url.host };
    const failed = (problem: string, cause?: unknown) => new AgentError('SNAPSHOT__UPLOAD_FAILED', { ...about, problem }, { cause });
    const { status } = await send({ http, timeoutMs }, url, { method: 'PUT', headers, body: bytes }, signal, failed);
    if (status === 200 || status === 204) return;
    if (status === 413) throw tooLarge(kind, bytes, url.host);
    if (status < 300 || status >= 400) throw failed(`HTTP ${status}`);
    throw new AgentError('SNAPSHOT__UPLOAD_REFUSED', { ...about, problem: `it redirects (HTTP ${status}), which is not followed` });
  }

  return {
    place: server,
    async wanted(signal): Promise<WantedState> {
      const state = readStateToCollect(await call(STATE_TO_COLLECT, undefined, signal));
      if (state !== undefined) return state;
      const problem = 'it is not a list of what to collect';
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request: shownRequest('GET', base, STATE_TO_COLLECT), problem });
    },
    async store(snapshot, signal) {
      await upload(await uploadTarget(snapshot, signal), snapshot, signal);
    },
    close: () => http.close(),
  };
}

function tooLarge(kind: string, bytes: Uint8Array, place: string): AgentError {
  return new AgentError('SNAPSHOT__TOO_LARGE', { kind, bytes: bytes.byteLength, place, problem: 'HTTP 413' });
}

function statusOf(error: unknown): unknown {
  return error instanceof AgentError && error.code === 'SNAPSHOT__SERVER_STATUS' ? error.context.status : undefined;
}

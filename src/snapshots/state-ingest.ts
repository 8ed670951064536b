import { createHash } from 'node:crypto';
import bs58 from 'bs58';
import { Agent, readBody } from '../lib/http.ts';
import { AgentError, type Clock, describeError, type EpochMs, epochMs, withDeadline } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import { readStateToCollect, rfc3339, type Snapshot, type SnapshotSink, type WantedState } from './types.ts';

interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

interface HttpReply {
  readonly status: number;
  /** A header's value, the first where there are several; the name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

/** No answer came, for whatever reason; the message says which, without any part of a URL. */
class NoReply extends Error {
  override readonly name = 'NoReply';
}

interface HttpExchange {
  /** Sends one request and reads its answer. No redirect is followed. Throws NoReply, or the signal's reason. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpReply>;
  close(): Promise<void>;
}

/** Lists of what to collect are a few kilobytes; an upload is answered with next to nothing. */
const MAX_REPLY_BYTES = 1 << 20;
/** Between two rounds every connection is closed, by us rather than by a server that is just being written to. */
const KEEP_ALIVE_MS = 4_000;
const MAX_CONNECTIONS = 4;
/** How a kept connection dies that the server closed in the very moment we wrote to it. */
const RESETS: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** HTTP with bounds: connections, time, and the size of answers. Nothing is opened before the first request. */
function createHttpExchange({ timeoutMs }: { readonly timeoutMs: number }): HttpExchange {
  let agent: Agent | undefined;

  async function once({ method, url, headers = {}, body }: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
    agent ??= new Agent({ connections: MAX_CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0 });
    const { origin, pathname, search } = url;
    const path = `${pathname}${search}`;
    const reply = await agent.request({ origin, path, method, headers, signal, ...(body === undefined ? {} : { body }) });
    const tooLarge = (): Error => new NoReply(`the answer has more than ${MAX_REPLY_BYTES} bytes`);
    const received = await readBody(reply.body, MAX_REPLY_BYTES, tooLarge);
    return {
      status: reply.statusCode,
      header: (name) => {
        const value = reply.headers[name];
        return typeof value === 'string' ? value : value?.[0];
      },
      body: received,
    };
  }

  return {
    async send(sent, signal) {
      try {
        return await withDeadline(timeoutMs, signal, async (inner) => {
          try {
            return await once(sent, inner);
          } catch (error) {
            // Everything that is sent here may be said twice.
            if (inner.aborted || !isReset(error)) throw error;
            return await once(sent, inner);
          }
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw error instanceof NoReply ? error : new NoReply(describeError(error), { cause: error });
      }
    },
    async close() {
      await agent?.destroy();
    },
  };
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && RESETS.has(error.code);
}

/** How far the timestamp of a request may be from the server's clock. */
const ACCEPTED_SKEW_MS = 5 * 60_000;
const DEFAULT_RETRY_MS = 60_000;
const MIN_RETRY_MS = 1_000;
/** A server that names a time in years is asked again all the same. */
const MAX_RETRY_MS = 15 * 60_000;

interface Asked {
  /** The server, for messages. */
  readonly server: string;
  /** What was asked, such as `POST /v1/snapshots/upload-url`. */
  readonly request: string;
  /** The local time of the request. */
  readonly at: EpochMs;
  readonly publisher: string;
  readonly device: string;
}

/** The error that an answer other than 200 stands for. */
function ingestError(reply: HttpReply, { server, request, at, publisher, device }: Asked): AgentError {
  const { status } = reply;
  const problem = problemOf(reply);
  if (status === 503 || status === 429) {
    const retryAfterMs = readRetryAfter(reply, at);
    return new AgentError('SNAPSHOT__SERVER_BUSY', { server, status, seconds: Math.ceil(retryAfterMs / 1_000), retryAfterMs });
  }
  if (status !== 401) return new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status, problem });
  const skewMs = skewOf(reply, at);
  if (skewMs === undefined || Math.abs(skewMs) <= ACCEPTED_SKEW_MS)
    return new AgentError('SNAPSHOT__UNAUTHORIZED', { server, publisher, device, problem });
  const direction = skewMs < 0 ? 'ahead of' : 'behind';
  return new AgentError('SNAPSHOT__CLOCK_SKEW', { server, skew: roughly(Math.abs(skewMs)), direction, skewMs });
}

/** How much the server's clock is ahead of ours, by the Date of its answer (whole seconds); undefined without one. */
function skewOf({ header }: HttpReply, at: EpochMs): number | undefined {
  const date = Date.parse(header('date') ?? '');
  return Number.isNaN(date) ? undefined : date - at;
}

/** Milliseconds by a Retry-After (RFC 9110 10.2.3), seconds or a date, within bounds. */
function readRetryAfter({ header }: HttpReply, at: EpochMs): number {
  const text = header('retry-after')?.trim() ?? '';
  const from = Date.parse(header('date') ?? '');
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : undefined;
  const until = /[A-Za-z]{3}/.test(text) ? Date.parse(text) - (Number.isNaN(from) ? at : from) : Number.NaN;
  const ms = seconds ?? (Number.isNaN(until) ? DEFAULT_RETRY_MS : until);
  return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, ms));
}

/** What the server says is wrong, `{"error","code"}`, in one line; its status alone where it says nothing that can be read. */
function problemOf({ status, body }: HttpReply): string {
  if (status >= 300 && status < 400) return 'it redirects, which is not followed';
  try {
    const answer: unknown = JSON.parse(body.subarray(0, 4_096).toString('utf8'));
    const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
    if (typeof error === 'string' && error !== '') return error.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 120);
  } catch {
    // Whatever it is, it is not the server's own word.
  }
  return 'no reason given';
}

function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(ms / 3_600_000);
  return hours < 72 ? `${hours} h` : `${Math.round(ms / 86_400_000)} days`;
}

export interface StateIngestProbe {
  /** What the server wants to have collected. */
  readonly wanted: WantedState;
  readonly latencyMs: number;
  /** How far the server's clock is ahead of this host's, milliseconds, give or take a second; absent when it does not say. */
  readonly skewMs?: number;
}

export interface StateIngestProbeOptions {
  /** The base URL, http or https, with or without a path. */
  readonly url: string;
  /** Upper bound for the request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>;
}

/** Asks a state-ingest server what it wants, which needs no signature, and stores nothing. Throws AgentError `SNAPSHOT__SERVER_…`. */
export async function probeStateIngest({ url, timeoutMs, clock }: StateIngestProbeOptions, signal: AbortSignal): Promise<StateIngestProbe> {
  const target = new URL('v1/state-to-collect', url.endsWith('/') ? url : `${url}/`);
  const [server, request] = [target.host, `GET ${target.pathname}`];
  const http = createHttpExchange({ timeoutMs });
  const [sentAt, askedAt] = [clock.wall(), clock.monotonic()];
  try {
    const reply = await http.send({ method: 'GET', url: target }, signal);
    const latencyMs = clock.monotonic() - askedAt;
    if (reply.status !== 200)
      throw new AgentError('SNAPSHOT__SERVER_STATUS', { server, request, status: reply.status, problem: 'a list was expected' });
    const wanted = wantedOf(reply);
    if (wanted === undefined)
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request, problem: 'it is no list of what to collect' });
    const date = Date.parse(reply.header('date') ?? '');
    return { wanted, latencyMs, ...(Number.isNaN(date) ? {} : { skewMs: date - (sentAt + latencyMs / 2) }) };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof AgentError) throw error;
    throw new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server, problem: describeError(error) }, { cause: error });
  } finally {
    await http.close();
  }
}

function wantedOf({ body }: HttpReply): WantedState | undefined {
  try {
    return readStateToCollect(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** The key that signs for the device: the device's metrics publisher. */
export interface SnapshotSigner {
  readonly address: Address;
  /** The 64-byte ed25519 signature (RFC 8032) of the message. */
  sign(message: Uint8Array): Uint8Array;
}

interface RequestToSign {
  readonly method: string;
  /** The path of the URL as it is sent, percent-escapes and all. */
  readonly path: string;
  /** As in the header `X-DZ-Timestamp`. */
  readonly timestamp: string;
  readonly body: Uint8Array;
}

/**
 * The text that state-ingest has a request signed over, version 1; each line ends with a line feed:
 *
 *   DOUBLEZERO_V1
 *   method:POST
 *   path:/v1/snapshots/upload-url
 *   timestamp:2026-03-01T12:34:56Z
 *   body-sha256:<64 hex digits>
 */
export function canonicalText({ method, path, timestamp, body }: RequestToSign): string {
  const hash = createHash('sha256').update(body).digest('hex');
  return ['DOUBLEZERO_V1', `method:${method}`, `path:${path}`, `timestamp:${timestamp}`, `body-sha256:${hash}`, ''].join('\n');
}

/** The headers that authenticate a request: device, timestamp, and the base58 of the signature over the canonical text. */
export function signedHeaders(
  request: Omit<RequestToSign, 'timestamp'> & { readonly at: EpochMs },
  device: Address,
  signer: SnapshotSigner,
): Readonly<Record<string, string>> {
  const timestamp = rfc3339(request.at);
  const signature = signer.sign(Buffer.from(canonicalText({ ...request, timestamp })));
  return { 'x-dz-device': device, 'x-dz-timestamp': timestamp, 'x-dz-signature': bs58.encode(signature) };
}

/** Where and how the bytes of one snapshot are put. */
interface UploadTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEADERS = 32;
const MAX_HEADER_BYTES = 8_192;
const MAX_URL_LENGTH = 8_192;
/** Of HTTP itself: they belong to the connection, or are made from the bytes. */
const NOT_TAKEN: ReadonlySet<string> = new Set([
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
 * Returns what is wrong with it as text. The URL has to be https, or of the server's own scheme; it is not followed anywhere else.
 */
export function readUploadTarget(answer: unknown, server: URL): UploadTarget | string {
  const upload = member(answer, 'upload');
  if (member(answer, 'status') !== 'ok' || upload === undefined) return 'it names no upload';
  if (member(upload, 'method') !== 'PUT') return 'its method is not PUT';
  const text = member(upload, 'url');
  if (typeof text !== 'string' || text.length > MAX_URL_LENGTH || !URL.canParse(text)) return 'its upload URL is none';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== server.protocol) return `its upload URL has the scheme ${url.protocol.slice(0, 20)}//`;
  if (url.username !== '' || url.password !== '') return 'its upload URL contains credentials';
  const headers = readHeaders(member(upload, 'headers') ?? {});
  return typeof headers === 'string' ? headers : { url, headers };
}

function readHeaders(given: unknown): Readonly<Record<string, string>> | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'its headers are no object';
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, values] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (NOT_TAKEN.has(key)) continue;
    const value = Array.isArray(values) && values.every((each) => typeof each === 'string') ? values.join(', ') : undefined;
    if (!HEADER_NAME.test(name) || value === undefined || !HEADER_VALUE.test(value)) return 'one of its headers is none';
    bytes += name.length + value.length;
    headers[key] = value;
  }
  if (Object.keys(headers).length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) return 'it has too many headers';
  return { 'content-type': 'application/json', ...headers };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

export interface StateIngestOptions {
  /** The base URL, http or https, with or without a path. */
  readonly url: string;
  readonly device: Address;
  readonly signer: SnapshotSigner;
  /** Upper bound for one request and its answer, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, 'wall'>;
}

const STATE_TO_COLLECT = 'v1/state-to-collect';
const UPLOAD_URL = 'v1/snapshots/upload-url';

/**
 * Speaks the state-ingest protocol:
 *
 *   GET  {base}/v1/state-to-collect       ──► what to collect
 *   POST {base}/v1/snapshots/upload-url   ──► where to put one snapshot   (signed by the metrics publisher)
 *   PUT  the URL of that answer           ──► stored
 */
export function createStateIngest({ url, device, signer, timeoutMs, clock }: StateIngestOptions): SnapshotSink {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const server = base.host;
  const http = createHttpExchange({ timeoutMs });

  async function ask(path: string, sent: Omit<HttpRequest, 'url'>, signal: AbortSignal): Promise<unknown> {
    const target = new URL(path, base);
    const request = `${sent.method} ${target.pathname}`;
    const sentAt = clock.wall();
    const signed =
      sent.body === undefined
        ? {}
        : signedHeaders({ method: sent.method, path: target.pathname, body: sent.body, at: sentAt }, device, signer);
    let reply: HttpReply;
    try {
      reply = await http.send({ ...sent, url: target, headers: { ...sent.headers, ...signed } }, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new AgentError('SNAPSHOT__SERVER_UNREACHABLE', { server, problem: messageOf(error) }, { cause: error });
    }
    const at = epochMs((sentAt + clock.wall()) / 2);
    if (reply.status !== 200) throw ingestError(reply, { server, request, at, publisher: signer.address, device });
    try {
      return JSON.parse(reply.body.toString('utf8'));
    } catch {
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request, problem: 'it is not JSON' });
    }
  }

  async function uploadTarget({ kind, takenAt, sha256, bytes }: Snapshot, signal: AbortSignal): Promise<UploadTarget> {
    const fields = { device_pubkey: device, snapshot_timestamp: rfc3339(takenAt), snapshot_sha256: sha256, kind };
    const body = Buffer.from(JSON.stringify(fields));
    const answer = await ask(UPLOAD_URL, { method: 'POST', headers: { 'content-type': 'application/json' }, body }, signal).catch(
      (error) => {
        throw statusOf(error) === 413 ? tooLarge(kind, bytes, server) : error;
      },
    );
    const target = readUploadTarget(answer, base);
    if (typeof target === 'string') throw new AgentError('SNAPSHOT__UPLOAD_REFUSED', { kind, place: server, problem: target });
    return target;
  }

  async function upload({ url: place, headers }: UploadTarget, { kind, bytes }: Snapshot, signal: AbortSignal): Promise<void> {
    let reply: HttpReply;
    try {
      reply = await http.send({ method: 'PUT', url: place, headers, body: bytes }, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new AgentError('SNAPSHOT__UPLOAD_FAILED', { kind, place: place.host, problem: messageOf(error) }, { cause: error });
    }
    const { status } = reply;
    if (status === 200 || status === 204) return;
    if (status === 413) throw tooLarge(kind, bytes, place.host);
    if (status >= 300 && status < 400)
      throw new AgentError('SNAPSHOT__UPLOAD_REFUSED', {
        kind,
        place: place.host,
        problem: `it redirects (HTTP ${status}), which is not followed`,
      });
    throw new AgentError('SNAPSHOT__UPLOAD_FAILED', { kind, place: place.host, problem: `HTTP ${status}` });
  }

  return {
    place: server,
    async wanted(signal): Promise<WantedState> {
      const state = readStateToCollect(await ask(STATE_TO_COLLECT, { method: 'GET' }, signal));
      if (state !== undefined) return state;
      const problem = 'it is no list of what to collect';
      throw new AgentError('SNAPSHOT__SERVER_MALFORMED', { server, request: `GET ${new URL(STATE_TO_COLLECT, base).pathname}`, problem });
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

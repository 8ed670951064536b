import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import bs58 from 'bs58';
import { type Clock, type EpochMs, epochMs, systemClock } from '../src/lib/index.ts';
import { type Address, addressBytes, isAddress } from '../src/serviceability/index.ts';

interface RequestToAuthenticate {
  readonly method: string;
  /** The path of the request line, escapes and all, without a query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** The server's clock. */
  readonly now: EpochMs;
  /** The metrics publisher of a device on the ledger; undefined for an unknown device. */
  readonly publisherOf: (device: Address) => Address | undefined;
}

/** The authenticated device, or state-ingest's error text. */
type Authenticated = { readonly device: Address } | { readonly refusal: string };

const ACCEPTED_SKEW_MS = 5 * 60_000;
const SIGNATURE_BYTES = 64;
/** What precedes an ed25519 key in SubjectPublicKeyInfo (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Checks headers, time, device and signature, in the order and with the error texts of the real server. */
function authenticate({ method, path, headers, body, now, publisherOf }: RequestToAuthenticate): Authenticated {
  const [device, signature, timestamp] = ['x-dz-device', 'x-dz-signature', 'x-dz-timestamp'].map((name) =>
    String(headers[name] ?? '').trim(),
  );
  if (!device || !signature || !timestamp) return { refusal: 'missing auth headers' };
  const at = readRfc3339(timestamp);
  if (at === undefined) return { refusal: 'invalid timestamp' };
  if (Math.abs(now - at) > ACCEPTED_SKEW_MS) return { refusal: 'timestamp outside acceptable window' };
  const publisher = isAddress(device) ? publisherOf(device) : undefined;
  if (!isAddress(device) || publisher === undefined) return { refusal: 'device not authorized' };
  const bytes = bs58.decodeUnsafe(signature);
  if (bytes?.length !== SIGNATURE_BYTES) return { refusal: 'invalid signature encoding' };
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const text = `DOUBLEZERO_V1\nmethod:${method}\npath:${path}\ntimestamp:${timestamp}\nbody-sha256:${bodyHash}\n`;
  return isSignedBy(publisher, Buffer.from(text), bytes) ? { device } : { refusal: 'invalid signature' };
}

/** Epoch milliseconds of an RFC 3339 timestamp; undefined for anything else. */
function readRfc3339(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

function isSignedBy(publisher: Address, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, addressBytes(publisher)]), format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  } catch {
    return false; // not a point on the curve
  }
}

/** The real server's default kinds: each is the show command of that name. */
export const DEFAULT_KINDS = [
  'snmp-mib-ifmib-ifindex',
  'isis-database-detail',
  'ip-mroute',
  'ip-mroute-count',
  'ip-msdp-summary',
  'ip-msdp-pim-sa-cache',
  'ip-msdp-sa-cache',
  'ip-msdp-sa-cache-rejected',
];

const CUSTOM = ['bgp-sockets'];

const DEFAULT_STATE_TO_COLLECT = {
  show_commands: DEFAULT_KINDS.map((kind) => ({ kind, command: commandOf(kind) })),
  custom: CUSTOM,
};

const ALLOWED_KINDS: ReadonlySet<string> = new Set([...DEFAULT_KINDS, ...CUSTOM]);

/** `ip-mroute-count` is `show ip mroute count`; the dash of `sa-cache` is the command's own. */
function commandOf(kind: string): string {
  return `show ${kind.replaceAll('-', ' ').replace('sa cache', 'sa-cache')}`;
}

/** An HTTP response. */
interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Faults of the server. */
export interface StateIngestFaults {
  /** False while it has no view of the ledger: uploads get 503. */
  readonly ready: boolean;
  /** Clock skew, milliseconds ahead. */
  readonly clockOffsetMs: number;
  /** The response of /v1/state-to-collect. */
  readonly stateToCollect: unknown;
  /** Changes the upload URL in the response. */
  readonly uploadUrl: (url: string) => string;
  /** Overrides the response to a request; undefined for none. */
  readonly answer: (request: { readonly method: string; readonly path: string }) => Reply | undefined;
}

const NO_FAULTS: StateIngestFaults = {
  ready: true,
  clockOffsetMs: 0,
  stateToCollect: DEFAULT_STATE_TO_COLLECT,
  uploadUrl: (url) => url,
  answer: () => undefined,
};

/** A valid request for an upload URL. */
interface UploadRequest {
  readonly device: Address;
  readonly kind: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly sha256: string;
  /** The key of the object, as the real server builds it. */
  readonly s3Key: string;
}

type UploadRefusal = { readonly status: 400 | 401; readonly error: string };

/** Reads the body `{"device_pubkey","snapshot_timestamp","snapshot_sha256","kind"}`, in the order and with the error texts of the real server. */
function readUploadRequest(body: Buffer, device: Address, kinds: ReadonlySet<string>): UploadRequest | UploadRefusal {
  let given: unknown;
  try {
    given = JSON.parse(body.toString('utf8'));
  } catch {
    return uploadRefusal(400, 'invalid json');
  }
  const fields = ['device_pubkey', 'snapshot_timestamp', 'snapshot_sha256', 'kind'].map((name) => field(given, name));
  if (fields.some((value) => value !== undefined && typeof value !== 'string')) return uploadRefusal(400, 'invalid json');
  const [pubkey, timestamp, sha256, kind] = fields.map((value) => (typeof value === 'string' ? value : ''));
  if (pubkey !== device) return uploadRefusal(401, 'device pubkey mismatch');
  if (!timestamp || !sha256 || !kind) return uploadRefusal(400, 'missing fields');
  if (!/^[0-9a-fA-F]{64}$/.test(sha256)) return uploadRefusal(400, 'invalid snapshot_sha256');
  if (!kinds.has(kind)) return uploadRefusal(400, 'invalid kind');
  const at = readRfc3339(timestamp);
  if (at === undefined) return uploadRefusal(400, 'invalid snapshot_timestamp (expect RFC3339)');
  return { device, kind, timestamp, sha256, s3Key: keyOf(kind, device, new Date(at).toISOString()) };
}

function keyOf(kind: string, device: Address, iso: string): string {
  const name = `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z.json`;
  return `snapshots/${kind}/device=${device}/date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}/${name}`;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function uploadRefusal(status: 400 | 401, error: string): UploadRefusal {
  return { status, error };
}

/** A received snapshot. */
interface ReceivedSnapshot extends UploadRequest {
  readonly bytes: Buffer;
  /** Whether the bytes have the hash of the signed request. */
  readonly hashMatches: boolean;
}

interface SnapshotStore {
  /** Path and query of a presigned URL, valid for 15 minutes. */
  presign(request: UploadRequest, now: EpochMs): string;
  /** Stores the bytes; returns the HTTP status. */
  put(target: string, contentType: string | undefined, bytes: Buffer, now: EpochMs): number;
  snapshots(): readonly ReceivedSnapshot[];
}

const STORE_PATH = '/bucket/';
const PRESIGNED_FOR_MS = 15 * 60_000;
/** Limits of stored snapshots; the oldest are dropped. */
const MAX_KEPT = 2_000;
const MAX_KEPT_BYTES = 128 << 20;
const MAX_PRESIGNED = 2_000;

/** Simulates the bucket behind the real server: it accepts presigned URLs only. */
function createSnapshotStore(): SnapshotStore {
  const presigned = new Map<string, { readonly request: UploadRequest; readonly until: number }>();
  const kept: ReceivedSnapshot[] = [];
  let keptBytes = 0;

  return {
    presign(request, now) {
      const target = `${STORE_PATH}${request.s3Key}?X-Amz-Expires=900&X-Amz-Signature=${randomBytes(32).toString('hex')}`;
      presigned.set(target, { request, until: now + PRESIGNED_FOR_MS });
      const [oldest] = presigned.keys();
      if (presigned.size > MAX_PRESIGNED && oldest !== undefined) presigned.delete(oldest);
      return target;
    },
    put(target, contentType, bytes, now) {
      const given = presigned.get(target);
      // The content type is part of the signature.
      if (given === undefined || now > given.until || contentType !== 'application/json') return 403;
      const hashMatches = createHash('sha256').update(bytes).digest('hex') === given.request.sha256.toLowerCase();
      kept.push({ ...given.request, bytes, hashMatches });
      keptBytes += bytes.length;
      while (kept.length > MAX_KEPT || (keptBytes > MAX_KEPT_BYTES && kept.length > 1)) keptBytes -= kept.shift()?.bytes.length ?? 0;
      return 200;
    },
    snapshots: () => [...kept],
  };
}

interface Request {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it was too large. */
  readonly body: Buffer | undefined;
  /** The server's clock. */
  readonly now: EpochMs;
}

interface RoutesOptions {
  readonly store: SnapshotStore;
  readonly publisherOf: (device: Address) => Address | undefined;
}

const RETRY_AFTER_SECONDS = 60;

/** Handles one request, in the order and with the error texts of the real server. */
function createRoutes({ store, publisherOf }: RoutesOptions): (request: Request, faults: StateIngestFaults) => Reply {
  function uploadUrl({ headers, body, now, target }: Request, { ready, uploadUrl: change }: StateIngestFaults): Reply {
    if (!ready) return { ...errorReply(503, 'not ready'), headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } };
    if (body === undefined) return errorReply(413, 'request body too large');
    const authenticated = authenticate({ method: 'POST', path: pathOf(target), headers, body, now, publisherOf });
    if ('refusal' in authenticated) return errorReply(401, authenticated.refusal);
    const upload = readUploadRequest(body, authenticated.device, ALLOWED_KINDS);
    if ('error' in upload) return errorReply(upload.status, upload.error);
    const url = change(`http://${headers.host}${store.presign(upload, now)}`);
    const given = { method: 'PUT', url, headers: { 'Content-Type': ['application/json'] } };
    return json(200, { status: 'ok', s3_key: upload.s3Key, upload: given });
  }

  function put({ method, target, headers, body, now }: Request): Reply {
    if (method !== 'PUT') return { status: 405, headers: { allow: 'PUT' } };
    return { status: body === undefined ? 413 : store.put(target, headers['content-type'], body, now) };
  }

  return (request, faults) => {
    const { method } = request;
    const path = pathOf(request.target);
    const instead = faults.answer({ method, path });
    if (instead !== undefined) return instead;
    if (path.startsWith(STORE_PATH)) return put(request);
    switch (path) {
      case '/healthz':
        return json(200, { status: 'ok' });
      case '/v1/state-to-collect':
        return method === 'GET' ? json(200, faults.stateToCollect) : notAllowed('GET');
      case '/v1/snapshots/upload-url':
        return method === 'POST' ? uploadUrl(request, faults) : notAllowed('POST');
      default:
        return errorReply(404, 'not found');
    }
  };
}

function pathOf(target: string): string {
  return target.split('?')[0] ?? '/';
}

function json(status: number, value: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function errorReply(status: number, error: string): Reply {
  return json(status, { error, code: status });
}

function notAllowed(allow: string): Reply {
  return { ...errorReply(405, 'method not allowed'), headers: { allow } };
}

interface StateIngestServerOptions {
  /** The metrics publisher of a device on the ledger. */
  readonly publisherOf: (device: Address) => Address | undefined;
  readonly clock?: Pick<Clock, 'wall'>;
  /** On 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
}

export interface StateIngestServer {
  /** Idempotent. Rejects when the port is taken. */
  start(): Promise<{ readonly url: string }>;
  stop(): Promise<void>;
  /** The newest received snapshots, oldest first. */
  snapshots(): readonly ReceivedSnapshot[];
  /** Number of requests by `METHOD path`; all bucket paths count as one. */
  requests(): ReadonlyMap<string, number>;
  /** Changes the given faults. */
  set(faults: Partial<StateIngestFaults>): void;
  clearFaults(): void;
}

const MAX_BODY_BYTES = 1 << 20;
const MAX_SNAPSHOT_BYTES = 64 << 20;
/** Maximum number of paths in `requests`. */
const MAX_PATHS = 100;

/**
 * The state-ingest server and its bucket, on loopback. Checks each request like the real server, and stores uploads.
 *
 *   GET /v1/state-to-collect · POST /v1/snapshots/upload-url ─ authenticate ─ readUploadRequest ─► URL ─► PUT /bucket/… ─► snapshots()
 */
export function createStateIngestServer({ publisherOf, clock = systemClock, port = 0 }: StateIngestServerOptions): StateIngestServer {
  const store = createSnapshotStore();
  const route = createRoutes({ store, publisherOf });
  const requests = new Map<string, number>();
  let faults = NO_FAULTS;
  let running: Promise<{ readonly server: Server; readonly url: string }> | undefined;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: target = '/', headers } = request;
    const isUpload = pathOf(target).startsWith(STORE_PATH);
    count(`${method} ${isUpload ? STORE_PATH : pathOf(target)}`);
    const body = await readBody(request, isUpload ? MAX_SNAPSHOT_BYTES : MAX_BODY_BYTES);
    const now = epochMs(clock.wall() + faults.clockOffsetMs);
    const reply = route({ method, target, headers, body, now }, faults);
    response.writeHead(reply.status, { date: new Date(now).toUTCString(), ...reply.headers }).end(reply.body);
  }

  function count(asked: string): void {
    if (requests.size < MAX_PATHS || requests.has(asked)) requests.set(asked, (requests.get(asked) ?? 0) + 1);
  }

  async function listen(): Promise<{ readonly server: Server; readonly url: string }> {
    const server = createServer((request, response) => {
      serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
    return { server, url: `http://127.0.0.1:${address.port}` };
  }

  return {
    async start() {
      running ??= listen();
      try {
        return { url: (await running).url };
      } catch (error) {
        running = undefined;
        throw error;
      }
    },
    async stop() {
      const ending = running;
      running = undefined;
      if (ending === undefined) return;
      const { server } = await ending;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
    snapshots: () => store.snapshots(),
    requests: () => new Map(requests),
    set(changed) {
      faults = { ...faults, ...changed };
    },
    clearFaults() {
      faults = NO_FAULTS;
    },
  };
}

/** Undefined when it is larger; the rest is discarded, so that a response can be sent. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (length > 16 * maxBytes) throw new Error('a body without end');
  }
  return length > maxBytes ? undefined : Buffer.concat(chunks);
}

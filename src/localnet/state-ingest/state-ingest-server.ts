import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, epochMs, systemClock } from '../../lib/index.ts';
import type { Address } from '../../serviceability/index.ts';
import { NO_FAULTS, type StateIngestFaults } from './faults.ts';
import { createRoutes, pathOf } from './routes.ts';
import { createSnapshotStore, type ReceivedSnapshot, STORE_PATH } from './snapshot-store.ts';

export interface StateIngestServerOptions {
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
  /** What has arrived, the oldest first; the newest few thousand. */
  snapshots(): readonly ReceivedSnapshot[];
  /** How many requests came, by `METHOD path`; the paths of the bucket are one. */
  requests(): ReadonlyMap<string, number>;
  /** Changes some of the faults, and leaves the others. */
  set(faults: Partial<StateIngestFaults>): void;
  clearFaults(): void;
}

const MAX_BODY_BYTES = 1 << 20;
const MAX_SNAPSHOT_BYTES = 64 << 20;
/** Of `requests`: what comes beyond is not counted by path. */
const MAX_PATHS = 100;

/**
 * The state-ingest server and the bucket behind it, on loopback. It checks each request as the real one does, and keeps what arrives.
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

/** Undefined when it is larger; the rest is read and thrown away, so that the answer can be sent. */
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

import type { IncomingHttpHeaders } from 'node:http';
import type { EpochMs } from '../../lib/index.ts';
import type { Address } from '../../serviceability/index.ts';
import { authenticate } from './authenticate.ts';
import { ALLOWED_KINDS } from './default-state.ts';
import type { Reply, StateIngestFaults } from './faults.ts';
import { type SnapshotStore, STORE_PATH } from './snapshot-store.ts';
import { readUploadRequest } from './upload-request.ts';

export interface Request {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it was too large. */
  readonly body: Buffer | undefined;
  /** The server's clock. */
  readonly now: EpochMs;
}

export interface RoutesOptions {
  readonly store: SnapshotStore;
  readonly publisherOf: (device: Address) => Address | undefined;
}

const RETRY_AFTER_SECONDS = 60;

/** Answers one request, in the order and with the words of the real server. */
export function createRoutes({ store, publisherOf }: RoutesOptions): (request: Request, faults: StateIngestFaults) => Reply {
  function uploadUrl({ headers, body, now, target }: Request, { ready, uploadUrl: change }: StateIngestFaults): Reply {
    if (!ready) return { ...refuse(503, 'not ready'), headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } };
    if (body === undefined) return refuse(413, 'request body too large');
    const authenticated = authenticate({ method: 'POST', path: pathOf(target), headers, body, now, publisherOf });
    if ('refusal' in authenticated) return refuse(401, authenticated.refusal);
    const upload = readUploadRequest(body, authenticated.device, ALLOWED_KINDS);
    if ('error' in upload) return refuse(upload.status, upload.error);
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
        return refuse(404, 'not found');
    }
  };
}

export function pathOf(target: string): string {
  return target.split('?')[0] ?? '/';
}

function json(status: number, value: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function refuse(status: number, error: string): Reply {
  return json(status, { error, code: status });
}

function notAllowed(allow: string): Reply {
  return { ...refuse(405, 'method not allowed'), headers: { allow } };
}

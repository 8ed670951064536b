import { AgentError, type Clock, epochMs } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import { createHttpExchange, type HttpReply, type HttpRequest } from './http-exchange.ts';
import { ingestError } from './ingest-errors.ts';
import { type SnapshotSigner, signedHeaders } from './signed-request.ts';
import { rfc3339, type Snapshot } from './snapshot.ts';
import type { SnapshotSink } from './snapshot-sink.ts';
import { readUploadTarget, type UploadTarget } from './upload-target.ts';
import { readStateToCollect, type WantedState } from './wanted-state.ts';

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

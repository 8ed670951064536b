import { createHash, randomBytes } from 'node:crypto';
import type { EpochMs } from '../../lib/index.ts';
import type { UploadRequest } from './upload-request.ts';

/** A snapshot as it arrived. */
export interface ReceivedSnapshot extends UploadRequest {
  readonly bytes: Buffer;
  /** Whether the bytes have the hash that the signed request announced. */
  readonly hashMatches: boolean;
}

export interface SnapshotStore {
  /** The path and query where this one may be put for a quarter of an hour, as a presigned URL has them. */
  presign(request: UploadRequest, now: EpochMs): string;
  /** The HTTP status of putting these bytes there. */
  put(target: string, contentType: string | undefined, bytes: Buffer, now: EpochMs): number;
  snapshots(): readonly ReceivedSnapshot[];
}

export const STORE_PATH = '/bucket/';
const PRESIGNED_FOR_MS = 15 * 60_000;
/** What is kept for inspection; the oldest give way. */
const MAX_KEPT = 2_000;
const MAX_KEPT_BYTES = 128 << 20;
const MAX_PRESIGNED = 2_000;

/** Stands in for the bucket behind the real server: it knows nobody but those whom a URL was given to. */
export function createSnapshotStore(): SnapshotStore {
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
      // The content type is a part of what was signed.
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

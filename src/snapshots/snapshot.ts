import { createHash } from 'node:crypto';
import type { EpochMs } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';

/** One raw state of the device, ready to be stored. */
export interface Snapshot {
  /** What it is of, such as `ip-mroute`. */
  readonly kind: string;
  readonly device: Address;
  readonly takenAt: EpochMs;
  /** The JSON that is stored: `{"metadata":{"kind","timestamp","device"},"data":…}`. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, in lower-case hex. */
  readonly sha256: string;
}

/** Hashed at once; what is longer is hashed in turns, so that nothing else waits for it. */
const SLICE_BYTES = 1 << 20;

/**
 * Puts the snapshot around the data, which goes in byte for byte (the snapshot format of state-ingest): `data` is JSON, `takenAt` becomes a
 * timestamp in RFC 3339 with whole seconds, UTC.
 */
export async function makeSnapshot(input: Omit<Snapshot, 'bytes' | 'sha256'> & { readonly data: Uint8Array }): Promise<Snapshot> {
  const { kind, device, takenAt, data } = input;
  const metadata = JSON.stringify({ kind, timestamp: rfc3339(takenAt), device });
  const bytes = Buffer.concat([Buffer.from(`{"metadata":${metadata},"data":`), data, Buffer.from('}')]);
  return { kind, device, takenAt, bytes, sha256: await sha256InTurns(bytes) };
}

/** RFC 3339 in UTC with whole seconds, such as `2026-03-01T12:34:56Z`. */
export function rfc3339(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

async function sha256InTurns(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return hash.digest('hex');
}

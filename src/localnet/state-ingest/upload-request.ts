import type { Address } from '../../serviceability/index.ts';
import { readRfc3339 } from './authenticate.ts';

/** A request for an upload URL that is as it should be. */
export interface UploadRequest {
  readonly device: Address;
  readonly kind: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly sha256: string;
  /** The key of the object, as the real server builds it. */
  readonly s3Key: string;
}

export type UploadRefusal = { readonly status: 400 | 401; readonly error: string };

/** Reads the body `{"device_pubkey","snapshot_timestamp","snapshot_sha256","kind"}`, in the order and with the words of the real server. */
export function readUploadRequest(body: Buffer, device: Address, kinds: ReadonlySet<string>): UploadRequest | UploadRefusal {
  let given: unknown;
  try {
    given = JSON.parse(body.toString('utf8'));
  } catch {
    return refuse(400, 'invalid json');
  }
  const fields = ['device_pubkey', 'snapshot_timestamp', 'snapshot_sha256', 'kind'].map((name) => field(given, name));
  if (fields.some((value) => value !== undefined && typeof value !== 'string')) return refuse(400, 'invalid json');
  const [pubkey, timestamp, sha256, kind] = fields.map((value) => (typeof value === 'string' ? value : ''));
  if (pubkey !== device) return refuse(401, 'device pubkey mismatch');
  if (!timestamp || !sha256 || !kind) return refuse(400, 'missing fields');
  if (!/^[0-9a-fA-F]{64}$/.test(sha256)) return refuse(400, 'invalid snapshot_sha256');
  if (!kinds.has(kind)) return refuse(400, 'invalid kind');
  const at = readRfc3339(timestamp);
  if (at === undefined) return refuse(400, 'invalid snapshot_timestamp (expect RFC3339)');
  return { device, kind, timestamp, sha256, s3Key: keyOf(kind, device, new Date(at).toISOString()) };
}

function keyOf(kind: string, device: Address, iso: string): string {
  const name = `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z.json`;
  return `snapshots/${kind}/device=${device}/date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}/${name}`;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function refuse(status: 400 | 401, error: string): UploadRefusal {
  return { status, error };
}

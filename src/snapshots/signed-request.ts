import { createHash } from 'node:crypto';
import bs58 from 'bs58';
import type { EpochMs } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import { rfc3339 } from './snapshot.ts';

/** The key that signs for the device: the device's metrics publisher. */
export interface SnapshotSigner {
  readonly address: Address;
  /** The 64-byte ed25519 signature (RFC 8032) of the message. */
  sign(message: Uint8Array): Uint8Array;
}

export interface RequestToSign {
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

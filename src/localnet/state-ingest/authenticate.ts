import { createHash, createPublicKey, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import bs58 from 'bs58';
import type { EpochMs } from '../../lib/index.ts';
import { type Address, addressBytes, isAddress } from '../../serviceability/index.ts';

export interface RequestToAuthenticate {
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

/** The device that the request comes from, or the words with which state-ingest refuses it. */
export type Authenticated = { readonly device: Address } | { readonly refusal: string };

const ACCEPTED_SKEW_MS = 5 * 60_000;
const SIGNATURE_BYTES = 64;
/** What precedes an ed25519 key in SubjectPublicKeyInfo (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Checks headers, time, device and signature, in the order and with the words of the real server. */
export function authenticate({ method, path, headers, body, now, publisherOf }: RequestToAuthenticate): Authenticated {
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
export function readRfc3339(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

function isSignedBy(publisher: Address, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, addressBytes(publisher)]), format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  } catch {
    return false; // 32 bytes that are no point of the curve
  }
}

import { readFile } from 'node:fs/promises';
import { TLSSocket } from 'node:tls';
import { buildConnector } from '../../lib/http.ts';
import { AgentError, describeError } from '../../lib/index.ts';
import type { EapiEndpoint } from './endpoint.ts';

/** How the switch proves itself over HTTPS. */
export type EapiTls =
  /** By a certificate that the system's authorities vouch for. */
  | { readonly kind: 'system' }
  /** By one that the authorities in this PEM file vouch for; `serverName` where the certificate does not name the endpoint's host. */
  | { readonly kind: 'ca'; readonly caFile: string; readonly serverName?: string }
  /** By this very certificate: the SHA-256 fingerprint of its DER form, hexadecimal, colons allowed. */
  | { readonly kind: 'fingerprint'; readonly sha256: string }
  /** Not at all: whoever answers is believed. */
  | { readonly kind: 'insecure' };

/**
 * Opens the connections to an endpoint. A pinned certificate is compared before the first byte is sent, so that credentials go to nobody
 * else. Reads the CA file, once. Throws `EAPI__TLS`.
 */
export async function createConnector(endpoint: EapiEndpoint, tls: EapiTls, timeoutMs: number): Promise<buildConnector.connector> {
  const { socketPath, secure } = endpoint;
  const connect = buildConnector({
    timeout: timeoutMs,
    // A resumed session does not show its certificate again.
    maxCachedSessions: 0,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(secure ? await verifyOptions(endpoint, tls) : {}),
  });
  if (!secure || tls.kind !== 'fingerprint') return connect;
  const expected = normalized(tls.sha256);
  if (!/^[0-9a-f]{64}$/.test(expected))
    throw new AgentError('EAPI__TLS', { endpoint: endpoint.text, problem: 'the pinned fingerprint has not 64 hexadecimal digits' });

  return (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      const actual = socket instanceof TLSSocket ? normalized(socket.getPeerCertificate().fingerprint256 ?? '') : '';
      if (actual === expected) return callback(null, socket);
      socket.destroy();
      return callback(
        new AgentError('EAPI__TLS', { endpoint: endpoint.text, problem: `its SHA-256 fingerprint is ${actual}, pinned is ${expected}` }),
        null,
      );
    });
  };
}

interface VerifyOptions {
  readonly ca?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

async function verifyOptions({ text }: EapiEndpoint, tls: EapiTls): Promise<VerifyOptions> {
  switch (tls.kind) {
    case 'system':
      return {};
    case 'ca':
      try {
        return { ca: await readFile(tls.caFile, 'utf8'), ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) };
      } catch (error) {
        throw new AgentError(
          'EAPI__TLS',
          { endpoint: text, problem: `the CA file cannot be read: ${describeError(error)}` },
          { cause: error },
        );
      }
    case 'fingerprint':
    case 'insecure':
      return { rejectUnauthorized: false };
  }
}

/** Lower-case hexadecimal without separators. */
function normalized(fingerprint: string): string {
  return fingerprint.replaceAll(/[:\s]/g, '').toLowerCase();
}

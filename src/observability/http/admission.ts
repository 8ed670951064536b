import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface AdmissionOptions {
  /** Where the server listens. */
  readonly host: string;
  readonly token: string | undefined;
}

/** What of a request decides. */
export interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Why a request is refused, and with what. */
export interface Refusal {
  readonly code: 401 | 403 | 421;
  readonly why: string;
}

export interface Admission {
  /** Of a request for anything but health and readiness. */
  forReading(request: Asked): Refusal | undefined;
  /** Of a request that changes something, on top of that. */
  forChanging(request: Asked): Refusal | undefined;
}

/**
 * Who may ask for what.
 *
 *   any name for a loopback address     a web page whose name was turned to 127.0.0.1 reads nothing (DNS rebinding)
 *   the token, where there is one       as bearer token, or as the password that a browser asks for
 *   a change                            by no web page of another origin; without a token from this host only, under a loopback name
 */
export function createAdmission({ host, token }: AdmissionOptions): Admission {
  return {
    forReading(request) {
      if (isLoopback(host) && !isLoopback(hostNameOf(request.headers.host ?? host))) {
        return { code: 421, why: 'this listens on loopback, and answers to localhost and loopback addresses only' };
      }
      return token === undefined || carries(request, token) ? undefined : { code: 401, why: 'this needs the token of http.tokenFile' };
    },
    forChanging(request) {
      if (isOfAnotherOrigin(request)) return { code: 403, why: 'a web page may not ask for this' };
      // A browser on this host is this host, too: a page whose name was turned to it comes under that name.
      if (token === undefined && !(isLoopback(request.socket.remoteAddress ?? '') && isLoopback(hostNameOf(request.headers.host ?? '')))) {
        return { code: 403, why: 'without http.tokenFile this is taken from this host only, at localhost or a loopback address' };
      }
      return undefined;
    },
  };
}

/** `127.0.0.1:50100`, `[::1]:50100`, `localhost` without the port. */
function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(host);
}

/** Compared in constant time: the hash makes the lengths equal. */
function carries({ headers }: Asked, token: string): boolean {
  const hash = (value: Uint8Array): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(hash(tokenIn(headers.authorization ?? '')), hash(Buffer.from(token)));
}

/** The token's bytes: a header that is not ASCII comes as one character a byte. */
function tokenIn(authorization: string): Buffer {
  const [, scheme = '', credentials = ''] = /^(\S+) +(.+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials, 'latin1');
  if (scheme.toLowerCase() !== 'basic') return Buffer.alloc(0);
  // A browser knows no bearer tokens: it asks for a name, which may be any, and a password.
  const pair = Buffer.from(credentials, 'base64');
  const colon = pair.indexOf(':');
  return colon === -1 ? Buffer.alloc(0) : pair.subarray(colon + 1);
}

/** Browsers say where a request comes from; programs say nothing. */
function isOfAnotherOrigin({ headers }: Asked): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

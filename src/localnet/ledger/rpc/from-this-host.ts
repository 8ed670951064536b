import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a request is by a program of this host, as far as its headers tell. The ledger listens on loopback only, but a web page can bring a browser of this
 * host to it: under a name of the page's own that resolves to 127.0.0.1 (Host), or from another origin (Origin).
 */
export function isFromThisHost({ host, origin }: Pick<IncomingHttpHeaders, 'host' | 'origin'>): boolean {
  if (host === undefined || !isLoopback(`http://${host}`)) return false;
  return origin === undefined || isLoopback(origin);
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

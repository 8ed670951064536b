/** One RPC URL, taken apart so that its secrets cannot reach a log line. */
export interface EndpointUrl {
  /** For people: `scheme://host[:port]`, followed by `/…` when the URL has more to it. Never a path, query or password. */
  readonly name: string;
  readonly origin: string;
  /** Path and query, as the request line has them. */
  readonly path: string;
  /** The Authorization header of a URL with `user:password@`. */
  readonly authorization?: string;
  /** The text with every secret of this URL replaced by `…`. */
  redact(text: string): string;
}

/** Shorter path segments are words such as `v2`, not keys, and blotting them out would only hide what went wrong. */
const SHORTEST_SECRET = 6;

/**
 * Takes an RPC URL apart. Throws TypeError for anything but an absolute http or https URL; the message does not repeat the URL.
 */
export function parseEndpointUrl(text: string): EndpointUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new TypeError('an RPC URL starts with http:// or https://');
  const path = `${url.pathname}${url.search}`;
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const hasMore = path !== '/' || user !== '' || password !== '';
  // A server that refuses a request may repeat its headers.
  const credentials = user === '' && password === '' ? '' : Buffer.from(`${user}:${password}`).toString('base64');
  const secrets = secretsOf(url, user, password, credentials);
  return {
    name: `${url.origin}${hasMore ? '/…' : ''}`,
    origin: url.origin,
    path,
    ...(credentials === '' ? {} : { authorization: `Basic ${credentials}` }),
    redact: (line) => secrets.reduce((left, secret) => left.replaceAll(secret, '…'), line),
  };
}

/** Parses the list; endpoints that would show the same name are told apart by their place in it (`… #2`). */
export function parseEndpointUrls(texts: readonly string[]): readonly EndpointUrl[] {
  if (texts.length === 0) throw new TypeError('at least one RPC URL is needed');
  const urls = texts.map(parseEndpointUrl);
  return urls.map((url, place) =>
    urls.some((other, at) => at !== place && other.name === url.name) ? { ...url, name: `${url.name} #${place + 1}` } : url,
  );
}

function secretsOf(url: URL, user: string, password: string, credentials: string): readonly string[] {
  const segments = url.pathname.split('/').filter((segment) => segment.length >= SHORTEST_SECRET);
  const values = [...url.searchParams.values(), url.search.slice(1)];
  // The longest first: a secret that contains another must not leave its rest behind.
  return [
    url.pathname.length > SHORTEST_SECRET ? url.pathname : '',
    ...segments,
    ...values,
    credentials,
    user,
    password,
    url.username,
    url.password,
  ]
    .filter((secret) => secret.length >= SHORTEST_SECRET || (secret !== '' && secret === password))
    .sort((a, b) => b.length - a.length);
}

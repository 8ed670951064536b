/** Where and how the bytes of one snapshot are put. */
export interface UploadTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEADERS = 32;
const MAX_HEADER_BYTES = 8_192;
const MAX_URL_LENGTH = 8_192;
/** Of HTTP itself: they belong to the connection, or are made from the bytes. */
const NOT_TAKEN: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-authorization',
]);
/** RFC 9110 5.6.2 and 5.5. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e\t]*$/;

/**
 * Reads the answer of state-ingest to a request for an upload URL: `{"status":"ok","s3_key","upload":{"method":"PUT","url","headers":{name:[values]}}}`.
 * Returns what is wrong with it as text. The URL has to be https, or of the server's own scheme; it is not followed anywhere else.
 */
export function readUploadTarget(answer: unknown, server: URL): UploadTarget | string {
  const upload = member(answer, 'upload');
  if (member(answer, 'status') !== 'ok' || upload === undefined) return 'it names no upload';
  if (member(upload, 'method') !== 'PUT') return 'its method is not PUT';
  const text = member(upload, 'url');
  if (typeof text !== 'string' || text.length > MAX_URL_LENGTH || !URL.canParse(text)) return 'its upload URL is none';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== server.protocol) return `its upload URL has the scheme ${url.protocol.slice(0, 20)}//`;
  if (url.username !== '' || url.password !== '') return 'its upload URL holds credentials';
  const headers = readHeaders(member(upload, 'headers') ?? {});
  return typeof headers === 'string' ? headers : { url, headers };
}

function readHeaders(given: unknown): Readonly<Record<string, string>> | string {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'its headers are no object';
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, values] of Object.entries(given)) {
    const key = name.toLowerCase();
    if (NOT_TAKEN.has(key)) continue;
    const value = Array.isArray(values) && values.every((each) => typeof each === 'string') ? values.join(', ') : undefined;
    if (!HEADER_NAME.test(name) || value === undefined || !HEADER_VALUE.test(value)) return 'one of its headers is none';
    bytes += name.length + value.length;
    headers[key] = value;
  }
  if (Object.keys(headers).length > MAX_HEADERS || bytes > MAX_HEADER_BYTES) return 'it has too many headers';
  return { 'content-type': 'application/json', ...headers };
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

/** An answer over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A wrong answer of a node, a provider's gateway or a load balancer. */
export interface WrongAnswer {
  readonly name: string;
  /** `id`: of the JSON-RPC request. */
  answer(id: unknown): HttpAnswer;
}

const json = (status: number, body: unknown, headers: HttpAnswer['headers'] = {}): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** A JSON-RPC error, by default under HTTP status 200. */
function rpcError(
  code: number,
  message: string,
  { data, status = 200 }: { readonly data?: unknown; readonly status?: number } = {},
): WrongAnswer {
  return { name: `${code} ${message}`, answer: (id) => json(status, { jsonrpc: '2.0', id, error: { code, message, data } }) };
}

/** An answer that does not depend on the request. */
function page(name: string, status: number, body = `<html><body>${status}</body></html>`, headers?: HttpAnswer['headers']): WrongAnswer {
  return { name, answer: () => ({ status, headers, body }) };
}

/** What `sendTransaction` answers when the preflight fails. */
function preflight(err: unknown, text: string, { withData }: { readonly withData: boolean }): WrongAnswer {
  const data = withData ? { err, logs: [], unitsConsumed: 0 } : undefined;
  return rpcError(-32002, `Transaction simulation failed: ${text}`, { data });
}

/** The provider refused before it acted. */
const rateLimits: readonly WrongAnswer[] = [
  page('HTTP 429', 429, 'Too many requests'),
  page('HTTP 429 with Retry-After', 429, 'Too many requests', { 'retry-after': '5' }),
  rpcError(429, 'Too many requests for a specific RPC call', { status: 429 }),
  rpcError(429, 'Your app has exceeded its compute units per second capacity'),
  rpcError(-32429, 'max usage reached'),
  rpcError(-32007, '50/second request limit reached - reduce calls per second or upgrade your account'),
  rpcError(-32005, "You've exceeded the RPS limit available on the current plan", { data: { try_again_in: '1s' } }),
  rpcError(7429, 'rate limited'),
];

const accessDenied: readonly WrongAnswer[] = [
  page('HTTP 401', 401, 'Unauthorized'),
  rpcError(403, 'Access forbidden', { status: 403 }),
  page('HTTP 403', 403),
  page('HTTP 413', 413, 'request body size exceeds allowed maximum'),
];

/** Any of these may hide that the request was acted upon. */
const brokenGateways: readonly WrongAnswer[] = [
  page('HTTP 500', 500),
  page('HTTP 502', 502),
  rpcError(503, 'Service unavailable', { status: 503 }),
  page('HTTP 504', 504),
  page('an HTML page', 200),
  page('an empty body', 200, ''),
  rpcError(-32603, 'Internal error'),
  rpcError(-32055, 'No nodes available', { status: 503 }),
  { name: 'an error without a code', answer: (id) => json(200, { jsonrpc: '2.0', id, error: { message: 'No RPC endpoints available' } }) },
  { name: 'an error without an id', answer: () => json(200, { jsonrpc: '2.0', error: { code: -32002, message: 'no reason' } }) },
  { name: 'the answer to another request', answer: () => json(200, { jsonrpc: '2.0', id: 'x', result: null }) },
];

/** What some provider answers to a read that another one serves. */
export const READ_REFUSALS: readonly WrongAnswer[] = [
  ...rateLimits,
  ...accessDenied,
  ...brokenGateways,
  rpcError(-32600, 'Request deprioritized due to number of accounts requested. Slow down requests or add filters'),
  rpcError(-32600, 'Invalid request'),
  rpcError(-32601, 'Method not found'),
  rpcError(-32602, 'Invalid params'),
  rpcError(-32002, 'unavailable'),
  rpcError(-32003, 'refused'),
  rpcError(-32006, 'refused'),
  rpcError(-32010, 'excluded from account secondary indexes; this RPC method unavailable for key'),
  rpcError(-32011, 'Transaction history is not available from this node'),
  rpcError(-32012, 'scan abandoned after waiting'),
  rpcError(-32013, 'refused'),
  rpcError(-32015, 'Transaction version is not supported'),
  rpcError(-32016, 'Minimum context slot has not been reached', { data: { contextSlot: 1 } }),
  page('HTTP 404', 404),
  rpcError(410, 'The RPC call or parameters have been disabled.', { status: 410 }),
  page('a redirect', 301, '', { location: 'https://elsewhere.example/' }),
];

/** What a provider answers to a transaction that it has never forwarded: neither this time nor before. */
export const SEND_REFUSALS: readonly WrongAnswer[] = [...rateLimits, ...accessDenied];

/** What a provider answers to a transaction that it has forwarded this time. */
export const ANSWERS_AFTER_FORWARDING: readonly WrongAnswer[] = [
  ...brokenGateways,
  preflight('AlreadyProcessed', 'This transaction has already been processed', { withData: true }),
  preflight('AlreadyProcessed', 'This transaction has already been processed', { withData: false }),
  rpcError(-32000, 'transaction already processed'),
  rpcError(-32603, 'AlreadyProcessed'),
];

/** What a later attempt at the same bytes is answered, at this node or another one, although the first attempt was taken. */
export const LATER_REFUSALS: readonly WrongAnswer[] = [
  ...SEND_REFUSALS,
  ...ANSWERS_AFTER_FORWARDING,
  preflight('BlockhashNotFound', 'Blockhash not found', { withData: true }),
  preflight('BlockhashNotFound', 'Blockhash not found', { withData: false }),
  preflight({ InstructionError: [1, { Custom: 8 }] }, 'Error processing Instruction 1: custom program error: 0x8', { withData: true }),
  preflight({ InstructionError: [2, 'InvalidAccountData'] }, 'Error processing Instruction 2: invalid account data', { withData: true }),
  preflight('AccountNotFound', 'Attempt to debit an account but found no record of a prior credit.', { withData: true }),
  rpcError(-32003, 'Transaction signature verification failure'),
  rpcError(-32005, 'Node is behind by 42 slots', { data: { numSlotsBehind: 42 } }),
  rpcError(-32016, 'Minimum context slot has not been reached', { data: { contextSlot: 1 } }),
  rpcError(-32600, 'Invalid request'),
  rpcError(-32601, 'Method not found'),
  rpcError(-32602, 'invalid transaction: Transaction failed to sanitize accounts offsets correctly'),
  page('HTTP 404', 404),
];

/** Not an answer to the request, whatever was asked. */
export const GARBLED: readonly WrongAnswer[] = brokenGateways.filter(({ name }) => /HTML|empty|without|another/.test(name));

import bs58 from 'bs58';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SendAttempts } from '../../src/rpc/index.ts';
import { calm, OUR_KEY, rpcOver, slotted, wireOf } from './builders.ts';
import { type FakeEndpoint, type FakeReply, fakeEndpoint } from './fake-endpoint.ts';

const WIRE = wireOf();
const SIGNATURE = bs58.encode(WIRE.subarray(1, 65));

let fakes: readonly [FakeEndpoint, FakeEndpoint];
beforeEach(async () => {
  fakes = await Promise.all([fakeEndpoint(), fakeEndpoint()]);
});
afterEach(async () => {
  await Promise.all(fakes.map((fake) => fake.close()));
});

const error = (code: number, message: string, data?: unknown): FakeReply => ({ error: { code, message, data } });
const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): FakeReply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ jsonrpc: '2.0', ...body }),
});
const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): FakeReply => ({ status, headers, body });
const simulated = (err: unknown) => ({ err, logs: [], unitsConsumed: 0 });

type Code =
  | 'ACCESS_DENIED'
  | 'BAD_ANSWER'
  | 'NODE_ERROR'
  | 'NOT_YET'
  | 'RATE_LIMITED'
  | 'REQUEST_REFUSED'
  | 'UNAVAILABLE'
  | 'UNREACHABLE'
  | 'UNSUPPORTED';
type Send = 'accepted' | 'unknown' | 'rejected' | 'not-sent';

/**
 * What nodes and providers answer, as their documentation, their sources and public reports have it. A read goes to the next endpoint in any case; the
 * code says what is known of this one. A send is `not-sent` only where the answer shows that the request was not passed on.
 */
const ANSWERS: readonly (readonly [who: string, reply: FakeReply, read: Code, send: Send])[] = [
  // Agave, HTTP 200
  ['a cleaned-up block', error(-32001, 'Block 7 cleaned up, does not exist on node. First available block: 9'), 'NODE_ERROR', 'unknown'],
  [
    'a failed preflight',
    error(-32002, 'Transaction simulation failed: …', simulated({ InstructionError: [0, { Custom: 8 }] })),
    'REQUEST_REFUSED',
    'rejected',
  ],
  [
    'an unknown blockhash',
    error(-32002, 'Transaction simulation failed: Blockhash not found', simulated('BlockhashNotFound')),
    'REQUEST_REFUSED',
    'rejected',
  ],
  [
    'a wrong signature since 3.1',
    error(-32002, 'Transaction simulation failed', simulated('SignatureFailure')),
    'REQUEST_REFUSED',
    'rejected',
  ],
  [
    'a transaction that it has',
    error(-32002, 'Transaction simulation failed: This transaction has already been processed', simulated('AlreadyProcessed')),
    'REQUEST_REFUSED',
    'accepted',
  ],
  ['a wrong signature up to 3.0', error(-32003, 'Transaction signature verification failure'), 'REQUEST_REFUSED', 'rejected'],
  ['a block that is missing', error(-32004, 'Block not available for slot 7'), 'NOT_YET', 'unknown'],
  ['a node that lags', error(-32005, 'Node is behind by 42 slots', { numSlotsBehind: 42 }), 'UNAVAILABLE', 'not-sent'],
  ['a node that is unhealthy', error(-32005, 'Node is unhealthy', { numSlotsBehind: null }), 'UNAVAILABLE', 'not-sent'],
  ['a precompile that fails', error(-32006, 'Transaction precompile verification failure'), 'REQUEST_REFUSED', 'unknown'],
  ['a skipped slot', error(-32007, 'Slot 7 was skipped, or missing due to ledger jump to recent snapshot'), 'NODE_ERROR', 'unknown'],
  ['no snapshot', error(-32008, 'No snapshot'), 'NODE_ERROR', 'unknown'],
  ['a slot missing in the archive', error(-32009, 'Slot 7 was skipped, or missing in long-term storage'), 'NODE_ERROR', 'unknown'],
  [
    'an excluded key',
    error(-32010, 'K excluded from account secondary indexes; this RPC method unavailable for key'),
    'UNSUPPORTED',
    'unknown',
  ],
  ['no history', error(-32011, 'Transaction history is not available from this node'), 'UNSUPPORTED', 'unknown'],
  ['an aborted scan', error(-32012, 'scan aborted: The accumulated scan results exceeded the limit'), 'NODE_ERROR', 'unknown'],
  ['a scan that waited too long', error(-32012, 'scan abandoned after waiting'), 'NODE_ERROR', 'unknown'],
  ['a signature of a wrong length', error(-32013, 'Transaction signature length mismatch'), 'REQUEST_REFUSED', 'unknown'],
  ['a block without a status yet', error(-32014, 'Block status not yet available for slot 7'), 'NOT_YET', 'unknown'],
  [
    'a version that is too new',
    error(
      -32015,
      'Transaction version (0) is not supported by the requesting client. Please try the request again with: "maxSupportedTransactionVersion": 0',
    ),
    'REQUEST_REFUSED',
    'unknown',
  ],
  ['a node behind the slot', error(-32016, 'Minimum context slot has not been reached', { contextSlot: 7 }), 'NOT_YET', 'not-sent'],
  ['rewards under way', error(-32017, 'Epoch rewards period still active at slot 7', { slot: 7 }), 'NODE_ERROR', 'unknown'],
  ['an archive that is away', error(-32019, 'Failed to query long-term storage; please try again'), 'NODE_ERROR', 'unknown'],
  ['a signature that is not found', error(-32020, 'Transaction S not found'), 'NODE_ERROR', 'unknown'],
  [
    'bytes that are too large',
    error(-32602, 'base64 encoded solana_transaction::VersionedTransaction too large: 1700 bytes (max: encoded/raw 1644/1232)'),
    'REQUEST_REFUSED',
    'unknown',
  ],
  [
    'bytes that it cannot read',
    error(-32602, 'failed to deserialize solana_transaction::VersionedTransaction: io error'),
    'REQUEST_REFUSED',
    'unknown',
  ],
  [
    'a transaction that is invalid to it',
    error(-32602, 'invalid transaction: Transaction failed to sanitize accounts offsets correctly'),
    'REQUEST_REFUSED',
    'unknown',
  ],
  ['too many inputs', error(-32602, 'Too many inputs provided; max 256'), 'REQUEST_REFUSED', 'unknown'],
  ['too large a body', text(413, 'request body size exceeds allowed maximum'), 'REQUEST_REFUSED', 'not-sent'],
  ['a node that closes', text(503, 'Server is closing.'), 'UNAVAILABLE', 'unknown'],
  [
    'a request that is no JSON to it',
    json(200, { error: { code: -32700, message: 'Parse error' }, id: null }),
    'REQUEST_REFUSED',
    'unknown',
  ],
  ['the wrong method of HTTP', text(405, 'Used HTTP Method is not allowed. POST or OPTIONS is required'), 'ACCESS_DENIED', 'unknown'],
  [
    'the wrong type',
    text(415, 'Supplied content type is not allowed. Content-Type: application/json is required'),
    'ACCESS_DENIED',
    'unknown',
  ],
  // The public API, Triton, rpcpool
  [
    'the public API at its limit',
    json(
      429,
      {
        error: { code: 429, message: 'Too many requests for a specific RPC call, contact your app developer or support@rpcpool.com.' },
        id: 1,
      },
      { 'retry-after': '10' },
    ),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'a limit with headers',
    text(429, 'Too many requests from your IP, contact your app developer', {
      'x-ratelimit-method-limit': '50',
      'x-ratelimit-method-remaining': '0',
    }),
    'RATE_LIMITED',
    'not-sent',
  ],
  ['a limit of connections', text(429, 'Connection rate limits exceeded, contact your app developer'), 'RATE_LIMITED', 'not-sent'],
  [
    'a blocked address',
    json(403, { error: { code: 403, message: 'Access forbidden, contact your app developer or support@rpcpool.com.' }, id: 1 }),
    'ACCESS_DENIED',
    'not-sent',
  ],
  ['a blocked provider', text(403, 'Your IP or provider is blocked from this endpoint'), 'ACCESS_DENIED', 'not-sent'],
  [
    'a disabled call',
    json(410, { error: { code: 410, message: 'The RPC call or parameters have been disabled.' }, id: 1 }),
    'UNSUPPORTED',
    'unknown',
  ],
  ['a limit in an envelope', error(-32429, 'Too many requests'), 'RATE_LIMITED', 'not-sent'],
  ['an outage in an envelope', json(503, { error: { code: 503, message: 'Service unavailable' }, id: 1 }), 'UNAVAILABLE', 'unknown'],
  ['an outage in an envelope with HTTP 200', error(503, 'Service unavailable'), 'UNAVAILABLE', 'unknown'],
  ['a body that is cut', { raw: '{"jsonrpc":"2.0","id":1,"result":{"context":{"slot":7},"val' }, 'BAD_ANSWER', 'unknown'],
  // Helius, QuickNode, Alchemy
  ['Helius without credits', text(200, 'max usage reached'), 'RATE_LIMITED', 'unknown'],
  [
    'Helius without credits, with a status',
    json(429, { error: { code: -32429, message: 'max usage reached' }, id: 1 }),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'Helius with too large a program',
    error(-32600, 'Too many accounts requested (51234 pubkeys), Please use getProgramAccountsV2'),
    'REQUEST_REFUSED',
    'unknown',
  ],
  [
    'Helius that deprioritizes',
    error(-32600, 'Request deprioritized due to number of accounts requested. Slow down requests or add filters to narrow down results'),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'QuickNode at its limit',
    error(-32007, '50/second request limit reached - reduce calls per second or upgrade your account at the provider'),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'QuickNode with its own 429',
    json(429, { error: { code: 429, message: 'requests per second limit reached' }, id: 1 }),
    'RATE_LIMITED',
    'not-sent',
  ],
  ['QuickNode without a token', text(401, 'Unauthorized'), 'ACCESS_DENIED', 'not-sent'],
  ['QuickNode unpaid', text(403, 'endpoint is disabled'), 'ACCESS_DENIED', 'not-sent'],
  ['QuickNode at a wrong URL', text(404, 'Not Found'), 'ACCESS_DENIED', 'unknown'],
  [
    'QuickNode with too large a body',
    json(413, { error: { code: -32600, message: 'request body size exceeds the limit of 1 MB' }, id: 1 }),
    'REQUEST_REFUSED',
    'not-sent',
  ],
  [
    'Alchemy at its limit',
    json(429, { error: { code: 429, message: 'Your app has exceeded its compute units per second capacity' }, id: 1 }),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'Alchemy at its limit with HTTP 200',
    error(429, 'Your app has exceeded its compute units per second capacity'),
    'RATE_LIMITED',
    'not-sent',
  ],
  [
    'Alchemy without id and data',
    json(200, { error: { code: -32002, message: 'Transaction simulation failed: Blockhash not found' } }),
    'REQUEST_REFUSED',
    'unknown',
  ],
  // Ankr, Chainstack, GetBlock, Syndica
  [
    'Ankr without nodes',
    json(503, { error: { code: -32055, message: 'No nodes available', data: { trace_id: 'x' } }, id: 1 }),
    'UNAVAILABLE',
    'unknown',
  ],
  ['Ankr at its limit', text(429, 'message: too many requests, trace_id: x'), 'RATE_LIMITED', 'not-sent'],
  ['Ankr without a key', text(401, 'message: unauthorized, trace_id: x'), 'ACCESS_DENIED', 'not-sent'],
  ['Ankr without the method', json(404, { error: { code: -32601, message: 'Method not found' }, id: 1 }), 'UNSUPPORTED', 'unknown'],
  [
    'Chainstack at its limit',
    error(-32005, "You've exceeded the RPS limit available on the current plan", { try_again_in: '1.2s' }),
    'RATE_LIMITED',
    'not-sent',
  ],
  ['Chainstack whose node is away', text(500, 'ECONNREFUSED'), 'UNAVAILABLE', 'unknown'],
  ['Chainstack that gave up', text(499, ''), 'UNAVAILABLE', 'unknown'],
  ['GetBlock without a token', text(401, 'Access denied'), 'ACCESS_DENIED', 'not-sent'],
  ['GetBlock without the minus', error(32601, 'Method not found'), 'UNSUPPORTED', 'unknown'],
  ['GetBlock at its limit', text(429, 'Too many requests'), 'RATE_LIMITED', 'not-sent'],
  ['Syndica at its limit', error(7429, 'Rate limited'), 'RATE_LIMITED', 'not-sent'],
  ['Syndica with wrong headers', error(7700, 'Invalid headers'), 'NODE_ERROR', 'unknown'],
  ['Syndica unpaid', text(402, 'Payment Required'), 'ACCESS_DENIED', 'unknown'],
  // Gateways
  [
    'a page of a gateway',
    text(502, '<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>'),
    'UNAVAILABLE',
    'unknown',
  ],
  ['a page with HTTP 200', text(200, '<html><head><title>Sign in</title></head></html>'), 'BAD_ANSWER', 'unknown'],
  ['an error without a code', json(200, { error: { message: 'No RPC endpoints available' }, id: 1 }), 'NODE_ERROR', 'unknown'],
  ['an error that is a text', json(200, { error: 'No RPC endpoints available', id: 1 }), 'NODE_ERROR', 'unknown'],
  ['the answer to another request', json(200, { result: 5, id: 'corrupt' }), 'BAD_ANSWER', 'unknown'],
  ['GenesysGo with too large a program', error(403, 'request exceeds the max account size'), 'ACCESS_DENIED', 'not-sent'],
  ['an internal error', error(-32603, 'Internal error'), 'NODE_ERROR', 'unknown'],
  ['an unknown method', error(-32601, 'Method not found'), 'UNSUPPORTED', 'unknown'],
  ['a redirect', text(307, '', { location: 'https://elsewhere.example/' }), 'ACCESS_DENIED', 'unknown'],
  ['a gateway that timed out', text(504, 'upstream request timeout'), 'UNAVAILABLE', 'unknown'],
  ['a connection that is reset', 'reset', 'UNREACHABLE', 'unknown'],
  // A limit in places where JSON-RPC has none
  ['a limit as a JSON text', text(200, '"max usage reached"'), 'RATE_LIMITED', 'unknown'],
  [
    'a limit as a batch',
    text(200, '[{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"Too many requests"}}]'),
    'RATE_LIMITED',
    'unknown',
  ],
  ['a limit as the result', { result: 'Too many requests' }, 'RATE_LIMITED', 'unknown'],
  ['a limit in the result', { result: { error: 'slow down' } }, 'RATE_LIMITED', 'unknown'],
  ['a limit without a result', json(200, { id: 1, message: 'quota reached' }), 'RATE_LIMITED', 'unknown'],
  ['a limit to another request', json(200, { error: { code: 429, message: 'Too many requests' }, id: 0 }), 'RATE_LIMITED', 'unknown'],
  [
    'a limit to another request, with a status',
    json(429, { error: { code: 429, message: 'Too many requests' }, id: 0 }),
    'RATE_LIMITED',
    'unknown',
  ],
  ['a limit without an id, with a status', json(429, { error: { code: 429, message: 'Too many requests' } }), 'RATE_LIMITED', 'not-sent'],
  // Limits behind the front end
  ['a full network', error(-32050, 'Transaction queued: the network is at capacity'), 'RATE_LIMITED', 'unknown'],
  ['a limit of what is behind it', error(-32098, 'upstream rate limit exceeded'), 'RATE_LIMITED', 'unknown'],
  ['a limit behind a gateway', json(502, { error: { code: 429, message: 'Too many requests' }, id: 1 }), 'RATE_LIMITED', 'unknown'],
  ['a limit of time', error(-32098, 'Request exceeded the time limit of 10 s'), 'NODE_ERROR', 'unknown'],
  // Contradictions
  [
    'an error and a result',
    { error: { code: -32002, message: 'failed', data: simulated('AccountNotFound') }, result: 5 },
    'BAD_ANSWER',
    'unknown',
  ],
  ['a limit and a result', { error: { code: 429, message: 'Too many requests' }, result: 5 }, 'RATE_LIMITED', 'unknown'],
  ...[
    [401, 'ACCESS_DENIED'] as const,
    [403, 'ACCESS_DENIED'] as const,
    [413, 'REQUEST_REFUSED'] as const,
    [429, 'RATE_LIMITED'] as const,
  ].flatMap(([status, code]) => [
    [
      `an error and a result with HTTP ${status}`,
      json(status, { id: 1, error: { code: -1, message: 'no' }, result: SIGNATURE }),
      code,
      'unknown',
    ] as const,
    [`a result with HTTP ${status}`, json(status, { id: 1, result: SIGNATURE }), code, 'unknown'] as const,
    [`a result without an id with HTTP ${status}`, json(status, { id: null, result: SIGNATURE }), code, 'unknown'] as const,
    [`a result that is not JSON-RPC with HTTP ${status}`, text(status, JSON.stringify({ result: SIGNATURE })), code, 'unknown'] as const,
    [
      `an error and a null with HTTP ${status}`,
      json(status, { id: 1, error: { code: -1, message: 'no' }, result: null }),
      code,
      'not-sent',
    ] as const,
  ]),
  ['an error and a null', { error: { code: 429, message: 'Too many requests' }, result: null }, 'RATE_LIMITED', 'not-sent'],
  ['a status with a body of another encoding', text(502, 'away', { 'content-encoding': 'gzip' }), 'UNAVAILABLE', 'unknown'],
];

describe('what nodes and providers answer', () => {
  test.each(ANSWERS)('rule 20: a read that is answered with %s goes to the next endpoint', async (_, reply, code) => {
    const [first, second] = fakes;
    first.always(reply);
    second.on('getBalance', slotted(1, 5)).on('getEpochInfo', reply).on('getGenesisHash', reply);
    const both = rpcOver([first.url, second.url]);
    expect(await both.rpc.balance(OUR_KEY, calm())).toBe(5n);
    await both.rpc.close();
    const alone = rpcOver([first.url]);
    const failure = await alone.rpc.balance(OUR_KEY, calm()).catch((caught) => caught);
    expect(failure.code).toBe(`LEDGER__${code}`);
    await alone.rpc.close();
  });

  test.each(ANSWERS)('rule 18: what becomes of a send that is answered with %s', async (_, reply, __, kind) => {
    const [first, second] = fakes;
    first.always(reply);
    const alone = rpcOver([first.url]);
    expect((await alone.rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: false }, calm())).kind).toBe(kind);
    await alone.rpc.close();
    second.always({ result: SIGNATURE });
    const both = rpcOver([first.url, second.url]);
    expect(await both.rpc.sendTransaction(new SendAttempts(WIRE), { skipPreflight: false }, calm())).toMatchObject({ kind: 'accepted' });
    await both.rpc.close();
  });

  test.each<[reply: FakeReply, words: string]>([
    [text(200, '"no such project"'), 'not a JSON-RPC 2.0 response: no such project'],
    [text(200, '[{"error":{"message":"no such plan"}}]'), 'not a JSON-RPC 2.0 response: {"message":"no such plan"}'],
    [json(200, { id: 0, error: { code: 5, message: 'no such project' } }), 'another request: {"code":5,"message":"no such project"}'],
    [{ result: 'no such project' }, 'the result is a string, not an object: no such project'],
    [{ result: { message: 'no such project' } }, 'context is missing, not an object: no such project'],
    [text(502, 'no backend', { 'content-encoding': 'gzip' }), 'HTTP status 502: no backend'],
  ])('rule 20: the agent quotes the text of an endpoint wherever the response has it: %j', async (reply, words) => {
    fakes[0].always(reply);
    const { rpc } = rpcOver([fakes[0].url]);
    await expect(rpc.balance(OUR_KEY, calm())).rejects.toThrow(words);
    await rpc.close();
  });

  test('a redirect is named with its target', async () => {
    fakes[0].always(text(307, '', { location: 'https://elsewhere.example/' }));
    const { rpc } = rpcOver([fakes[0].url]);
    await expect(rpc.balance(OUR_KEY, calm())).rejects.toThrow('a redirect to https://elsewhere.example/, which the agent does not follow');
    await rpc.close();
  });
});

import type { Dispatcher, HttpDispatcher } from '../../src/lib/http.ts';
import { HttpJsonRpc, type JsonRpc, type JsonRpcOptions } from '../../src/rpc/index.ts';
import type { LedgerNode } from '../ledger/index.ts';
import type { Prng } from './plan.ts';
import type { Incarnation, SimulationClock } from './world.ts';

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
const ANSWERS_AFTER_FORWARDING: readonly WrongAnswer[] = [
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
const GARBLED: readonly WrongAnswer[] = brokenGateways.filter(({ name }) => /HTML|empty|without|another/.test(name));

/** The current state of the path to one node and of its front end. Changed during the run; read at each request. */
export interface PathConditions {
  /** The connection is refused. */
  down: boolean;
  /** Requests arrive, but responses never do. */
  hangs: boolean;
  /** Probability that a request, or its response, is lost. */
  loseRequest: number;
  loseAnswer: number;
  /** Probability that the connection is cut after the request was acted upon: before the first byte of the response, or within it. */
  cut: number;
  /** HTTP 429 for this share of requests, before the node sees them, with this Retry-After. */
  rateLimit: number;
  retryAfterMs: number | undefined;
  /** Probability of HTTP 503 from a gateway, which may have forwarded the request. */
  unavailable: number;
  /** Probability of a malformed response. */
  garble: number;
  /** What the front end answers to these methods, without passing them on. */
  refusal: { readonly methods: ReadonlySet<string>; readonly answer: WrongAnswer } | undefined;
  /** Probability that a transaction is forwarded and answered with an error. */
  misreport: number;
  /** Probability that a transaction is taken, reaches the node much later, and that its connection is cut at once. */
  takeLate: number;
  /** What a later attempt at a transaction that was taken by any front end is answered, without passing it on. */
  laterAnswers: readonly WrongAnswer[];
  /** Probability that an accepted transaction arrives again, much later. */
  repeat: number;
  /** Its responses report slots this far ahead. Heights and blockhashes stay correct. */
  slotsAhead: number;
  /** Maximum one-way latency, milliseconds; random latencies reorder requests. */
  latencyMs: number;
}

export const healthyPath = (): PathConditions => ({
  down: false,
  hangs: false,
  loseRequest: 0,
  loseAnswer: 0,
  cut: 0,
  rateLimit: 0,
  retryAfterMs: undefined,
  unavailable: 0,
  garble: 0,
  refusal: undefined,
  misreport: 0,
  takeLate: 0,
  laterAnswers: [],
  repeat: 0,
  slotsAhead: 0,
  latencyMs: 60,
});

/** A node, and the path to it. */
export interface NodeOnPath {
  readonly node: LedgerNode;
  readonly path: PathConditions;
  /** Transactions (base64) that some front end has taken late; all nodes of a run share it. */
  readonly takenLate: Set<string>;
}

/** Observes each transaction in transit, for the invariants. */
export interface SendWatcher {
  /** A request with this transaction is sent; called before it can arrive. */
  departed(wire: string): void;
  /** It reached a node or is lost. `taken`: the node accepted it. */
  arrived(wire: string, taken: boolean): void;
}

interface SimulatedNetworkOptions {
  readonly clock: SimulationClock;
  readonly prng: Prng;
  readonly place: NodeOnPath;
  readonly watcher: SendWatcher;
}

const LONGEST_REPEAT_MS = 40_000;
const TAKEN_LATE_MS = [5_000, 40_000] as const;

/** The agent's own JSON-RPC over HTTP, with this network for sockets. Sent requests arrive even if their sender was killed. */
export function createSimulatedTransport(
  options: JsonRpcOptions,
  { incarnation, ...network }: SimulatedNetworkOptions & { readonly incarnation: Incarnation },
): JsonRpc {
  const rpc = new HttpJsonRpc({ ...options, dispatcher: new SimulatedNetwork(network) });
  return {
    call(request, signal) {
      incarnation.step();
      return incarnation.isAlive ? incarnation.hold(rpc.call(request, signal)) : new Promise(() => undefined);
    },
    close: () => rpc.close(),
  };
}

/** `cut`: the connection is cut before the answer, or within its body. `refused`: none can be made. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer }
  | { readonly kind: 'cut'; readonly within?: HttpAnswer }
  | { readonly kind: 'refused' }
  | { readonly kind: 'silence' };

interface RequestBody {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** The network to one node: it loses, delays, repeats, reorders, cuts, and answers wrongly. */
export class SimulatedNetwork implements HttpDispatcher {
  readonly #options: SimulatedNetworkOptions;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
  }

  dispatch({ body }: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { prng, place } = this.#options;
    let isOver = false;
    const end = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      act();
    };
    const fail = (error: Error): void => end(() => handler.onResponseError?.(controller, error));
    const controller: Dispatcher.DispatchController = {
      rawHeaders: null,
      rawTrailers: null,
      aborted: false,
      paused: false,
      reason: null,
      abort: fail,
      pause: () => undefined,
      resume: () => undefined,
    };
    if (!place.path.down) handler.onRequestStart?.(controller, undefined);
    if (isOver) return true;
    const answer = ({ status, headers = {}, body: text }: HttpAnswer, share: number): void => {
      if (isOver) return;
      const bytes = Buffer.from(text);
      handler.onResponseStart?.(controller, status, headers);
      handler.onResponseData?.(controller, bytes.subarray(0, Math.ceil(bytes.length * share)));
    };
    this.exchange(String(body)).then((outcome) => {
      switch (outcome.kind) {
        case 'answer':
          answer(outcome.answer, 1);
          return end(() => handler.onResponseEnd?.(controller, {}));
        case 'cut':
          if (outcome.within !== undefined) answer(outcome.within, prng.random());
          return fail(socketError('ECONNRESET'));
        case 'refused':
          return fail(socketError('ECONNREFUSED'));
        case 'silence':
          return undefined;
      }
    }, fail);
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    return Promise.resolve();
  }

  /** What becomes of one request. */
  async exchange(body: string): Promise<Outcome> {
    const { clock, prng, place } = this.#options;
    const { path } = place;
    const request: RequestBody = JSON.parse(body);
    const wire = request.method === 'sendTransaction' && typeof request.params[0] === 'string' ? request.params[0] : undefined;
    if (path.down) {
      await clock.sleep(prng.between(0, 30));
      return { kind: 'refused' };
    }
    const refusal = this.#refusalOf(request, wire);
    if (refusal !== undefined) {
      await clock.sleep(prng.between(1, path.latencyMs));
      return { kind: 'answer', answer: refusal };
    }
    if (wire !== undefined && prng.chance(path.takeLate)) {
      void this.#takeLate(body, wire);
      await clock.sleep(prng.between(1, path.latencyMs));
      return { kind: prng.chance(0.8) ? 'cut' : 'silence' };
    }
    return this.#pass(body, request.id, wire);
  }

  /** An answer of the front end, which passes nothing on. */
  #refusalOf({ id, method }: RequestBody, wire: string | undefined): HttpAnswer | undefined {
    const { prng, place } = this.#options;
    const { rateLimit, retryAfterMs, refusal, laterAnswers } = place.path;
    if (prng.chance(rateLimit)) {
      const headers = retryAfterMs === undefined ? undefined : { 'retry-after': String(retryAfterMs / 1_000) };
      return { status: 429, headers, body: 'Too many requests' };
    }
    const later = wire !== undefined && place.takenLate.has(wire) ? prng.one(laterAnswers) : undefined;
    return (later ?? (refusal?.methods.has(method) === true ? refusal.answer : undefined))?.answer(id);
  }

  async #pass(body: string, id: unknown, wire: string | undefined): Promise<Outcome> {
    const { clock, prng, place } = this.#options;
    const { hangs, loseRequest, loseAnswer, cut, unavailable, garble, misreport, repeat, latencyMs } = place.path;
    const isUnavailable = prng.chance(unavailable);
    const isLost = prng.chance(loseRequest) || (isUnavailable && prng.chance(0.5));
    const text = await this.#deliver(body, wire, isLost);
    // Rejected transactions are not repeated; accepted ones may reach the node, or its leader, again.
    if (wire !== undefined && text !== undefined && isTaken(text) && prng.chance(repeat)) void this.#repeatLater(body, wire);
    if (hangs || prng.chance(loseAnswer) || (text === undefined && !isUnavailable)) return { kind: 'silence' };
    await clock.sleep(prng.between(1, latencyMs));
    if (prng.chance(cut) && text !== undefined) {
      return { kind: 'cut', within: prng.chance(0.5) ? { status: 200, body: text } : undefined };
    }
    if (isUnavailable || text === undefined) return { kind: 'answer', answer: { status: 503, body: '<html>503</html>' } };
    const wrong = prng.chance(garble) ? prng.one(GARBLED) : undefined;
    const misreported = wire !== undefined && isTaken(text) && prng.chance(misreport) ? prng.one(ANSWERS_AFTER_FORWARDING) : undefined;
    return { kind: 'answer', answer: (wrong ?? misreported)?.answer(id) ?? { status: 200, body: text } };
  }

  /** Delivers the request to the node; undefined when it is lost. */
  async #deliver(body: string, wire: string | undefined, isLost: boolean): Promise<string | undefined> {
    const { clock, prng, place, watcher } = this.#options;
    if (wire !== undefined) watcher.departed(wire);
    await clock.sleep(prng.between(1, place.path.latencyMs));
    if (isLost) {
      if (wire !== undefined) watcher.arrived(wire, false);
      return undefined;
    }
    const { slotsAhead } = place.path;
    const answer = withShiftedSlots(place.node.call(withShiftedSlots(body, DEMANDS, -slotsAhead)), SLOTS, slotsAhead);
    if (wire !== undefined) watcher.arrived(wire, isTaken(answer));
    return answer;
  }

  async #repeatLater(body: string, wire: string): Promise<void> {
    const { clock, prng, watcher } = this.#options;
    watcher.departed(wire);
    await clock.sleep(prng.between(100, LONGEST_REPEAT_MS));
    await this.#deliver(body, wire, false);
    watcher.arrived(wire, false);
  }

  async #takeLate(body: string, wire: string): Promise<void> {
    const { clock, prng, place, watcher } = this.#options;
    watcher.departed(wire);
    place.takenLate.add(wire);
    await clock.sleep(prng.between(...TAKEN_LATE_MS));
    await this.#deliver(body, wire, false);
    watcher.arrived(wire, false);
  }
}

function socketError(code: string): Error {
  return Object.assign(new Error(code === 'ECONNRESET' ? 'read ECONNRESET' : `connect ${code}`), { code });
}

/** Whether the node has accepted the transaction. */
function isTaken(answer: string): boolean {
  return 'result' in JSON.parse(answer);
}

const DEMANDS: ReadonlySet<string> = new Set(['minContextSlot']);
const SLOTS: ReadonlySet<string> = new Set(['slot', 'absoluteSlot']);

/** The same JSON with all numbers of these names shifted. */
function withShiftedSlots(text: string, names: ReadonlySet<string>, slots: number): string {
  if (slots === 0) return text;
  return JSON.stringify(
    JSON.parse(text, (name, value) => (typeof value === 'number' && names.has(name) ? Math.max(0, value + slots) : value)),
  );
}

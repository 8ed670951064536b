import PQueue from 'p-queue';
import {
  AgentError,
  asError,
  backoffDelays,
  type Clock,
  createAbortController,
  DeadlineExceeded,
  isAgentError,
  isRecord,
  type MonotonicMs,
  monotonicMs,
  oneLine,
  type Random,
  Stopped,
  untilAborted,
  withDeadline,
  withSignals,
} from '../lib/index.ts';
import { type Slot, slot } from '../serviceability/index.ts';
import { isRateLimit, minContextSlotVerdict, problemOf, type Verdict, verdictOf } from './refusals.ts';
import { Malformed } from './responses.ts';
import { type EndpointUrl, type JsonRpc, type RpcFailure, type RpcReply, type RpcRequest, SEND, wordsOf } from './transport.ts';

/** One endpoint, as the methods of the ledger client use it. */
export type AskedEndpoint = Pick<Endpoint, 'url' | 'ask' | 'offer'>;
type LimitedRpc = Pick<RateLimitedRpc, 'call' | 'counts' | 'close'>;

export type EndpointWork<T> = (endpoint: AskedEndpoint, signal: AbortSignal) => Promise<T>;

interface EndpointErrorOptions {
  /** Whether the endpoint should not be asked anything else for now; true by default. */
  readonly quarantine?: boolean;
  /** The endpoint asked for a pause of so many milliseconds. */
  readonly retryAfterMs?: number;
  /** Nothing but this work shows that the endpoint is good again; until then it is not used, not even as the last one left. */
  readonly recheck?: EndpointWork<unknown>;
  /** The endpoint's error once another endpoint contradicts its answer. Until one does, the answer may be right. */
  readonly ifContradicted?: EndpointError;
}

/** One endpoint failed one request. Another endpoint may do better, whatever the error. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
  constructor(
    readonly error: AgentError,
    /** What has to succeed before the endpoint counts as back: a method, or its slots. */
    readonly topic: string,
    readonly options: EndpointErrorOptions = {},
  ) {
    super(error.message, { cause: error });
  }
}

/** The error of an endpoint that gave no usable result, in its own words. */
export function toEndpointError(reply: RpcFailure, url: EndpointUrl, method: string): EndpointError {
  return endpointError(verdictOf(reply), url, method, problemOf(reply), reply);
}

/** The endpoint answered `result`, which is not what the method documents. */
export function badAnswer(problem: string, url: EndpointUrl, method: string, result?: unknown): EndpointError {
  return toEndpointError({ kind: 'garbled', problem, text: wordsOf(result) }, url, method);
}

/** The result in a reply, as `read` reads it. Throws EndpointError for a reply without a result, and for one that is not what the method documents. */
export function resultOf<T>(reply: RpcReply, method: string, url: EndpointUrl, read: (result: unknown) => T): T {
  if (reply.kind !== 'result') throw toEndpointError(reply, url, method);
  try {
    return read(reply.value);
  } catch (error) {
    if (error instanceof Malformed) throw badAnswer(error.message, url, method, reply.value);
    throw isAgentError(error) ? new EndpointError(error, method) : error;
  }
}

/** The answer is older than the slot that was asked for. */
export function minContextSlotNotReached(problem: string, url: EndpointUrl, method: string): EndpointError {
  return endpointError(minContextSlotVerdict, url, method, problem);
}

/** Characters of an endpoint's own text in an error. */
const MAX_PROBLEM = 300;

function endpointError(
  { code, quarantine }: Verdict,
  url: EndpointUrl,
  method: string,
  problem: string,
  reply?: RpcFailure,
): EndpointError {
  const context = { endpoint: url.name, method, problem: oneLine(url.redact(problem), MAX_PROBLEM), address: reply?.address };
  const error = new AgentError(code, context, reply?.kind === 'failed' ? { cause: reply.cause } : undefined);
  return new EndpointError(error, method, { quarantine, retryAfterMs: reply?.retryAfterMs });
}

/**
 * Emitted once when an endpoint fails at its reads, once when it fails at its sends, and once when both work again; in between, with `again`, when it
 * fails for another reason, not at every failure.
 */
export type EndpointEvent =
  | { readonly endpoint: string; readonly state: 'lost'; readonly error: AgentError; readonly again?: true }
  | { readonly endpoint: string; readonly state: 'back' };

interface EndpointHealthOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEndpoint: (event: EndpointEvent) => void;
}

/** First and longest quarantine of a failing endpoint. */
const BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** A wait that an endpoint asks for is honored, up to this. */
const LONGEST_RETRY_AFTER_MS = 300_000;
/** The longest pause after a rate limit that names none. */
const LONGEST_UNASKED_PAUSE_MS = 5_000;
/** How soon a failed endpoint may be tried again when no other is left. */
const FALLBACK_INTERVAL_MS = 250;
/** After serving this long without failing, an endpoint's backoff begins at the shortest again. */
const RECOVERED_AFTER_MS = 60_000;

/** Why and until when an endpoint is quarantined. */
interface Loss {
  readonly error: AgentError;
  /** What has to succeed before the endpoint counts as back. */
  readonly topic: string;
  readonly failedAt: MonotonicMs;
  /** When it should be probed. */
  readonly until: MonotonicMs;
  /** The end of the pause that it asked for, or that its rate limit needs. */
  readonly notBefore: MonotonicMs;
  /** Since when it has been serving again, on trial. */
  trialSince?: MonotonicMs;
}

/**
 * The health of one endpoint, either of its reads or of its sends. It decides nothing about other endpoints and starts nothing.
 *
 *   healthy ── failed ──► lost ── anything succeeds ──► on trial (serves) ── the failed method succeeds ──► healthy
 *                          ▲                                │
 *                          └──────────── failed ────────────┘
 *
 * The trial is for endpoints that answer every probe and still fail at one method: they are reported as lost once, not each time.
 */
export class EndpointHealth {
  readonly #options: EndpointHealthOptions;
  #delays: Iterator<number, never>;
  #loss: Loss | undefined;
  #servingSince: MonotonicMs | undefined;
  /** When it recovered last. */
  #recoveredAt: MonotonicMs | undefined;
  #answeredAt: MonotonicMs | undefined;

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
    this.#delays = this.#newDelays();
  }

  /** Whether it is asked like any other; on trial it is. */
  get healthy(): boolean {
    return this.#loss === undefined || this.#loss.trialSince !== undefined;
  }

  /** Its last error, until it is back. */
  get error(): AgentError | undefined {
    return this.#loss?.error;
  }

  /** Whether its quarantine is over, so that it should be probed. */
  get due(): boolean {
    return !this.healthy && this.now >= this.dueAt;
  }

  get dueAt(): number {
    return this.#loss?.until ?? 0;
  }

  /** Whether it may be asked during its quarantine, when no other endpoint is left. A pause that it asked for is still honored. */
  get isFallback(): boolean {
    if (this.#loss === undefined || this.healthy) return false;
    const { until, failedAt } = this.#loss;
    return !this.isPaused && this.now >= Math.min(until, failedAt + FALLBACK_INTERVAL_MS);
  }

  /** Whether the pause that it asked for, or that its rate limit needs, goes on. */
  get isPaused(): boolean {
    return this.#loss !== undefined && !this.healthy && this.now < this.#loss.notBefore;
  }

  /** Whether it has not answered for so long. */
  quietFor(ms: number): boolean {
    return this.#answeredAt === undefined || this.now - this.#answeredAt >= ms;
  }

  /** When a request is being made, for `succeeded`. */
  get now(): MonotonicMs {
    return this.#options.clock.monotonic();
  }

  /**
   * A method was served, or its slots are current (see `EndpointError.topic`). An answer to a request from before the last failure does not
   * count: it would cut short the pause that the endpoint has asked for since.
   */
  succeeded(topic: string, askedAt: MonotonicMs): void {
    const now = this.now;
    this.#answeredAt = now;
    if (this.#loss === undefined || askedAt < this.#loss.failedAt) return;
    // An answer to a read does not show that sends work.
    if (topic === SEND || (this.#loss.trialSince === undefined && this.#loss.topic !== SEND)) this.#recoveredAt = now;
    this.#loss.trialSince ??= now;
    if (topic !== this.#loss.topic && now - this.#loss.trialSince < RECOVERED_AFTER_MS) return;
    this.#servingSince = this.#loss.trialSince;
    this.#loss = undefined;
    this.#options.onEndpoint({ endpoint: this.#options.name, state: 'back' });
  }

  /** A request of `askedAt` failed. One from before the endpoint recovered says nothing new, unless the endpoint asks for a pause. */
  failed({ error, topic, options: { retryAfterMs = 0 } }: EndpointError, askedAt: MonotonicMs): void {
    const now = this.now;
    const before = this.#loss;
    if (this.#recoveredAt !== undefined && askedAt < this.#recoveredAt && retryAfterMs === 0) return;
    // Failures of requests that were under way together are one failure; only a later one is a step of the backoff.
    if (!this.healthy && !this.due && !this.isFallback && retryAfterMs === 0) return;
    const hadRecovered = this.#servingSince === undefined || now - this.#servingSince >= RECOVERED_AFTER_MS;
    if (before === undefined && hadRecovered) this.#delays = this.#newDelays();
    const delayMs = this.#delays.next().value;
    const pauseMs =
      error.code === 'LEDGER__RATE_LIMITED' ? Math.max(retryAfterMs, Math.min(delayMs, LONGEST_UNASKED_PAUSE_MS)) : retryAfterMs;
    const notBefore = monotonicMs(now + Math.min(pauseMs, LONGEST_RETRY_AFTER_MS));
    const until = monotonicMs(Math.max(notBefore, now + delayMs));
    this.#loss = { error, topic, failedAt: now, until, notBefore };
    const lost = { endpoint: this.#options.name, state: 'lost', error } as const;
    if (before === undefined) this.#options.onEndpoint(lost);
    else if (before.error.code !== error.code) this.#options.onEndpoint({ ...lost, again: true });
  }

  #newDelays(): Iterator<number, never> {
    return backoffDelays({ ...BACKOFF, random: this.#options.random });
  }
}

/** The most requests that one endpoint is asked in any second; Infinity for no limit. */
interface RequestRates {
  /** All methods together. */
  readonly requestsPerSecond: number;
  /** sendTransaction alone, repeats included. */
  readonly sendsPerSecond: number;
}

/** Each since the limiter was made. */
export interface RateLimiterCounts {
  /** Requests let through. */
  readonly requests: number;
  /** Those of them that had to wait, and how long they did, milliseconds. */
  readonly delayed: number;
  readonly delayedMs: number;
  /** Requests that gave up while they waited, or that found the queue full. */
  readonly gaveUp: number;
  /** Answers that we ask too often. */
  readonly refused: number;
}

interface RateLimitOptions {
  readonly rates: RequestRates;
  readonly clock: Clock;
  /** Upper bound for the wait alone, milliseconds; the deadline of the call may end it sooner. */
  readonly timeoutMs: number;
  /** Most requests that may wait; one more fails at once. */
  readonly maxWaiting: number;
}

const SECOND = 1_000;
/** What sends leave of an endpoint's rate to everything else: a send whose status is not read is of no use. */
const MAX_SHARE_OF_SENDS = 0.8;

/**
 * Keeps the requests to one endpoint within its rates. Those that wait go in the order of arrival, sends before reads.
 *
 *   sends ──► sends a second ──┐
 *                              ├──► requests a second ──► JsonRpc
 *   reads ─────────────────────┘
 *
 * The intervals are p-queue's, in real time. Without a limit there are none, so that a simulation runs on its own clock.
 */
export class RateLimitedRpc implements JsonRpc {
  readonly #rpc: JsonRpc;
  readonly #options: RateLimitOptions;
  readonly #requests: PQueue;
  readonly #sends: PQueue;
  readonly #closing = createAbortController();
  readonly #counts = { requests: 0, delayed: 0, delayedMs: 0, gaveUp: 0, refused: 0 };

  constructor(rpc: JsonRpc, options: RateLimitOptions) {
    const { requestsPerSecond, sendsPerSecond } = options.rates;
    this.#rpc = rpc;
    this.#options = options;
    this.#requests = queueOf(requestsPerSecond);
    this.#sends = queueOf(Math.min(sendsPerSecond, requestsPerSecond * MAX_SHARE_OF_SENDS));
  }

  async call(request: RpcRequest, signal: AbortSignal): Promise<RpcReply> {
    const failure = await this.#admit(request, signal);
    if (failure !== undefined) return failure;
    const reply = await this.#rpc.call(request, signal);
    if (reply.kind !== 'result' && isRateLimit(reply)) this.#counts.refused += 1;
    return reply;
  }

  counts(): RateLimiterCounts {
    return { ...this.#counts };
  }

  async close(): Promise<void> {
    this.#closing.abort(new Stopped('the connection to the ledger is closed'));
    await this.#rpc.close();
  }

  /** Resolves when the request may go, with the reply to a request that may not. */
  async #admit({ method }: RpcRequest, signal: AbortSignal): Promise<RpcReply | undefined> {
    const { clock, timeoutMs, maxWaiting } = this.#options;
    const waiting = this.#requests.size + this.#sends.size;
    if (waiting >= maxWaiting) return this.#giveUp('overflow', new Error(`${waiting} requests wait for room within its rate`));

    const turn = new AbortController();
    let isAdmitted = false;
    const admission = new Promise<void>((resolve, reject) => {
      // p-queue runs what may go at once before `add` returns.
      const admit = async (): Promise<void> => {
        isAdmitted = true;
        resolve();
      };
      this.#queue(method === SEND, admit, turn.signal).catch(reject);
    });
    if (!isAdmitted) {
      const since = clock.monotonic();
      const ended = (inner: AbortSignal): Promise<void> => untilAborted(admission, inner, () => turn.abort(inner.reason));
      try {
        await withSignals([signal, this.#closing.signal], (either) => withDeadline(timeoutMs, either, ended, clock));
      } catch (error) {
        return this.#giveUp('queued', error instanceof DeadlineExceeded ? new Error(`no room within its rate for ${error.ms} ms`) : error);
      }
      this.#counts.delayed += 1;
      this.#counts.delayedMs += clock.monotonic() - since;
    }
    this.#counts.requests += 1;
    return undefined;
  }

  #queue(isSend: boolean, admit: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (!isSend) return this.#requests.add(admit, { signal });
    return this.#sends.add(() => this.#requests.add(admit, { priority: 1, signal }), { signal });
  }

  #giveUp(progress: 'queued' | 'overflow', error: unknown): RpcReply {
    this.#counts.gaveUp += 1;
    return { kind: 'failed', progress, cause: asError(error) };
  }
}

/** Without a cap where there is no limit: intervals need timers. */
function queueOf(perSecond: number): PQueue {
  if (perSecond === Number.POSITIVE_INFINITY) return new PQueue();
  return new PQueue({ intervalCap: Math.max(1, Math.floor(perSecond)), interval: SECOND, strict: true });
}

/**
 * One endpoint: its requests, and whether it is one to ask. Reads and sends fail apart: an endpoint that refuses transactions is still read from,
 * and one that cannot be read may still take transactions while no better one is left.
 */
export class Endpoint {
  readonly url: EndpointUrl;
  /** Health of everything but sendTransaction. */
  readonly reads: EndpointHealth;
  readonly sends: EndpointHealth;
  readonly #rpc: LimitedRpc;
  readonly #noteSlot: (endpoint: Endpoint, slot: Slot, method: string) => void;
  #pendingRecheck: EndpointError | undefined;

  /** `noteSlot` throws EndpointError when the slot of an answer is too old to decide by. */
  constructor(
    url: EndpointUrl,
    rpc: LimitedRpc,
    health: Omit<EndpointHealthOptions, 'name'>,
    noteSlot: (endpoint: Endpoint, slot: Slot, method: string) => void = () => undefined,
  ) {
    this.#noteSlot = noteSlot;
    this.url = url;
    // It is back once both work again; until then, the error of the other one stands.
    const onEndpoint = (event: EndpointEvent): void => {
      const error = this.reads.error ?? this.sends.error;
      const isOver = event.state === 'lost' || error === undefined;
      health.onEndpoint(isOver ? event : { endpoint: url.name, state: 'lost', error, again: true });
    };
    this.reads = new EndpointHealth({ ...health, name: url.name, onEndpoint });
    this.sends = new EndpointHealth({ ...health, name: url.name, onEndpoint });
    this.#rpc = rpc;
  }

  /** Whether it is one to read from: healthy, and without an error that it has to disprove. */
  get serves(): boolean {
    return this.#pendingRecheck === undefined && this.reads.healthy;
  }

  /** Whether it is one to send to. Nothing probes sends, so the next send is the probe once a quarantine is over. */
  get takesSends(): boolean {
    return this.serves && (this.sends.healthy || this.sends.due);
  }

  /** Whether it may be read from, or sent to, while no other one is left. */
  isFallbackFor(kind: 'reads' | 'sends'): boolean {
    if (this.#pendingRecheck !== undefined) return false;
    return kind === 'reads' ? this.reads.isFallback : !this.reads.isPaused && (this.sends.healthy || this.sends.isFallback);
  }

  /** The error that only its own recheck takes away, where there is one. */
  get pendingRecheck(): EndpointError | undefined {
    return this.#pendingRecheck;
  }

  /** `askedAt`: when the work that failed began. */
  quarantine(error: EndpointError, askedAt: MonotonicMs = this.reads.now): void {
    (error.topic === SEND ? this.sends : this.reads).failed(error, askedAt);
    if (error.options.recheck !== undefined) this.#pendingRecheck = error;
  }

  /** Its recheck passed. */
  release(): void {
    const topic = this.#pendingRecheck?.topic;
    this.#pendingRecheck = undefined;
    if (topic !== undefined) this.reads.succeeded(topic, this.reads.now);
  }

  /** One request, its result read and its slot noted, where it has one. Throws EndpointError, also for an aborted signal: only the caller knows whose signal it is. */
  async ask<T>(request: RpcRequest, read: (result: unknown, endpoint: string) => T, signal: AbortSignal): Promise<T> {
    const askedAt = this.reads.now;
    const reply = await this.#rpc.call(request, signal);
    return resultOf(reply, request.method, this.url, (result) => {
      const value = read(result, this.url.name);
      this.reads.succeeded(request.method, askedAt);
      // So that it is back within a minute although nothing has to be sent. A pause of its sends goes on.
      if (this.sends.healthy || this.sends.due) this.sends.succeeded(request.method, askedAt);
      if (isRecord(value) && typeof value.slot === 'bigint') this.#noteSlot(this, slot(value.slot), request.method);
      return value;
    });
  }

  /** The same for sendTransaction, whose errors carry meaning: `read` is given every reply. */
  async offer<T>(request: RpcRequest, read: (reply: RpcReply) => T, signal: AbortSignal): Promise<T> {
    const askedAt = this.sends.now;
    const value = read(await this.#rpc.call(request, signal));
    this.sends.succeeded(request.method, askedAt);
    return value;
  }

  counts(): RateLimiterCounts {
    return this.#rpc.counts();
  }

  close(): Promise<void> {
    return this.#rpc.close();
  }
}

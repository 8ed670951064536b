import PQueue from 'p-queue';
import { type Clock, createAbortController, DeadlineExceeded, Stopped, withDeadline, withSignals } from '../lib/index.ts';
import { isRateLimit } from './refusals.ts';
import { type JsonRpc, type RpcReply, type RpcRequest, SEND } from './transport.ts';

/** The most requests that one endpoint is asked in any second; Infinity for no limit. */
export interface RequestRates {
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
      const ended = (inner: AbortSignal): Promise<void> => {
        inner.addEventListener('abort', () => turn.abort(inner.reason), { once: true });
        if (inner.aborted) turn.abort(inner.reason);
        return admission;
      };
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
    return { kind: 'failed', progress, cause: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Without a cap where there is no limit: intervals need timers. */
function queueOf(perSecond: number): PQueue {
  if (perSecond === Number.POSITIVE_INFINITY) return new PQueue();
  return new PQueue({ intervalCap: Math.max(1, Math.floor(perSecond)), interval: SECOND, strict: true });
}

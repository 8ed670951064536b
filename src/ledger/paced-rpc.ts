import { type Clock, DeadlineExceeded, Stopped, withDeadline } from '../lib/index.ts';
import type { JsonRpc, RpcReply } from './json-rpc.ts';
import { createRateLimiter, type RateLimiterCounts, type RequestRates } from './rate-limiter.ts';

export interface PacedRpcOptions {
  readonly rates: RequestRates;
  readonly clock: Clock;
  /** Upper bound for the wait alone, milliseconds; the deadline of the call may end it sooner. */
  readonly timeoutMs: number;
  /** Most requests that may wait; one more fails at once. */
  readonly maxWaiting: number;
}

export interface PacedRpc extends JsonRpc {
  counts(): RateLimiterCounts;
}

/** HTTP's status for too many requests, and what JSON-RPC front ends make of it. */
const TOO_MANY: ReadonlySet<number> = new Set([429, -32429]);

/** A connection to one endpoint that is asked no more often than it may be, and less often when it complains. */
export function paceRpc(rpc: JsonRpc, { rates, clock, timeoutMs, maxWaiting }: PacedRpcOptions): PacedRpc {
  const limiter = createRateLimiter(rates, clock);

  /** What ends the call before it was made, if anything does. */
  async function wait(what: { readonly method: string; readonly urgent: boolean }, signal: AbortSignal): Promise<RpcReply | undefined> {
    if (limiter.waiting >= maxWaiting)
      return { kind: 'failed', progress: 'overflow', cause: new Error(`${limiter.waiting} wait for room within its rate`) };
    try {
      await withDeadline(timeoutMs, signal, (inner) => limiter.admit(what, inner), clock);
      return undefined;
    } catch (error) {
      const cause = error instanceof DeadlineExceeded ? new Error(`no room within its rate for ${error.ms} ms`, { cause: error }) : error;
      return { kind: 'failed', progress: 'queued', cause: cause instanceof Error ? cause : new Error(String(cause)) };
    }
  }

  return {
    async call(request, signal) {
      const { method, urgent = false } = request;
      const ended = limiter.admitNow(method) ? undefined : await wait({ method, urgent }, signal);
      if (ended !== undefined) return ended;
      const reply = await rpc.call(request, signal);
      if (isTooMany(reply)) limiter.refused();
      return reply;
    },
    async close() {
      limiter.close(new Stopped('the connection to the ledger is closed'));
      await rpc.close();
    },
    counts: limiter.counts,
  };
}

function isTooMany(reply: RpcReply): boolean {
  return (reply.kind === 'http-error' && TOO_MANY.has(reply.status)) || (reply.kind === 'rpc-error' && TOO_MANY.has(reply.code));
}

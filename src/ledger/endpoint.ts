import { AgentError, isAgentError } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';
import { EndpointHealth, type EndpointHealthOptions } from './endpoint-health.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import { badAnswer, EndpointFault, faultOf } from './faults.ts';
import { Malformed } from './json.ts';
import type { RpcReply, RpcRequest } from './json-rpc.ts';
import type { PacedRpc } from './paced-rpc.ts';
import type { RateLimiterCounts } from './rate-limiter.ts';

/** Reads the result of one method, or throws Malformed (or an AgentError that says more). */
export type ReadResult<T> = (result: unknown, endpoint: string) => T | Promise<T>;

/** One endpoint, as the methods of the ledger client use it. */
export interface Endpoint {
  readonly url: EndpointUrl;
  readonly health: EndpointHealth;
  /** One request, its result read. Throws EndpointFault, also when the signal was aborted: only the caller knows whose signal it is. */
  ask<T>(request: RpcRequest, read: ReadResult<T>, signal: AbortSignal): Promise<T>;
  /** The same for a method whose errors mean something: `read` is given whatever came of the request. */
  offer<T>(request: RpcRequest, read: (reply: RpcReply) => T, signal: AbortSignal): Promise<T>;
  /** What its rates have done. */
  counts(): RateLimiterCounts;
  close(): Promise<void>;
}

export function createEndpoint(url: EndpointUrl, rpc: PacedRpc, health: Omit<EndpointHealthOptions, 'name'>): Endpoint {
  const ownHealth = new EndpointHealth({ ...health, name: url.name });
  return {
    url,
    health: ownHealth,
    counts: rpc.counts,
    close: rpc.close,
    async ask(request, read, signal) {
      const askedAt = ownHealth.now;
      const reply = await rpc.call(request, signal);
      if (reply.kind !== 'result') throw faultOf(reply, url, request.method);
      try {
        const value = await read(reply.value, url.name);
        ownHealth.succeeded(request.method, askedAt);
        return value;
      } catch (error) {
        if (error instanceof Malformed) throw badAnswer(error.message, url, request.method);
        if (isAgentError(error)) throw new EndpointFault(error, { setAside: true, tryNext: true, mayHaveActed: true }, request.method);
        throw error;
      }
    },
    async offer(request, read, signal) {
      const askedAt = ownHealth.now;
      const value = read(await rpc.call(request, signal));
      ownHealth.succeeded(request.method, askedAt);
      return value;
    },
  };
}

/** More slots than this behind the others, and an endpoint's answers are too old to decide by. */
const MOST_SLOTS_BEHIND = 50n;
const SLOTS = 'slots';

/**
 * Notes the slot that an endpoint answered for. Throws an EndpointFault when the healthy others have been seen too far ahead of it. Lost
 * endpoints have no slot: the last one left is the truth there is, and a ledger that was set back does not condemn every endpoint.
 */
export function noteSlot(endpoint: Endpoint, at: Slot, all: readonly Endpoint[]): void {
  let behind = 0n;
  for (const { health } of all) {
    if (health !== endpoint.health && health.slot !== undefined && health.slot - at > behind) behind = health.slot - at;
  }
  if (behind > MOST_SLOTS_BEHIND) {
    const error = new AgentError('LEDGER__LAGGING', { endpoint: endpoint.url.name, slots: behind });
    throw new EndpointFault(error, { setAside: true, tryNext: true, mayHaveActed: false }, SLOTS);
  }
  if (!endpoint.health.healthy) return;
  endpoint.health.succeeded(SLOTS, endpoint.health.now);
  endpoint.health.reported(at);
}

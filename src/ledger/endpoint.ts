import { isAgentError } from '../lib/index.ts';
import { EndpointHealth, type EndpointHealthOptions } from './endpoint-health.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import type { AskedEndpoint } from './endpoint-work.ts';
import { badAnswer, EndpointFault, faultOf } from './faults.ts';
import { Malformed } from './json.ts';
import type { PacedRpc } from './paced-rpc.ts';
import type { RateLimiterCounts } from './rate-limiter.ts';

/** One endpoint, as those who choose among several see it. */
export interface Endpoint extends AskedEndpoint {
  readonly health: EndpointHealth;
  /** Whether it is one to ask: healthy, and no fault stands that it has to disprove. */
  readonly serves: boolean;
  /** The fault that only its own recheck takes away, where there is one. */
  readonly doubt: EndpointFault | undefined;
  setAside(fault: EndpointFault): void;
  /** Its recheck went well. */
  acquit(): void;
  /** What its rates have done. */
  counts(): RateLimiterCounts;
  close(): Promise<void>;
}

export function createEndpoint(url: EndpointUrl, rpc: PacedRpc, health: Omit<EndpointHealthOptions, 'name'>): Endpoint {
  const ownHealth = new EndpointHealth({ ...health, name: url.name });
  let doubt: EndpointFault | undefined;
  return {
    url,
    health: ownHealth,
    get serves() {
      return doubt === undefined && ownHealth.healthy;
    },
    get doubt() {
      return doubt;
    },
    setAside(fault) {
      ownHealth.failed(fault);
      if (fault.more.recheck !== undefined) doubt = fault;
    },
    acquit() {
      const topic = doubt?.topic;
      doubt = undefined;
      if (topic !== undefined) ownHealth.succeeded(topic, ownHealth.now);
    },
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

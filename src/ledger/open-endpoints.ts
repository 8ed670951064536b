import type { Clock } from '../lib/index.ts';
import type { RpcCall, Slot } from '../serviceability/index.ts';
import { readGenesisHash } from './cluster-check.ts';
import { parseEndpointUrls } from './endpoint-url.ts';
import { badAnswer, faultOf } from './faults.ts';
import { Malformed } from './json.ts';
import { createJsonRpc } from './json-rpc.ts';
import { readEpochInfo } from './read-results.ts';

/** One endpoint on its own, without failover: for what has to be known of each of them. */
export interface SingleEndpoint {
  /** Without anything secret of its URL. */
  readonly name: string;
  /** One request. Throws AgentError `LEDGER__…`, or the signal's reason. */
  readonly call: RpcCall;
  /** The slot that it has confirmed, and how long it took to say so. Throws as `call` does. */
  probe(signal: AbortSignal): Promise<EndpointProbe>;
  /** The genesis hash of its cluster, base58. Throws as `call` does. */
  genesisHash(signal: AbortSignal): Promise<string>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface EndpointProbe {
  readonly slot: Slot;
  /** From the request to the answer, milliseconds; the first one opens the connection, too. */
  readonly latencyMs: number;
}

export interface OpenEndpointsOptions {
  /** RPC URLs, http or https, at least one. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  /** Upper bound for one request, milliseconds. */
  readonly timeoutMs: number;
}

const CONNECTIONS = 2;
const MOST_WAITING = 64;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/** Opens each endpoint by itself. The first request opens the first socket. Throws TypeError for what is no URL of an RPC endpoint. */
export function openEndpoints({ urls, clock, timeoutMs }: OpenEndpointsOptions): readonly SingleEndpoint[] {
  return parseEndpointUrls(urls).map((url) => {
    const bounds = { connections: CONNECTIONS, maxWaiting: MOST_WAITING, timeoutMs, maxResponseBytes: MAX_RESPONSE_BYTES };
    const rpc = createJsonRpc({ url, clock, ...bounds });
    const call: RpcCall = async (method, params, signal) => {
      const reply = await rpc.call({ method, params }, signal);
      signal.throwIfAborted();
      if (reply.kind !== 'result') throw faultOf(reply, url, method).error;
      return reply.value;
    };
    const ask = async <T>(method: string, params: readonly unknown[], read: (result: unknown) => T, signal: AbortSignal): Promise<T> => {
      const result = await call(method, params, signal);
      try {
        return read(result);
      } catch (error) {
        throw error instanceof Malformed ? badAnswer(error.message, url, method).error : error;
      }
    };
    return {
      name: url.name,
      call,
      async probe(signal) {
        const askedAt = clock.monotonic();
        const { slot } = await ask('getEpochInfo', [{ commitment: 'confirmed' }], readEpochInfo, signal);
        return { slot, latencyMs: clock.monotonic() - askedAt };
      },
      genesisHash: (signal) => ask('getGenesisHash', [], readGenesisHash, signal),
      close: rpc.close,
    };
  });
}

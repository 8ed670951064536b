import { DeadlineExceeded } from '../lib/index.ts';
import { type EndpointTraffic, HttpJsonRpc, type JsonRpc, type JsonRpcOptions, type RpcReply } from '../rpc/index.ts';

/** Counters of the agent's parts since it was opened. */
export interface AgentCounts {
  /** In the order of the URLs. */
  readonly endpoints: readonly EndpointTraffic[];
  /** What each source and trigger received and dropped, by its name. */
  readonly dropCounters: readonly { readonly part: string; readonly counts: Readonly<Record<string, number>> }[];
}

/** How a request to an endpoint ended; a rejection by the program is an `rpc-error`, too. */
export const REQUEST_RESULTS = ['ok', 'rpc-error', 'http-error', 'garbled', 'failed'] as const;

/** One JSON-RPC request to one endpoint; each repeat and each failover is one. */
export interface RequestEvent {
  /** Its URL without secrets. */
  readonly endpoint: string;
  readonly method: string;
  readonly result: (typeof REQUEST_RESULTS)[number];
  readonly durationMs: number;
}

/** The size of one request or response body on the wire. */
export interface BytesEvent {
  readonly endpoint: string;
  readonly direction: 'sent' | 'received';
  readonly bytes: number;
}

/** Measures the traffic with the ledger. */
export interface LedgerMeter {
  request(event: RequestEvent): void;
  bytes(event: BytesEvent): void;
}

/** A connection to an endpoint that reports its traffic: each request when it has ended, except those that the caller aborted. */
export function createMeteredRpc(options: JsonRpcOptions, meter: LedgerMeter): JsonRpc {
  const { clock } = options;
  const endpoint = options.url.name;
  const rpc = new HttpJsonRpc({ ...options, onBytes: (direction, bytes) => meter.bytes({ endpoint, direction, bytes }) });
  return {
    async call(request, signal) {
      const from = clock.monotonic();
      const reply = await rpc.call(request, signal);
      if (!signal.aborted || signal.reason instanceof DeadlineExceeded)
        meter.request({ endpoint, method: request.method, result: resultOf(reply), durationMs: clock.monotonic() - from });
      return reply;
    },
    close: () => rpc.close(),
  };
}

const resultOf = ({ kind }: RpcReply): RequestEvent['result'] => (kind === 'result' ? 'ok' : kind);

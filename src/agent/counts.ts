import { DeadlineExceeded } from '../lib/index.ts';
import { createJsonRpc, type EndpointTraffic, type JsonRpc, type JsonRpcOptions, type RpcReply } from '../rpc/index.ts';

/** Figures that parts of an agent keep for themselves, each since the agent was opened. */
export interface AgentCounts {
  /** In the order of the URLs. */
  readonly endpoints: readonly EndpointTraffic[];
  /** What sources and wake-ups that count it received and made nothing of, by their name. */
  readonly dropCounters: readonly { readonly part: string; readonly counts: Readonly<Record<string, number>> }[];
}

/** How a request to an endpoint ended, as far as the endpoint's own words go; a refusal by the program is an `rpc-error`, too. */
export const REQUEST_RESULTS = ['ok', 'rpc-error', 'http-error', 'garbled', 'failed'] as const;

/** One JSON-RPC request to one endpoint, repeats and failovers each by themselves. */
export interface RequestEvent {
  /** Without anything secret of its URL. */
  readonly endpoint: string;
  readonly method: string;
  readonly result: (typeof REQUEST_RESULTS)[number];
  readonly durationMs: number;
}

/** Bodies of requests and answers, as they went over the wire. */
export interface BytesEvent {
  readonly endpoint: string;
  readonly direction: 'sent' | 'received';
  readonly bytes: number;
}

/** Listens to the traffic with the ledger. */
export interface LedgerMeter {
  request(event: RequestEvent): void;
  bytes(event: BytesEvent): void;
}

/** A connection to an endpoint that tells of its traffic: of each request when it has ended, but of none that nobody waits for any more. */
export function createMeteredRpc(options: JsonRpcOptions, meter: LedgerMeter): JsonRpc {
  const { clock } = options;
  const endpoint = options.url.name;
  const rpc = createJsonRpc({ ...options, onBytes: (direction, bytes) => meter.bytes({ endpoint, direction, bytes }) });
  return {
    async call(request, signal) {
      const from = clock.monotonic();
      const reply = await rpc.call(request, signal);
      if (!signal.aborted || signal.reason instanceof DeadlineExceeded)
        meter.request({ endpoint, method: request.method, result: resultOf(reply), durationMs: clock.monotonic() - from });
      return reply;
    },
    close: rpc.close,
  };
}

const resultOf = ({ kind }: RpcReply): RequestEvent['result'] => (kind === 'result' ? 'ok' : kind);

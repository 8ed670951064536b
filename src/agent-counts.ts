import type { EndpointTraffic, JsonRpc, RpcReply } from './ledger/index.ts';
import { type Clock, DeadlineExceeded } from './platform/index.ts';

/** Figures that parts of an agent keep for themselves, each since the agent was opened. */
export interface AgentCounts {
  /** In the order of the URLs. */
  readonly endpoints: readonly EndpointTraffic[];
  /** What sources and wake-ups that count it received and made nothing of, by their name. */
  readonly leftOut: readonly { readonly part: string; readonly counts: Readonly<Record<string, number>> }[];
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

export interface MeterOptions {
  readonly endpoint: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onRequest: (event: RequestEvent) => void;
}

/** The same connection, each of its requests told when it has ended; those that nobody waits for any more are not. */
export function meterRequests(rpc: JsonRpc, { endpoint, clock, onRequest }: MeterOptions): JsonRpc {
  return {
    async call(request, signal) {
      const from = clock.monotonic();
      const reply = await rpc.call(request, signal);
      if (!signal.aborted || signal.reason instanceof DeadlineExceeded)
        onRequest({ endpoint, method: request.method, result: resultOf(reply), durationMs: clock.monotonic() - from });
      return reply;
    },
    close: rpc.close,
  };
}

const resultOf = ({ kind }: RpcReply): RequestEvent['result'] => (kind === 'result' ? 'ok' : kind);

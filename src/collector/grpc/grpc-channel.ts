import type * as Grpc from '@grpc/grpc-js';
import { AgentError, DeadlineExceeded, Stopped, withDeadline } from '../../lib/index.ts';
import { stream, unary } from './grpc-calls.ts';
import { grpcError } from './grpc-errors.ts';

export interface GrpcChannelOptions {
  /** As it appears in messages, such as `grpc://127.0.0.1:9543`. */
  readonly endpoint: string;
  /** `host:port`. */
  readonly address: string;
  /** Upper bound for one call and its answer, milliseconds; a watch has none. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

export interface GrpcChannel {
  /** One request, one answer. Throws AgentError `GRPC__…`, or the signal's reason. */
  call(method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer>;
  /**
   * One request, and answers until the signal aborts, which rejects with its reason; the end of the stream, with an error or without, rejects
   * with an AgentError `GRPC__…`.
   */
  watch(method: string, request: Uint8Array, onMessage: (message: Buffer) => void, signal: AbortSignal): Promise<never>;
  /** Whether there is a connection now, which a stream that says nothing does not tell. */
  isConnected(): boolean;
  close(): Promise<void>;
}

/** Nothing of a switch's loopback listener is asked of proxies or name servers, and whoever calls decides how soon to try again. */
const CHANNEL_OPTIONS = {
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // A watch of a switch that was cut off would be silent for ever. Servers take pings more often than each five minutes for abuse.
  'grpc.keepalive_time_ms': 330_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/**
 * gRPC to one address, in clear text: EosSdkRpc has no other on its loopback listener. The library is loaded with the first call, and the
 * connection opened; one that failed or went silent is given up, so that the next call finds a new one.
 */
export function createGrpcChannel({ endpoint, address, timeoutMs, maxAnswerBytes }: GrpcChannelOptions): GrpcChannel {
  let closed = false;
  let current: { readonly grpc: typeof Grpc; readonly client: Grpc.Client; served: boolean } | undefined;

  async function connection(): Promise<NonNullable<typeof current>> {
    const grpc = await import('@grpc/grpc-js');
    if (closed) throw new Stopped(`the channel to ${endpoint} is closed`);
    current ??= {
      grpc,
      client: new grpc.Client(address, grpc.credentials.createInsecure(), {
        ...CHANNEL_OPTIONS,
        'grpc.max_receive_message_length': maxAnswerBytes,
      }),
      served: false,
    };
    return current;
  }

  function giveUp(given: NonNullable<typeof current>): void {
    given.client.close();
    if (current === given) current = undefined;
  }

  async function exchange(method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    const used = await connection();
    try {
      const answer = await unary(used.client, method, request, signal);
      used.served = true;
      return answer;
    } catch (error) {
      if (signal.aborted) {
        if (signal.reason instanceof DeadlineExceeded) giveUp(used);
        throw error;
      }
      const failure = grpcError(error, used.grpc, { endpoint, method });
      if (failure.code === 'GRPC__UNREACHABLE') {
        giveUp(used);
        // The switch's agent may have restarted since the last call: a show command may be run twice.
        if (used.served) return exchange(method, request, signal);
      }
      throw failure;
    }
  }

  return {
    async call(method, request, signal) {
      signal.throwIfAborted();
      try {
        return await withDeadline(timeoutMs, signal, (inner) => exchange(method, request, inner));
      } catch (error) {
        if (signal.aborted || !(error instanceof DeadlineExceeded)) throw error;
        throw new AgentError('GRPC__TIMEOUT', { endpoint, ms: error.ms }, { cause: error });
      }
    },
    async watch(method, request, onMessage, signal) {
      signal.throwIfAborted();
      const used = await connection();
      try {
        return await stream(used.client, method, request, onMessage, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        giveUp(used);
        throw grpcError(error, used.grpc, { endpoint, method });
      }
    },
    isConnected() {
      if (current === undefined) return false;
      return current.client.getChannel().getConnectivityState(false) === current.grpc.connectivityState.READY;
    },
    async close() {
      closed = true;
      current?.client.close();
      current = undefined;
    },
  };
}

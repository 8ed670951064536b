import type * as Grpc from '@grpc/grpc-js';
import type { StreamDecoder } from '@grpc/grpc-js/build/src/stream-decoder.js';
import {
  AgentError,
  DeadlineExceeded,
  describeError,
  isAgentError,
  oneLine,
  Stopped,
  untilAborted,
  withDeadline,
} from '../../lib/index.ts';
import type * as Messages from './messages.ts';

/** The switch ended a stream without an error, which it should not. */
class StreamEnded extends Error {
  override readonly name = 'StreamEnded';
  constructor() {
    super('the switch ended it');
  }
}

/** Frames of an unfinished message that are kept apart. */
const MAX_FRAMES = 256;

/**
 * grpc-js keeps each frame of an unfinished message as a Buffer of its own, so that frames of one byte take 150 times their size. From here on they
 * are joined as they come.
 */
function joinFrames({ prototype }: typeof StreamDecoder): void {
  const { write } = prototype;
  if (write.name === 'joiningWrite') return;
  prototype.write = function joiningWrite(data) {
    const messages = write.call(this, data);
    const frames: unknown = Reflect.get(this, 'readPartialMessage');
    if (!Array.isArray(frames)) return messages;
    const apart = frames.length - frames.findLastIndex((frame: Buffer) => frame.length >= MAX_FRAMES) - 1;
    if (apart >= MAX_FRAMES) frames.push(Buffer.concat(frames.splice(-apart)));
    return messages;
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** One request and its answer; the call is canceled, and rejects with the reason, when the signal aborts. */
function unary(client: Grpc.Client, method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  let call: Grpc.ClientUnaryCall | undefined;
  const answered = new Promise<Buffer>((resolve, reject) => {
    call = client.makeUnaryRequest<Uint8Array, Buffer>(
      method,
      asBuffer,
      (bytes) => bytes,
      request,
      (error, answer) => {
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new Error('an answer without a message'));
        else resolve(answer);
      },
    );
  });
  return untilAborted(answered, signal, () => call?.cancel());
}

/** One request and the messages of its stream. Never resolves: it rejects with what ended it, or with the signal's reason. */
function stream(
  client: Grpc.Client,
  method: string,
  request: Uint8Array,
  onMessage: (message: Buffer) => void,
  signal: AbortSignal,
): Promise<never> {
  const call = client.makeServerStreamRequest<Uint8Array, Buffer>(method, asBuffer, (bytes) => bytes, request);
  call.on('data', (message: unknown) => {
    if (Buffer.isBuffer(message)) onMessage(message);
  });
  const ended = new Promise<never>((_, reject) => {
    call.on('error', reject);
    call.on('end', () => reject(new StreamEnded()));
  });
  return untilAborted(ended, signal, () => call.cancel());
}

interface Call {
  readonly endpoint: string;
  readonly method: string;
}

/** The AgentError `GRPC__…` of a failed call, by its status. */
function grpcError(error: unknown, { status }: Pick<typeof Grpc, 'status'>, { endpoint, method }: Call): AgentError {
  if (isAgentError(error)) return error;
  if (error instanceof StreamEnded) return new AgentError('GRPC__WATCH_ENDED', { endpoint, problem: error.message }, { cause: error });
  const { code, details } = serviceError(error);
  // The library's text names every address that it tried; the beginning is enough.
  const problem = oneLine(details).replace(/\.? Resolution note:$/, '');
  // The library's message repeats the status and this text, so it adds nothing as a cause.
  switch (code) {
    case status.UNAVAILABLE:
      return new AgentError('GRPC__UNREACHABLE', { endpoint, problem });
    case status.UNIMPLEMENTED:
      return new AgentError('GRPC__NOT_SERVED', { endpoint, method, problem });
    case status.RESOURCE_EXHAUSTED:
      return new AgentError('GRPC__EXHAUSTED', { endpoint, problem });
    default:
      return new AgentError('GRPC__FAILED', { endpoint, method, status: code === undefined ? 'no status' : `${status[code]}`, problem });
  }
}

/** The status of a failed call; its code is undefined for an error of another kind. */
function serviceError(error: unknown): { readonly code?: number; readonly details: string } {
  if (!(error instanceof Error)) return { details: describeError(error) };
  const details = 'details' in error && typeof error.details === 'string' && error.details !== '' ? error.details : describeError(error);
  return { code: 'code' in error && typeof error.code === 'number' ? error.code : undefined, details };
}

interface GrpcChannelOptions {
  /** As it appears in messages, such as `grpc://127.0.0.1:9543`. */
  readonly endpoint: string;
  /** `host:port`. */
  readonly address: string;
  /** Upper bound for one call and its answer, milliseconds; a watch has none. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** A switch's loopback listener needs neither proxies nor service configurations from DNS; the caller decides how soon to try again. */
const CHANNEL_OPTIONS = {
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // Without pings, a watch of a switch that was cut off would be silent for ever. Servers treat more than one ping in five minutes as abuse.
  'grpc.keepalive_time_ms': 330_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/** A connection, and whether it has answered a call. */
interface Connection {
  readonly grpc: (typeof Grpc)['default'];
  readonly client: Grpc.Client;
  served: boolean;
}

/**
 * gRPC to one address, in clear text: EosSdkRpc offers only that on its loopback listener. The first call loads the library and opens the
 * connection. A connection that failed or went silent is closed, so that the next call opens a new one.
 */
export class GrpcChannel {
  readonly #options: GrpcChannelOptions;
  #isClosed = false;
  #current: Connection | undefined;

  constructor(options: GrpcChannelOptions) {
    this.#options = options;
  }

  /** One request, one answer. Throws AgentError `GRPC__…`, or the signal's reason. */
  async call(method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const { endpoint, timeoutMs } = this.#options;
    try {
      return await withDeadline(timeoutMs, signal, (inner) => this.#exchange(method, request, inner));
    } catch (error) {
      if (signal.aborted || !(error instanceof DeadlineExceeded)) throw error;
      throw new AgentError('GRPC__TIMEOUT', { endpoint, ms: error.ms }, { cause: error });
    }
  }

  /**
   * One request, and answers until the signal aborts, which rejects with its reason; the end of the stream, with an error or without, rejects
   * with an AgentError `GRPC__…`.
   */
  async watch(method: string, request: Uint8Array, onMessage: (message: Buffer) => void, signal: AbortSignal): Promise<never> {
    signal.throwIfAborted();
    const used = await this.#connection();
    try {
      return await stream(used.client, method, request, onMessage, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#giveUp(used);
      throw grpcError(error, used.grpc, { endpoint: this.#options.endpoint, method });
    }
  }

  /** Whether there is a connection now, which a silent stream does not show. */
  isConnected(): boolean {
    if (this.#current === undefined) return false;
    const { grpc, client } = this.#current;
    return client.getChannel().getConnectivityState(false) === grpc.connectivityState.READY;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#current?.client.close();
    this.#current = undefined;
  }

  async #connection(): Promise<Connection> {
    const { endpoint, address, maxAnswerBytes } = this.#options;
    // A bundle gives a CommonJS package its default export only.
    const { default: grpc } = await import('@grpc/grpc-js');
    const { default: decoder } = await import('@grpc/grpc-js/build/src/stream-decoder.js');
    joinFrames(decoder.StreamDecoder);
    if (this.#isClosed) throw new Stopped(`the channel to ${endpoint} is closed`);
    const options = { ...CHANNEL_OPTIONS, 'grpc.max_receive_message_length': maxAnswerBytes };
    this.#current ??= { grpc, client: new grpc.Client(address, grpc.credentials.createInsecure(), options), served: false };
    return this.#current;
  }

  #giveUp(used: Connection): void {
    used.client.close();
    if (this.#current === used) this.#current = undefined;
  }

  async #exchange(method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    const used = await this.#connection();
    try {
      const answer = await unary(used.client, method, request, signal);
      used.served = true;
      return answer;
    } catch (error) {
      if (signal.aborted) {
        if (signal.reason instanceof DeadlineExceeded) this.#giveUp(used);
        throw error;
      }
      const failure = grpcError(error, used.grpc, { endpoint: this.#options.endpoint, method });
      // What the switch still has to send of an answer beyond the bound would hold up the next call.
      if (failure.code === 'GRPC__EXHAUSTED') this.#giveUp(used);
      if (failure.code === 'GRPC__UNREACHABLE') {
        this.#giveUp(used);
        // The switch's agent may have restarted since the last call: a show command may be run twice.
        if (used.served) return this.#exchange(method, request, signal);
      }
      throw failure;
    }
  }
}

/** Loads the messages and the library that reads them, only where gRPC is used. */
export const loadMessages = (): Promise<typeof Messages> => import('./messages.ts');

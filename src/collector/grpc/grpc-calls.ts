import type * as Grpc from '@grpc/grpc-js';

/** The switch ended a stream in good order, which it is not meant to. */
export class StreamEnded extends Error {
  override readonly name = 'StreamEnded';
  constructor() {
    super('the switch ended it');
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

/** One request and its answer; the call is cancelled, and rejects with the reason, when the signal aborts. */
export function unary(client: Grpc.Client, method: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      call.cancel();
      reject(signal.reason);
    };
    const call = client.makeUnaryRequest<Uint8Array, Buffer>(
      method,
      asBuffer,
      (bytes) => bytes,
      request,
      (error, answer) => {
        signal.removeEventListener('abort', onAbort);
        if (error !== null) reject(error);
        else if (answer === undefined) reject(new Error('an answer without a message'));
        else resolve(answer);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** One request and the messages of its stream. Never resolves: it rejects with what ended it, or with the signal's reason. */
export function stream(
  client: Grpc.Client,
  method: string,
  request: Uint8Array,
  onMessage: (message: Buffer) => void,
  signal: AbortSignal,
): Promise<never> {
  return new Promise((_, reject) => {
    const call = client.makeServerStreamRequest<Uint8Array, Buffer>(method, asBuffer, (bytes) => bytes, request);
    const over = (reason: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      reject(reason);
    };
    const onAbort = (): void => {
      call.cancel();
      over(signal.reason);
    };
    call.on('data', (message: unknown) => {
      if (Buffer.isBuffer(message)) onMessage(message);
    });
    call.on('error', over);
    call.on('end', () => over(new StreamEnded()));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** The status codes of gRPC that this face uses. */
export const GRPC = { ok: 0, invalidArgument: 3, resourceExhausted: 8, unimplemented: 12, internal: 13 } as const;

/** One call: its message has been read, answers go out one by one, and `end` sends the status. */
export interface GrpcCall {
  readonly request: Buffer;
  /** Sends one message. */
  send(message: Buffer): void;
  end(code: number, text?: string): void;
  /** Sends the first half of one message, and then nothing of this connection any more. */
  sendCut(message: Buffer): void;
  /** Answers as something that is no gRPC server would. */
  endAsWebPage(status: number): void;
  /** Runs once, when the call is over for whatever reason. */
  onClose(listener: () => void): void;
}

export interface GrpcListenerOptions {
  /** Serves a call by its full method name, such as `/eos.remote.EapiMgrService/run_show_cmd`. */
  readonly onCall: (method: string, call: GrpcCall) => void;
  /** Connections are hung up on as they arrive while this is true. */
  readonly refuses: () => boolean;
  readonly onBytes: (sent: number) => void;
}

export interface GrpcListener {
  /** Listens on loopback; 0 is a free port. Resolves with the port. */
  listen(port: number): Promise<number>;
  openConnections(): number;
  hangUp(): void;
  close(): Promise<void>;
}

/** No request of a reader of BGP comes near; more is refused. */
const MAX_REQUEST_BYTES = 1 << 16;
/** gRPC puts a flag (not compressed) and the length in front of each message. */
const PREFIX_BYTES = 5;

/** gRPC over cleartext HTTP/2, as EosSdkRpc speaks it on its loopback listener. */
export function createGrpcListener({ onCall, refuses, onBytes }: GrpcListenerOptions): GrpcListener {
  const server: Http2Server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  // As gRPC servers do: an answer is headers, data and trailers, and none of them should wait for the acknowledgement of another.
  server.on('connection', (socket: Socket) => socket.setNoDelay(true));
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    // A peer that resets the connection is no error of ours.
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
    if (refuses()) session.destroy();
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
    });
    stream.once('end', () => {
      const call = callOf(stream, Buffer.concat(chunks));
      const framed = Buffer.concat(chunks);
      if (size > MAX_REQUEST_BYTES) call.end(GRPC.resourceExhausted, 'the request is too large');
      else if (framed.byteLength < PREFIX_BYTES || framed.readUInt32BE(1) !== framed.byteLength - PREFIX_BYTES || framed[0] !== 0)
        call.end(GRPC.internal, 'the request is not framed as one message');
      else onCall(headers[':path'] ?? '', call);
    });
  });

  function callOf(stream: ServerHttp2Stream, framed: Buffer): GrpcCall {
    let responded = false;
    const respond = (): void => {
      if (responded || stream.destroyed) return;
      responded = true;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    };
    const write = (bytes: Buffer, then: () => void = () => undefined): void => {
      respond();
      if (stream.destroyed) return;
      onBytes(bytes.byteLength);
      stream.write(bytes, then);
    };
    const frame = (message: Buffer): Buffer => {
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32BE(message.byteLength, 1);
      return Buffer.concat([prefix, message]);
    };
    return {
      request: framed.subarray(PREFIX_BYTES),
      send: (message) => write(frame(message)),
      sendCut(message) {
        const framedAnswer = frame(message);
        write(framedAnswer.subarray(0, framedAnswer.byteLength >> 1), () => stream.session?.destroy());
      },
      end(code, text = '') {
        if (stream.destroyed) return;
        const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(text) };
        if (!responded) {
          stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
          return;
        }
        stream.once('wantTrailers', () => stream.sendTrailers(trailers));
        stream.end();
      },
      endAsWebPage(status) {
        if (stream.destroyed) return;
        stream.respond({ ':status': status, 'content-type': 'text/html' });
        stream.end('<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>');
      },
      onClose: (listener) => void stream.once('close', listener),
    };
  }

  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: '127.0.0.1', port }, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      }),
    openConnections: () => sessions.size,
    hangUp() {
      for (const session of sessions) session.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

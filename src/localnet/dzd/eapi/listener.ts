import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';

export interface ListenerOptions {
  readonly onRequest: RequestListener;
  /** Serves HTTPS with this key and certificate, PEM. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Connections are hung up on as they arrive while this is true. */
  readonly refuses: () => boolean;
  readonly onConnection: () => void;
}

export interface Listener {
  /** Listens on a port (0: a free one), or on a Unix socket; answers with the port, 0 for a socket. */
  listen(at: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<number>;
  openConnections(): number;
  /** Hangs up on everybody who is connected; others may come. */
  hangUp(): void;
  /** Hangs up on everybody and stops listening. */
  close(): Promise<void>;
}

/** An HTTP server that knows its connections, so that it can end them. */
export function createListener({ onRequest, tls, refuses, onConnection }: ListenerOptions): Listener {
  const server: Server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  const open = new Set<Socket>();
  // As on a switch, whose web server keeps an idle connection for over a minute.
  server.keepAliveTimeout = 75_000;
  server.on('connection', (socket: Socket) => {
    onConnection();
    open.add(socket);
    // A peer that resets the connection is no error of ours.
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
    if (refuses()) socket.destroy();
  });

  const hangUp = (): void => {
    for (const socket of open) socket.destroy();
  };

  return {
    listen: (at) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(at, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : 0);
        });
      }),
    openConnections: () => open.size,
    hangUp,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        hangUp();
      }),
  };
}

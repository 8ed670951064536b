import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Bounds the connections that a server holds. One more than `most` ends the one that has been quiet for longest, rather than being refused: who
 * opens a thousand and says nothing must not keep the others out.
 */
export function boundConnections(server: Server, most: number): void {
  /** In the order of their last request, the quietest first. */
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= most) return;
    const [quietest] = open;
    if (quietest === undefined) return;
    open.delete(quietest);
    quietest.destroy();
  });
  server.on('request', ({ socket }) => {
    if (open.delete(socket)) open.add(socket);
  });
}

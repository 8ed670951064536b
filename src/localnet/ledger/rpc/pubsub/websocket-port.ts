import { createServer, type Server } from 'node:http';
import type { PubsubServer } from './pubsub-server.ts';

const LAST_PORT = 65_535;

/**
 * Serves subscriptions at the port after that of the HTTP side as well, where Solana's clients look for them unless told otherwise. undefined when
 * somebody else has that port: it is a courtesy, the HTTP port serves them too.
 */
export async function serveNextPort(pubsub: PubsubServer, httpPort: number): Promise<Server | undefined> {
  if (httpPort >= LAST_PORT) return undefined;
  const server = createServer((_, response) => {
    response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' });
    response.end('this port is for WebSockets');
  });
  server.on('upgrade', pubsub.upgrade);
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(httpPort + 1, '127.0.0.1', () => resolve(server));
  });
}

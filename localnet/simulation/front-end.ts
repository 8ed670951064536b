import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../src/lib/index.ts';
import type { HttpAnswer, Outcome } from './network.ts';
import type { Prng } from './plan.ts';

interface FrontEndOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  /** What becomes of one request. */
  readonly exchange: (body: string, request: IncomingMessage) => Promise<Outcome>;
  /** Whether connections are refused. */
  readonly isDown: () => boolean;
}

/** An HTTP proxy on a port of 127.0.0.1 that stays its own: while it is down nothing listens there. */
export interface FrontEnd {
  readonly url: string;
  close(): Promise<void>;
}

const WATCH_MS = 100;
/** A share of the answers comes in pieces, as over a slow line. */
const IN_PIECES = 0.2;
const MOST_PIECES = 6;

/** Carries out over real sockets what `exchange` decides: whole answers, answers in pieces, cut and reset connections, silence. */
export async function startFrontEnd({ clock, prng, exchange, isDown }: FrontEndOptions): Promise<FrontEnd> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.keepAliveTimeout = 19_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    response.on('error', () => undefined);
    const outcome = await exchange(Buffer.concat(chunks).toString(), incoming);
    switch (outcome.kind) {
      case 'answer':
        return answer(outcome.answer, response);
      case 'cut':
        if (outcome.within !== undefined) {
          const bytes = head(outcome.within, response);
          response.write(bytes.subarray(0, Math.floor(bytes.length * prng.random())));
          await clock.sleep(prng.between(0, 50));
        }
        if (prng.chance(0.5)) incoming.socket.resetAndDestroy();
        else incoming.socket.destroy();
        return;
      case 'refused':
        incoming.socket.resetAndDestroy();
        return;
      case 'silence':
        return;
    }
  }

  async function answer(whole: HttpAnswer, response: ServerResponse): Promise<void> {
    const bytes = head(whole, response);
    const pieces = prng.chance(IN_PIECES) ? prng.whole(2, MOST_PIECES) : 1;
    const size = Math.max(1, Math.ceil(bytes.length / pieces));
    for (let at = 0; at + size < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      await clock.sleep(prng.between(0, 100));
    }
    response.end(bytes.subarray(Math.max(0, Math.ceil(bytes.length / size) - 1) * size));
  }

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  let isClosed = false;
  const watching = (async () => {
    while (!isClosed) {
      if (isDown() && server.listening) {
        server.close();
        for (const socket of sockets) socket.resetAndDestroy();
      } else if (!isDown() && !server.listening) await listen(port).catch(() => undefined);
      await clock.sleep(WATCH_MS);
    }
  })();
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      isClosed = true;
      await watching;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Writes status and headers; returns the body. */
function head({ status, headers = {}, body }: HttpAnswer, response: ServerResponse): Buffer {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': bytes.length });
  return bytes;
}

/** Passes a request on to a server behind the front end; rejects when that refuses or cuts the connection. */
export function passOn(origin: string, { method, url, headers }: IncomingMessage, body: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const upstream = request(new URL(url ?? '/', origin), { method, headers: { ...headers, host: new URL(origin).host }, agent: false });
    upstream.on('error', reject).on('response', async (response) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk);
        const { statusCode: status = 502 } = response;
        const type = response.headers['content-type'] ?? 'application/json';
        const cookie = response.headers['set-cookie']?.[0];
        resolve({
          status,
          headers: { 'content-type': type, ...(cookie === undefined ? {} : { 'set-cookie': cookie }) },
          body: Buffer.concat(chunks).toString(),
        });
      } catch (error) {
        reject(error);
      }
    });
    upstream.end(body);
  });
}

import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer } from 'node:net';

/** Passes everything on to another port of loopback and counts it, both ways. */
export interface Relay {
  readonly port: number;
  bytes(): number;
}

export async function tcpRelay(to: number): Promise<Relay> {
  let bytes = 0;
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: to, host: '127.0.0.1', noDelay: true });
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => {
        bytes += chunk.length;
      });
      from.pipe(into);
      from.on('error', () => into.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // It ends with the process, and keeps none alive.
  server.unref();
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, bytes: () => bytes };
}

export async function udpRelay(to: number): Promise<Relay> {
  let bytes = 0;
  const near = createSocket('udp4');
  const far = new Map<number, Socket>();
  near.on('message', (datagram, { port, address }) => {
    bytes += datagram.byteLength;
    let socket = far.get(port);
    if (socket === undefined) {
      socket = createSocket('udp4');
      socket.on('message', (answer) => {
        bytes += answer.byteLength;
        near.send(answer, port, address);
      });
      far.set(port, socket);
    }
    socket.send(datagram, to, '127.0.0.1');
  });
  await new Promise<void>((resolve) => near.bind(0, '127.0.0.1', resolve));
  return { port: near.address().port, bytes: () => bytes };
}

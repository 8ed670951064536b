import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';

/** What net-snmp uses of a UDP socket. */
type Sent = (error: Error | null, bytes: number) => void;

/**
 * Stands between net-snmp and the network, given to it through its option `dgramModule`. The library hands out answers that are not
 * authenticated, asks nobody who sent them, and throws out of its listener at some that are malformed; so it gets to see only what `admit` lets
 * through, and what it throws ends here.
 */
export class FencedSocket extends EventEmitter {
  readonly #socket: Socket;

  /** `onThrow` hears what the library threw at a datagram that was let through. */
  constructor(family: 'udp4' | 'udp6', admit: (datagram: Buffer, from: RemoteInfo) => boolean, onThrow: () => void) {
    super();
    this.#socket = createSocket(family);
    this.#socket.on('message', (datagram, from) => {
      try {
        if (admit(datagram, from)) this.emit('message', datagram, from);
      } catch {
        onThrow();
      }
    });
    this.#socket.on('close', () => this.emit('close'));
    this.#socket.on('error', () => {
      // Errors of sending come to the callback of `send`; a request without an answer ends by its deadline.
    });
  }

  send(bytes: Buffer, offset: number, length: number, port: number, address: string, sent: Sent): void {
    this.#socket.send(bytes, offset, length, port, address, sent);
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }

  close(): this {
    this.#socket.close();
    return this;
  }
}

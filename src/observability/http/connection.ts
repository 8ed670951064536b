import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A request for a page has a few hundred bytes. */
export const MAX_HEAD_BYTES = 8 * 1024;

interface ConnectionLimits {
  /** From the last answer, or the connection, to the end of the next request, milliseconds. */
  readonly requestTimeoutMs: number;
  /** From an answer's first byte until its last one has left this process, milliseconds. */
  readonly answerTimeoutMs: number;
}

/**
 * A client's connection as the HTTP server sees it: the next request arrives when the answer to the one before has left. Node itself would parse
 * all that a client pipelined at once, which holds the event loop, and keep the answers until they are read.
 *
 *   socket ──► head of one request, in time ──► parser ──► answer, read in time ──► next head
 */
export class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  #received: Buffer = Buffer.alloc(0);
  #isAsking = true;
  #hasEnded = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limits: ConnectionLimits) {
    super();
    this.#socket = socket.setNoDelay(true);
    this.#limits = limits;
    this.#closeAfter(limits.requestTimeoutMs);
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#admit();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#admit();
    });
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** A request has arrived; building its answer may take any time. */
  asked(): void {
    clearTimeout(this.#deadline);
  }

  /** The answer is about to be written. */
  answering(): void {
    if (this.destroyed) return;
    this.#closeAfter(this.#limits.answerTimeoutMs);
  }

  /** The answer has left: the next request may come, in the next turn of the event loop. */
  answered(): void {
    if (this.destroyed) return;
    this.#closeAfter(this.#limits.requestTimeoutMs);
    setImmediate(() => {
      this.#isAsking = true;
      this.#admit();
      if (this.#isAsking) this.#socket.resume();
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.destroySoon();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#deadline);
    this.#socket.destroy();
    done(error);
  }

  /** Hands the parser the next request, once it is complete. */
  #admit(): void {
    if (!this.#isAsking || this.destroyed) return;
    let start = 0;
    while (this.#received[start] === 0x0d || this.#received[start] === 0x0a) start += 1;
    const end = endOfHead(this.#received, start);
    if (end === undefined) {
      if (this.#received.length > MAX_HEAD_BYTES) this.destroy();
      else if (this.#hasEnded) this.push(null);
      return;
    }
    this.#isAsking = false;
    this.#socket.pause();
    const head = this.#received.subarray(start, end);
    this.#received = this.#received.subarray(end);
    this.push(head);
  }

  #closeAfter(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.destroy(), ms);
  }
}

/** The offset behind the empty line that ends the head of a request. */
function endOfHead(bytes: Buffer, start: number): number | undefined {
  const found = ['\n\r\n', '\n\n'].map((mark) => ({ at: bytes.indexOf(mark, start, 'latin1'), length: mark.length }));
  const ends = found.filter(({ at }) => at >= 0).map(({ at, length }) => at + length);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

import { Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import { buildConnector, Pool } from '../lib/http.ts';
import { Stopped } from '../lib/index.ts';
import { type AddressBook, createAddressBook, type Resolve } from './address-book.ts';

export interface HttpPoolOptions {
  readonly origin: string;
  /** Most sockets. */
  readonly connections: number;
  /** For the connection, for the headers and between two pieces of the body, milliseconds. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly resolve: Resolve;
}

/** Keep-alive sockets to one host, whichever of its addresses works. */
export interface HttpPool {
  /** What requests go through now; hand it back to `leave` when they fail. */
  current(): Dispatcher;
  /**
   * A request through `dispatcher` failed for want of an answer: the address in use is avoided, and new requests get new sockets. Several
   * failures of the same sockets count once. No effect for a host that is an address: there is nowhere else to go.
   */
  leave(dispatcher: Dispatcher): void;
  /** The address that requests through `dispatcher` go to, or went to; see `AddressBook.inUse`. */
  addressOf(dispatcher: Dispatcher): string | undefined;
  close(): Promise<void>;
}

/** How long one address may take to connect before the next one is tried beside it (RFC 8305 section 5). */
const NEXT_ADDRESS_AFTER_MS = 250;

export function createHttpPool(options: HttpPoolOptions): HttpPool {
  const book = createAddressBook(new URL(options.origin).hostname, options.resolve);
  const retired = new Set<Pool>();
  const left = new WeakMap<Dispatcher, string>();
  let pool = openPool(options, book);
  let isClosed = false;

  return {
    current: () => pool,
    leave(dispatcher) {
      if (dispatcher !== pool || !book.isName || isClosed) return;
      if (book.inUse !== undefined) left.set(pool, book.inUse);
      book.failed();
      const old = pool;
      pool = openPool(options, book);
      retired.add(old);
      // What is under way in it ends by its own deadline.
      void old.close().finally(() => retired.delete(old));
    },
    addressOf: (dispatcher) => left.get(dispatcher) ?? book.inUse,
    async close() {
      isClosed = true;
      const reason = new Stopped('the connection to the ledger is closed');
      await Promise.all([pool, ...retired].map((one) => (one.destroyed ? undefined : one.destroy(reason))));
    },
  };
}

function openPool({ origin, connections, timeoutMs, maxResponseBytes }: HttpPoolOptions, book: AddressBook): Pool {
  const connect = buildConnector({
    timeout: timeoutMs,
    lookup: book.lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
  });
  return new Pool(origin, {
    connections,
    pipelining: 1,
    // One second less than the 20 s after which common RPC front ends close an idle connection.
    keepAliveTimeout: 19_000,
    keepAliveMaxTimeout: 19_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: maxResponseBytes,
    connect: (target, callback) => {
      const socket: unknown = connect(target, callback);
      if (socket instanceof Socket) book.watch(socket);
    },
  });
}

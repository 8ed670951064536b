import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import * as z from 'zod';
import { type Clock, describeError, Stopped } from '../../src/lib/index.ts';
import { type Address, lamports, SYSTEM_PROGRAM_ID } from '../../src/serviceability/index.ts';
import type { BankView, Commitment, Replica } from './bank.ts';
import { accountPredicate, encodeAccount, programConfig } from './rpc-encoding.ts';
import {
  type AccountConfig,
  accountConfig,
  addressParam,
  answerError,
  answerResult,
  contextConfig,
  type Endpoint,
  invalidParams,
  parseBody,
  RpcCode,
  RpcError,
  type RpcRequest,
  type RpcResponse,
  readParams,
  signatureParam,
  stringifyJson,
  withContext,
} from './rpc-types.ts';
import { type Account, createAccount } from './runtime.ts';
import type { AccountWrite } from './stores.ts';

type SubscriptionKind = 'account' | 'program' | 'signature' | 'slot';

/** Changes since the last poll, at one commitment. */
interface Update {
  readonly replica: Replica;
  readonly view: BankView;
  readonly writes: readonly AccountWrite[];
  /** New blocks, oldest first, whatever the commitment. */
  readonly blocks: readonly { readonly slot: number; readonly parent: number }[];
}

interface Subscription {
  readonly kind: SubscriptionKind;
  readonly commitment: Commitment;
  /** The values to notify of, in order. */
  read(updates: Update): readonly unknown[];
  /** It ends with its first notification. */
  readonly once: boolean;
}

const TOO_LONG = 'error: data too large for bs58 encoding';
const signatureConfig = contextConfig.extend({ enableReceivedNotification: z.boolean().nullish() });

/** Reads the parameters of `accountSubscribe`, `programSubscribe`, `signatureSubscribe` and `slotSubscribe`. Throws RpcError -32602. */
const SUBSCRIBE: Readonly<Record<string, (endpoint: Endpoint, params: readonly unknown[]) => Subscription>> = {
  accountSubscribe(endpoint, params) {
    const [address, config] = readParams(z.tuple([addressParam, accountConfig.nullish()]), params);
    return {
      kind: 'account',
      commitment: config?.commitment ?? 'finalized',
      once: false,
      read: ({ view, writes }) =>
        writes
          .filter((write) => write.address === address)
          .map(({ account }) => withContext(view, notified(seenBy(endpoint, address, account), config?.encoding, config?.dataSlice))),
    };
  },
  /** Closed accounts belong to the system program, so they are not notified, as on a node. */
  programSubscribe(endpoint, params) {
    const [program, config] = readParams(z.tuple([addressParam, programConfig.nullish()]), params);
    const passes = accountPredicate(config ?? {});
    return {
      kind: 'program',
      commitment: config?.commitment ?? 'finalized',
      once: false,
      read: ({ view, writes }) =>
        writes.flatMap(({ address, account }) => {
          if (account?.owner !== program || !passes(account.data)) return [];
          const seen = endpoint.faults.distort(address, account);
          if (seen === undefined) return [];
          return [withContext(view, { pubkey: address, account: notified(seen, config?.encoding, config?.dataSlice) })];
        }),
    };
  },
  signatureSubscribe(_, params) {
    const [signature, config] = readParams(z.tuple([signatureParam, signatureConfig.nullish()]), params);
    const commitment = config?.commitment ?? 'finalized';
    return {
      kind: 'signature',
      commitment,
      once: true,
      read({ replica, view }) {
        const status = replica.status(signature);
        if (status === undefined || status.slot > view.slot) return [];
        return [withContext({ slot: status.slot }, { err: status.landed.result.err })];
      },
    };
  },
  slotSubscribe: () => ({
    kind: 'slot',
    commitment: 'processed',
    once: false,
    read: ({ replica, blocks }) => blocks.map(({ slot, parent }) => ({ slot, parent, root: replica.view('finalized').slot })),
  }),
};

/** A closed account is an empty one without lamports. */
function seenBy(endpoint: Endpoint, address: Address, account: Account | undefined): Account {
  const seen = account === undefined ? undefined : endpoint.faults.distort(address, account);
  return seen ?? createAccount(SYSTEM_PROGRAM_ID, new Uint8Array(), lamports(0));
}

/** Like a node, notifications replace data too long for base58 by a text, where a read would return an error. */
function notified(account: Account, ...[encoding, slice]: readonly [AccountConfig['encoding'], AccountConfig['dataSlice']]): unknown {
  try {
    return encodeAccount(account, encoding, slice);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const { data, executable, lamports: balance, owner, rentEpoch } = account;
    const text = encoding === 'base58' ? [TOO_LONG, 'base58'] : TOO_LONG;
    return { data: text, executable, lamports: balance, owner, rentEpoch, space: data.length };
  }
}

const COMMITMENTS: readonly Commitment[] = ['processed', 'confirmed', 'finalized'];

/** The position of one commitment's reader: a slot that can still be written, and its notified writes. */
interface Cursor {
  readonly slot: number;
  readonly notifiedWrites: ReadonlyMap<AccountWrite['address'], AccountWrite['account']>;
}

/**
 * Finds the chain's changes since its last read; the first read returns none. It reports each write once per commitment, and of several writes to one
 * account only the newest.
 */
class UpdateReader {
  readonly #cursors = new Map<Commitment, Cursor>();
  #newestBlock: number | undefined;

  read(replica: Replica): ReadonlyMap<Commitment, Update> {
    const blocks = this.#newestBlock === undefined ? [] : replica.blocksAfter(this.#newestBlock);
    this.#newestBlock = Number(replica.view('processed').slot);
    const updates = new Map<Commitment, Update>();
    for (const commitment of COMMITMENTS) {
      const view = replica.view(commitment);
      const slot = Number(view.slot);
      const cursor = this.#cursors.get(commitment);
      const found = [...view.writtenSince(Math.min(cursor?.slot ?? slot, slot))];
      const writes = found.filter(
        ({ address, account }) => !(cursor?.notifiedWrites.has(address) && cursor.notifiedWrites.get(address) === account),
      );
      const notifiedWrites = new Map(found.filter((write) => write.slot === slot).map(({ address, account }) => [address, account]));
      this.#cursors.set(commitment, { slot, notifiedWrites });
      updates.set(commitment, { replica, view, blocks, writes: cursor === undefined ? [] : writes });
    }
    return updates;
  }
}

/** Receives each value of a subscription, with the subscription's number. */
type Notify = (id: number, result: unknown) => void;

/** Polls per slot, so that subscribers are notified soon after a slot begins. */
const POLLS_PER_SLOT = 4;
const SHORTEST_TICK_MS = 5;

/** The subscriptions of one node. Reads advance the ledger, so the hub polls it while there are subscribers. */
function createSubscriptionHub({ endpoint, clock }: { readonly endpoint: Endpoint; readonly clock: Clock }) {
  const entries = new Map<number, { readonly subscription: Subscription; readonly notify: Notify }>();
  const tickMs = Math.max(SHORTEST_TICK_MS, endpoint.bank.slotMs / POLLS_PER_SLOT);
  let nextId = 0;
  let reader: UpdateReader | undefined;
  let ticking: AbortController | undefined;

  function poll(): void {
    const updates = reader?.read(endpoint.replica());
    for (const [id, { subscription, notify }] of entries) {
      const own = updates?.get(subscription.commitment);
      if (own === undefined) continue;
      for (const result of subscription.read(own)) {
        notify(id, result);
        if (subscription.once) entries.delete(id);
      }
    }
  }

  async function tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(tickMs, signal).catch(() => undefined);
      if (!signal.aborted) poll();
      if (entries.size === 0) stop();
    }
  }

  function stop(): void {
    ticking?.abort(new Stopped('no subscriptions left'));
    ticking = undefined;
    reader = undefined;
  }

  return {
    /** Adds a subscription and returns its number. Calls `notify` only after it has returned. */
    add(subscription: Subscription, notify: Notify): number {
      reader ??= new UpdateReader();
      // Earlier changes go to earlier subscribers only.
      poll();
      const id = nextId;
      nextId += 1;
      entries.set(id, { subscription, notify });
      if (ticking === undefined) {
        ticking = new AbortController();
        void tick(ticking.signal);
      }
      return id;
    },
    /** False when there is none of this number. */
    remove(id: number): boolean {
      const isThere = entries.delete(id);
      if (entries.size === 0) stop();
      return isThere;
    },
    /** Ends the ticking. */
    stop(): void {
      entries.clear();
      stop();
    },
  };
}

export type PubsubServer = ReturnType<typeof createPubsubServer>;

const MAX_CONNECTIONS = 64;
const MAX_SUBSCRIPTIONS = 256;
/** Maximum send buffer of a client that does not read; beyond it the connection is closed. */
const MAX_WAITING_BYTES = 4 << 20;
const MAX_MESSAGE_BYTES = 50 * 1024;

/**
 * Solana's subscriptions over WebSocket: account, program, signature and slot, and their unsubscribes.
 *
 *   message ──► parse ──► faults ──► subscribe ──► SubscriptionHub ──(the ledger moves)──► notification
 */
export function createPubsubServer({ endpoint, clock }: { readonly endpoint: Endpoint; readonly clock: Clock }) {
  const hub = createSubscriptionHub({ endpoint, clock });
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  const accept = (socket: WebSocket): void => {
    /** The connection's own subscriptions, with the name of what ends each. */
    const own = new Map<number, string>();
    const closing = new AbortController();
    const send = (message: unknown): void => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(stringifyJson(message));
      if (socket.bufferedAmount > MAX_WAITING_BYTES) socket.terminate();
    };
    const subscribe = (method: string, params: readonly unknown[]): number => {
      const subscription = SUBSCRIBE[method]?.(endpoint, params);
      if (subscription === undefined) throw new RpcError(RpcCode.methodNotFound, 'Method not found');
      if (own.size >= MAX_SUBSCRIPTIONS) {
        throw new RpcError(RpcCode.internalError, `more than ${MAX_SUBSCRIPTIONS} subscriptions on one connection`);
      }
      const id = hub.add(subscription, (number, result) => {
        if (subscription.once) own.delete(number);
        send({ jsonrpc: '2.0', method: `${subscription.kind}Notification`, params: { result, subscription: number } });
      });
      own.set(id, `${subscription.kind}Unsubscribe`);
      return id;
    };
    const unsubscribe = (method: string, [id]: readonly unknown[]): boolean => {
      if (typeof id !== 'number' || own.get(id) !== method) throw invalidParams('Invalid subscription id.');
      own.delete(id);
      hub.remove(id);
      return true;
    };
    const answer = ({ id, method, params }: RpcRequest): RpcResponse => {
      try {
        return answerResult(id, method.endsWith('Unsubscribe') ? unsubscribe(method, params) : subscribe(method, params));
      } catch (error) {
        const known = error instanceof RpcError ? error : new RpcError(RpcCode.internalError, `Internal error: ${describeError(error)}`);
        return answerError(id, known);
      }
    };
    const serve = async (text: string): Promise<void> => {
      for (const request of parseBody(text).requests) {
        if (request instanceof RpcError) send(answerError(null, request));
        else if (request.id !== undefined) {
          const struck = endpoint.faults.strike([request.method]);
          for (const { kind, delayMs = 1000 } of struck) if (kind === 'delay') await clock.sleep(delayMs, closing.signal);
          const fault = struck.find(({ kind }) => kind !== 'delay');
          if (fault === undefined) send(answer(request));
          else if (fault.kind === 'error')
            send(answerError(request.id, new RpcError(fault.code ?? RpcCode.internalError, fault.message ?? '')));
          else if (fault.kind !== 'hang') socket.terminate();
        }
      }
    };
    socket.on('message', (data) => {
      serve(textOf(data)).catch(() => socket.terminate());
    });
    // A protocol error ends only this connection.
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      closing.abort(new Error('the connection is closed'));
      for (const id of own.keys()) hub.remove(id);
      own.clear();
    });
  };

  return {
    /** Takes over an HTTP connection that asks to be a WebSocket. */
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
      socket.on('error', () => socket.destroy());
      if (server.clients.size >= MAX_CONNECTIONS) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, accept);
    },
    /** Cuts every connection. */
    stop(): void {
      hub.stop();
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8');
}

const LAST_PORT = 65_535;

/**
 * Also serves subscriptions at the port after the HTTP port, the default of Solana's clients. Undefined when that port is taken: the HTTP port
 * serves them, too.
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

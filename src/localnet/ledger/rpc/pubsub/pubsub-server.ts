import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { type Clock, describeError } from '../../../../lib/index.ts';
import type { Endpoint } from '../endpoint.ts';
import { stringifyJson } from '../json.ts';
import { answerError, answerResult, parseBody, type RpcRequest, type RpcResponse } from '../json-rpc.ts';
import { invalidParams, RpcCode, RpcError } from '../rpc-error.ts';
import { SUBSCRIBE } from './subscription.ts';
import { createSubscriptionHub } from './subscription-hub.ts';

export interface PubsubLimits {
  readonly connections: number;
  readonly subscriptionsPerConnection: number;
  /** Bytes that may wait for a client that does not read; one that has more is cut off. */
  readonly waitingBytes: number;
}

export interface PubsubServer {
  /** Takes over an HTTP connection that asks to be a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Cuts every connection. */
  stop(): void;
}

const LIMITS: PubsubLimits = { connections: 64, subscriptionsPerConnection: 256, waitingBytes: 4 << 20 };
const MAX_MESSAGE_BYTES = 50 * 1024;

/**
 * Solana's subscriptions over WebSocket: account, program, signature and slot, and their unsubscribes.
 *
 *   message ──► parse ──► faults ──► subscribe ──► SubscriptionHub ──(the ledger moves)──► notification
 */
export function createPubsubServer(options: {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly limits?: PubsubLimits;
}): PubsubServer {
  const { endpoint, clock, limits = LIMITS } = options;
  const hub = createSubscriptionHub({ endpoint, clock });
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  const accept = (socket: WebSocket): void => {
    /** The connection's own subscriptions, with the name of what ends each. */
    const own = new Map<number, string>();
    const life = new AbortController();
    const send = (message: unknown): void => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(stringifyJson(message));
      if (socket.bufferedAmount > limits.waitingBytes) socket.terminate();
    };
    const subscribe = (method: string, params: readonly unknown[]): number => {
      const subscription = SUBSCRIBE[method]?.(endpoint, params);
      if (subscription === undefined) throw new RpcError(RpcCode.methodNotFound, 'Method not found');
      if (own.size >= limits.subscriptionsPerConnection) {
        throw new RpcError(RpcCode.internalError, `more than ${limits.subscriptionsPerConnection} subscriptions on one connection`);
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
          for (const { kind, delayMs = 1000 } of struck) if (kind === 'delay') await clock.sleep(delayMs, life.signal);
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
    // What the client breaks ends its connection, and that is all.
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      life.abort(new Error('the connection is closed'));
      for (const id of own.keys()) hub.remove(id);
      own.clear();
    });
  };

  return {
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      if (server.clients.size >= limits.connections) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, accept);
    },
    stop() {
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

import type { RemoteInfo } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, SocketAddress } from 'node:net';
import { Packet, Session } from 'snmp-native';
import { Stopped } from '../../platform/index.ts';
import { MalformedDatagram } from './ber.ts';
import type { IgnoredDatagrams } from './ignored-datagrams.ts';
import { decodeResponse, type SnmpResponse, type VarBind } from './response.ts';

export type SnmpRequest = { readonly community: string; readonly oids: readonly (readonly number[])[] } & (
  | { readonly kind: 'get' }
  | { readonly kind: 'get-bulk'; readonly maxRepetitions: number }
);

/** One socket to one agent, for as many requests at once as wanted. */
export interface SnmpSession {
  /**
   * Resolves with the varbinds of the answer. Rejects on an error-status, when all transmissions stay unanswered, and with the signal's
   * reason.
   */
  request(request: SnmpRequest, signal: AbortSignal): Promise<readonly VarBind[]>;
  /** Ends the socket; requests under way reject. Idempotent. */
  close(): void;
}

export interface SnmpSessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  /** How long each transmission of a request waits for the answer, milliseconds; the request fails after the last. */
  readonly waits: readonly number[];
  /** Counted up as they come. */
  readonly ignored: IgnoredDatagrams;
}

interface Waiting {
  readonly community: string;
  readonly answered: (response: SnmpResponse) => void;
}

/** The agent's numeric address, as a received datagram would show it. Rejects when the name does not resolve. */
export async function resolveHost(host: string): Promise<string> {
  const address = isIP(host) === 0 ? (await lookup(host, { order: 'ipv4first' })).address : host;
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

/**
 * snmp-native sends, retransmits and numbers the requests; receiving is done here, through its `msgReceived` option, because its own
 * receiver looks neither at the sender nor at the community, and an answer without varbinds would throw out of the socket's listener.
 */
export function createSnmpSession({ address, port, waits, ignored }: SnmpSessionOptions): SnmpSession {
  const waiting = new Map<number, Waiting>();
  let closed = false;

  const receive = (datagram: Buffer, from: RemoteInfo): void => {
    if (from.address !== address || from.port !== port) {
      ignored.strangers += 1;
      return;
    }
    const response = decodeOrUndefined(datagram);
    if (response === undefined) {
      ignored.malformed += 1;
      return;
    }
    const asked = waiting.get(response.requestId);
    if (asked === undefined || withoutVrf(response.community) !== withoutVrf(asked.community)) {
      ignored.unasked += 1;
      return;
    }
    asked.answered(response);
  };

  const session = new Session({
    host: address,
    port,
    family: isIP(address) === 6 ? 'udp6' : 'udp4',
    timeouts: [...waits],
    msgReceived: receive,
  });
  session.on('error', () => {
    // Only the library's own receiver emits it; but an EventEmitter without this listener would throw.
  });

  return {
    request(request, signal) {
      if (closed) return Promise.reject(new Stopped('the SNMP session is closed'));
      if (signal.aborted) return Promise.reject(signal.reason);
      const packet = packetOf(request);
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          const { reqid } = packet.pdu;
          signal.removeEventListener('abort', onAbort);
          waiting.delete(reqid);
          clearTimeout(session.reqs[reqid]?.timeout);
          delete session.reqs[reqid];
          finish();
        };
        const onAbort = (): void => settle(() => reject(signal.reason));
        const onFailure = (error: Error | null): void =>
          settle(() => reject(closed ? new Stopped('the SNMP session is closed') : (error ?? new Error('no answer'))));
        session.sendMsg(packet, {}, onFailure);
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.set(packet.pdu.reqid, {
          community: request.community,
          answered: ({ errorStatus, varbinds }) =>
            settle(() =>
              errorStatus === 0 ? resolve(varbinds) : reject(new Error(`the agent answered with error status ${errorStatus}`)),
            ),
        });
      });
    },
    close() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}

function packetOf(request: SnmpRequest): Packet {
  const packet = new Packet();
  packet.community = request.community;
  packet.pdu.varbinds = request.oids.map((oid) => ({ oid: [...oid], type: NULL, value: null }));
  if (request.kind === 'get-bulk') {
    packet.pdu.type = GET_BULK;
    packet.pdu.error = 0;
    packet.pdu.errorIndex = request.maxRepetitions;
  }
  return packet;
}

const NULL = 5;
const GET_BULK = 5;

/** An agent asked as `name@vrf` may sign its answer with the name alone. */
function withoutVrf(community: string): string {
  return community.split('@', 1)[0] ?? '';
}

function decodeOrUndefined(datagram: Buffer): SnmpResponse | undefined {
  try {
    return decodeResponse(datagram);
  } catch (error) {
    if (error instanceof MalformedDatagram) return undefined;
    throw error;
  }
}

import type { RemoteInfo } from 'node:dgram';
import { isIP } from 'node:net';
import { Packet, Session } from 'snmp-native';
import { Stopped } from '../../lib/index.ts';
import { unlessMalformed } from './ber.ts';
import { decodeResponse, errorOfStatus, type IgnoredDatagrams, type SnmpMessage, type SnmpRequest, type SnmpSession } from './session.ts';

interface V2cSessionOptions {
  /** Numeric address of the agent. */
  readonly address: string;
  readonly port: number;
  readonly community: string;
  /** How long each transmission of a request waits for the answer, milliseconds; the request fails after the last. */
  readonly waits: readonly number[];
  /** Counts dropped datagrams. */
  readonly ignored: IgnoredDatagrams;
}

/**
 * snmp-native sends, retransmits and numbers the requests. This code receives, through its `msgReceived` option, because its own receiver
 * checks neither the sender nor the community, and an answer without varbinds would throw out of the socket's listener.
 */
export function createV2cSession({ address, port, community, waits, ignored }: V2cSessionOptions): SnmpSession {
  const waiting = new Map<number, (response: SnmpMessage) => void>();
  let closed = false;

  const receive = (datagram: Buffer, from: RemoteInfo): void => {
    if (from.address !== address || from.port !== port) {
      ignored.wrongSource += 1;
      return;
    }
    const response = unlessMalformed(() => decodeResponse(datagram));
    if (response === undefined) {
      ignored.malformed += 1;
      return;
    }
    const answered = waiting.get(response.requestId);
    if (answered === undefined || withoutVrf(response.community) !== withoutVrf(community)) {
      ignored.unasked += 1;
      return;
    }
    answered(response);
  };

  const session = new Session({
    host: address,
    port,
    family: isIP(address) === 6 ? 'udp6' : 'udp4',
    timeouts: [...waits],
    msgReceived: receive,
  });
  session.on('error', () => {
    // Only the library's own receiver emits it, but an EventEmitter without a listener would throw.
  });

  return {
    request(request, signal) {
      if (closed) return Promise.reject(new Stopped('the SNMP session is closed'));
      if (signal.aborted) return Promise.reject(signal.reason);
      const packet = packetOf(request, community);
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
        waiting.set(packet.pdu.reqid, ({ errorStatus, varbinds }) =>
          settle(() => (errorStatus === 0 ? resolve(varbinds) : reject(errorOfStatus(errorStatus)))),
        );
      });
    },
    close() {
      if (closed) return;
      closed = true;
      session.close();
    },
  };
}

function packetOf(request: SnmpRequest, community: string): Packet {
  const packet = new Packet();
  packet.community = community;
  packet.pdu.type = PDU_TYPES[request.kind];
  packet.pdu.varbinds = request.oids.map((oid) => ({ oid: [...oid], type: NULL, value: null }));
  if (request.kind === 'get-bulk') {
    packet.pdu.error = 0;
    packet.pdu.errorIndex = request.maxRepetitions;
  }
  return packet;
}

const NULL = 5;
/** snmp-native's numbers. */
const PDU_TYPES = { get: 0, 'get-next': 1, 'get-bulk': 5 } as const;

/** An agent may answer a request for `name@vrf` with the name alone. */
function withoutVrf(community: string): string {
  return community.split('@', 1)[0] ?? '';
}

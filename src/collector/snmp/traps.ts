import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { AgentError, type Clock, describeError, type Random, untilAborted } from '../../lib/index.ts';
import { createListener, type TriggerSource } from '../triggers.ts';
import { BerReader, compareOids, decodeMessage, type Oid, TAG, trapOidIn, unlessMalformed } from './message.ts';
import { RateLimit, requireUsable, type SnmpCredentials } from './session.ts';
import type { TrapOutcome, V3NotificationReader } from './traps-v3.ts';

/** A trap or an inform of SNMPv2c. */
interface Notification {
  readonly community: string;
  /** snmpTrapOID.0; undefined in a notification that lacks it. */
  readonly trapOid: Oid | undefined;
  /** For an inform: the message that acknowledges it. */
  readonly acknowledgement?: Buffer;
}

const BGP: Oid = [1, 3, 6, 1, 2, 1, 15];
const ARISTA_BGP: Oid = [1, 3, 6, 1, 4, 1, 30_065, 4, 1];

/**
 * A session came up, or went down: bgpEstablishedNotification and bgpBackwardTransNotification (RFC 4273), the same under their older names
 * (RFC 1657), and ARISTA-BGP4V2-MIB's.
 */
const BGP_NOTIFICATIONS: readonly Oid[] = [
  [...BGP, 0, 1],
  [...BGP, 0, 2],
  [...BGP, 7, 1],
  [...BGP, 7, 2],
  [...ARISTA_BGP, 0, 1],
  [...ARISTA_BGP, 0, 2],
];

export function isBgpNotification(trapOid: Oid): boolean {
  return BGP_NOTIFICATIONS.some((known) => compareOids(known, trapOid) === 0);
}

/** Throws MalformedDatagram for anything that is not, to the last octet, a trap or an inform of SNMPv2c. */
export function decodeNotification(datagram: Buffer): Notification {
  const { pdu, community, varbinds } = decodeMessage(datagram, [TAG.trap, TAG.informRequest]);
  return {
    community,
    trapOid: trapOidIn(varbinds),
    acknowledgement: pdu === TAG.informRequest ? acknowledgementOf(datagram) : undefined,
  };
}

/** RFC 3416 section 4.2.7: the same message as a response. */
function acknowledgementOf(datagram: Buffer): Buffer {
  const message = BerReader.of(datagram).expect(TAG.sequence);
  message.expect(TAG.integer);
  message.expect(TAG.octetString);
  const response = Buffer.from(datagram);
  response[message.position] = TAG.response;
  return response;
}

/** The datagrams received since the start, by outcome. */
const NO_TRAPS = {
  /** Notifications of a BGP session. */
  triggered: 0,
  /** Other notifications. */
  unrelated: 0,
  /** From an address that is not allowed. */
  wrongSource: 0,
  /** Not, to the last octet, a message of the configured version. */
  malformed: 0,
  /** With another community, or not from the user, or not authentic. */
  refused: 0,
  /** Dropped unread, over the rate limit. */
  shed: 0,
};
type TrapCounts = typeof NO_TRAPS;

export type TrapTriggerOptions = SnmpCredentials & {
  /** Its name in the configuration. */
  readonly name: string;
  /** Address of this host to listen at. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Allowed senders; all by default. */
  readonly from?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
};

export interface TrapTrigger extends TriggerSource {
  /** Where it listens now; undefined while it does not. */
  listening(): { readonly host: string; readonly port: number } | undefined;
  counts(): Readonly<TrapCounts>;
}

/** A reboot of the largest switch sends some 4,000 traps at once, and the first one is enough. */
const DATAGRAMS_A_SECOND = 500;

/**
 * Receives the switch's traps and informs of BGP, over SNMPv2c with a community or over SNMPv3 from a user:
 *
 *   datagram ──► allowed address? ──► well-formed? ──► community or user? ──► a session of BGP? ──► trigger
 *                       └──────────────────┴────────────────────┴──────────────────┴──► counted, ignored
 *
 * A trap is only a hint (rule 1): the state in it stays unread, so a forged or repeated one costs a poll, and no more. Throws SNMP__USER_INVALID
 * at once. A socket that cannot be bound is reported as lost, with SNMP__TRAPS_UNHEARD, and retried.
 */
export function createTrapTrigger(options: TrapTriggerOptions): TrapTrigger {
  const { name, host, port, user, community, clock, random } = options;
  if (user !== undefined) requireUsable(user);
  const allowed = options.from === undefined ? undefined : new Set(options.from);
  const counts = { ...NO_TRAPS };
  const rate = new RateLimit(DATAGRAMS_A_SECOND, clock);
  let listening: { readonly host: string; readonly port: number } | undefined;
  let v3: V3NotificationReader | undefined;

  const read = (datagram: Buffer, from: RemoteInfo, socket: Socket): TrapOutcome => {
    if (v3 !== undefined) return v3.receive(datagram, from);
    const notification = unlessMalformed(() => decodeNotification(datagram));
    if (notification === undefined) return 'malformed';
    if (notification.community !== community) return 'refused';
    if (notification.acknowledgement !== undefined) reply(socket, notification.acknowledgement, from);
    return notification;
  };

  const onDatagram = (datagram: Buffer, from: RemoteInfo, socket: Socket, onTrigger: () => void): void => {
    if (allowed?.has(plainAddress(from.address)) === false) {
      counts.wrongSource += 1;
      return;
    }
    const outcome = !rate.admits() ? 'shed' : read(datagram, from, socket);
    if (outcome === 'discovery') return;
    if (typeof outcome === 'string') {
      counts[outcome] += 1;
    } else if (outcome.trapOid === undefined || !isBgpNotification(outcome.trapOid)) {
      counts.unrelated += 1;
    } else {
      counts.triggered += 1;
      onTrigger();
    }
  };

  const listen = async (onListening: () => void, onTrigger: () => void, signal: AbortSignal): Promise<never> => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    if (user !== undefined) {
      const { createV3NotificationReader } = await import('./traps-v3.ts');
      v3 = createV3NotificationReader({ user, clock, reply: (message, to) => reply(socket, message, to) });
    }
    try {
      const failed = new Promise<never>((_, reject) => {
        socket.on('error', reject);
        socket.on('message', (datagram, from) => onDatagram(datagram, from, socket, onTrigger));
        socket.on('listening', () => {
          const { address, port: bound } = socket.address();
          listening = { host: address, port: bound };
          onListening();
        });
        socket.bind(port, host);
      });
      return await untilAborted(failed, signal);
    } catch (cause) {
      throw new AgentError('SNMP__TRAPS_UNHEARD', { endpoint: `${host}:${port}`, problem: describeError(cause) }, { cause });
    } finally {
      listening = undefined;
      socket.close();
    }
  };

  return {
    name,
    ...createListener({ name, clock, random, listen }),
    listening: () => listening,
    counts: () => ({ ...counts }),
    dropCounters() {
      const { triggered: _, ...ignored } = counts;
      return ignored;
    },
  };
}

/** The same address, whether it came over a socket of IPv4 or one of both. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function reply(socket: Socket, message: Buffer, to: { readonly port: number; readonly address: string }): void {
  socket.send(message, to.port, to.address, () => {
    // A sender that misses its acknowledgement sends again.
  });
}

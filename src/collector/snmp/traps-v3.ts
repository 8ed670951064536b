import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { Authentication, createReceiver } from 'net-snmp';
import type { Clock } from '../../lib/index.ts';
import { type Oid, TAG, trapOidIn, unlessMalformed } from './message.ts';
import { RateLimit, type SnmpUser } from './session.ts';
import { isSecuredBy, netSnmpUser, payloadOf, readV3Header, type V3Header } from './usm-filter.ts';

/** The notification in a datagram, or why there is none. `discovery`: the sender of informs asked for the engine, and received it. */
export type TrapOutcome = { readonly trapOid: Oid | undefined } | 'discovery' | 'malformed' | 'refused' | 'shed';

export type V3NotificationReader = ReturnType<typeof createV3NotificationReader>;

interface V3NotificationOptions {
  readonly user: SnmpUser;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Sends an acknowledgement or a report back. */
  readonly reply: (message: Buffer, to: { readonly port: number; readonly address: string }) => void;
}

/** A key is derived for each engine, which costs milliseconds: so many new engines are accepted a second, … */
const NEW_ENGINES_A_SECOND = 4;
/** … and so many are remembered. A switch has one. */
const KEPT_ENGINES = 16;

/**
 * Traps and informs of SNMPv3 through net-snmp's receiver, which receives only messages that claim to be this user's with all of its
 * security, and discoveries: by itself it accepts messages without a user, and keeps the keys of every engine that a message ever named.
 */
export function createV3NotificationReader({ user, clock, reply }: V3NotificationOptions) {
  const socket = new LibrarySocket(reply);
  /** Whether the library accepted the last datagram as authentic. */
  let isAuthentic = false;
  const receiver = createReceiver({ dgramModule: { createSocket: () => socket } }, (error: unknown) => {
    isAuthentic = error === null || error === undefined;
  });
  receiver.getAuthorizer().addUser(netSnmpUser(user));

  /** Engines with authentic messages, the latest last. */
  const engines = new Set<string>();
  const newEngines = new RateLimit(NEW_ENGINES_A_SECOND, clock);
  const mayTry = (engineId: string): boolean => engines.has(engineId) || newEngines.admits();
  const remember = (engineId: string): void => {
    engines.delete(engineId);
    engines.add(engineId);
    for (const oldest of engines) {
      if (engines.size <= KEPT_ENGINES) break;
      engines.delete(oldest);
      forgetKeys(oldest);
    }
  };

  /** Whether the library, which calls back synchronously, accepts the datagram as authentic. */
  const isBelieved = (datagram: Buffer, from: RemoteInfo): boolean => {
    isAuthentic = false;
    try {
      socket.emit('message', datagram, from);
      return isAuthentic;
    } catch {
      // It throws for a message that it cannot read.
      return false;
    }
  };

  return {
    receive(datagram: Buffer, from: RemoteInfo): TrapOutcome {
      const header = unlessMalformed(() => readV3Header(datagram));
      if (header === undefined) return 'malformed';
      if (isDiscovery(header)) {
        isBelieved(datagram, from);
        return 'discovery';
      }
      if (!isSecuredBy(header, user)) return 'refused';
      const engine = header.engineId.toString('hex');
      if (!mayTry(engine)) return 'shed';
      if (!isBelieved(datagram, from)) {
        if (!engines.has(engine)) forgetKeys(engine);
        return 'refused';
      }
      remember(engine);
      const payload = payloadOf(header, user);
      return payload === undefined ? 'malformed' : { trapOid: trapOidIn(payload.varbinds) };
    },
  };
}

/** RFC 3414 section 4: a request without user and engine, which asks for the engine. */
function isDiscovery({ isAuthenticated, isReportable, engineId, userName, data }: V3Header): boolean {
  const asks = 'pdu' in data && data.pdu === TAG.getRequest;
  return asks && !isAuthenticated && isReportable && engineId.length === 0 && userName === '';
}

/** net-snmp keeps each derived key for the process's life, by protocol, password and engine. */
function forgetKeys(engineId: string): void {
  const ending = Buffer.from(engineId, 'hex').toString('base64');
  for (const key of Object.keys(Authentication.authToKeyCache)) if (key.endsWith(ending)) delete Authentication.authToKeyCache[key];
}

/** The part of a socket that net-snmp's listener uses; the trap receiver has the real one. */
class LibrarySocket extends EventEmitter {
  constructor(private readonly reply: V3NotificationOptions['reply']) {
    super();
  }

  bind(): this {
    return this;
  }

  send(message: Buffer, _offset: number, _length: number, port: number, address: string): void {
    this.reply(message, { port, address });
  }
}

import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { Authentication, createReceiver } from 'net-snmp';
import { type Clock, isRecord } from '../../lib/index.ts';
import { type Oid, TAG, unlessMalformed } from './message.ts';
import { RateLimit, type SnmpUser } from './session.ts';
import { isSecuredBy, netSnmpUser, readV3Header, type V3Header } from './usm-filter.ts';

/** The notification in a datagram, or what else became of it. `discovery`: the sender of informs asked for the engine, and got it. */
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

const SNMP_TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0';

/**
 * Traps and informs of SNMPv3 through net-snmp's receiver, which receives only messages that claim to be this user's with all of its
 * security, and discoveries: by itself it accepts messages without a user, and keeps the keys of every engine that a message ever named.
 */
export function createV3NotificationReader({ user, clock, reply }: V3NotificationOptions) {
  const socket = new LibrarySocket(reply);
  /** What the library made of the last datagram; undefined where it refused it. */
  let last: { readonly trapOid: Oid | undefined } | undefined;
  const receiver = createReceiver({ dgramModule: { createSocket: () => socket } }, (error: unknown, notification: unknown) => {
    last = error === null || error === undefined ? { trapOid: trapOidIn(notification) } : undefined;
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

  /** What the library, which has a callback, makes of the datagram. */
  const offer = (datagram: Buffer, from: RemoteInfo): typeof last => {
    last = undefined;
    try {
      socket.emit('message', datagram, from);
      return last;
    } catch {
      // It throws at a message that it cannot read.
      return undefined;
    }
  };

  return {
    receive(datagram: Buffer, from: RemoteInfo): TrapOutcome {
      const header = unlessMalformed(() => readV3Header(datagram));
      if (header === undefined) return 'malformed';
      if (isDiscovery(header)) {
        offer(datagram, from);
        return 'discovery';
      }
      if (!isSecuredBy(header, user)) return 'refused';
      const engine = header.engineId.toString('hex');
      if (!mayTry(engine)) return 'shed';
      const outcome = offer(datagram, from);
      if (outcome !== undefined) remember(engine);
      else if (!engines.has(engine)) forgetKeys(engine);
      return outcome ?? 'refused';
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

function trapOidIn(notification: unknown): Oid | undefined {
  const varbinds = fieldOf(fieldOf(notification, 'pdu'), 'varbinds');
  const second: unknown = Array.isArray(varbinds) ? varbinds[1] : undefined;
  const value = fieldOf(second, 'value');
  if (fieldOf(second, 'oid') !== SNMP_TRAP_OID || typeof value !== 'string' || !/^\d+(\.\d+)+$/.test(value)) return undefined;
  return value.split('.').map(Number);
}

function fieldOf(holder: unknown, name: string): unknown {
  return isRecord(holder) ? holder[name] : undefined;
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

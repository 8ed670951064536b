import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { Authentication, createReceiver } from 'net-snmp';
import type { Clock } from '../../lib/index.ts';
import { TAG } from './ber.ts';
import type { Oid, SnmpUser } from './session.ts';
import { headerOrUndefined, isSecuredBy, netSnmpUser, type V3Header } from './usm-filter.ts';

type V3Outcome =
  | { readonly kind: 'notification'; readonly what: Oid | undefined }
  /** The sender of informs asked who we are, and was told. */
  | { readonly kind: 'discovery' }
  | { readonly kind: 'malformed' | 'refused' | 'shed' };

export interface V3NotificationReader {
  receive(datagram: Buffer, from: RemoteInfo): V3Outcome;
}

interface V3NotificationOptions {
  readonly user: SnmpUser;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Sends an acknowledgement or a report back. */
  readonly reply: (message: Buffer, to: { readonly port: number; readonly address: string }) => void;
}

/** A key is derived for each engine, which costs milliseconds: so many new engines are listened to a second, … */
const NEW_ENGINES_A_SECOND = 4;
/** … and so many are remembered. A switch has one. */
const KEPT_ENGINES = 16;

const SNMP_TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0';

/**
 * Traps and informs of SNMPv3 through net-snmp's receiver, which gets to see only messages that claim to be this user's with all of its
 * security, and discoveries: by itself it believes messages without a user, and keeps the keys of every engine that anybody ever named.
 */
export function createV3NotificationReader({ user, clock, reply }: V3NotificationOptions): V3NotificationReader {
  const socket = new LibrarySocket(reply);
  let heard: V3Outcome = { kind: 'refused' };
  const lastHeard = (): V3Outcome => heard;
  const receiver = createReceiver({ dgramModule: { createSocket: () => socket } }, (error: unknown, notification: unknown) => {
    heard = error === null || error === undefined ? { kind: 'notification', what: trapOidIn(notification) } : { kind: 'refused' };
  });
  receiver.getAuthorizer().addUser(netSnmpUser(user));

  /** Those whose messages were authentic, the latest last. */
  const engines = new Set<string>();
  let second = 0;
  let newInSecond = 0;
  const mayTry = (engineId: string): boolean => {
    if (engines.has(engineId)) return true;
    const now = Math.floor(clock.monotonic() / 1_000);
    if (now !== second) newInSecond = 0;
    second = now;
    newInSecond += 1;
    return newInSecond <= NEW_ENGINES_A_SECOND;
  };
  const remember = (engineId: string): void => {
    engines.delete(engineId);
    engines.add(engineId);
    for (const oldest of engines) {
      if (engines.size <= KEPT_ENGINES) break;
      engines.delete(oldest);
      forgetKeys(oldest);
    }
  };

  return {
    receive(datagram, from) {
      const header = headerOrUndefined(datagram);
      if (header === undefined) return { kind: 'malformed' };
      const discovers = isDiscovery(header);
      if (!discovers && !isSecuredBy(header, user)) return { kind: 'refused' };
      const engine = header.engineId.toString('hex');
      if (!discovers && !mayTry(engine)) return { kind: 'shed' };
      heard = { kind: 'refused' };
      try {
        socket.emit('message', datagram, from);
      } catch {
        // What the library throws at a message is a message that it could not read.
        heard = { kind: 'refused' };
      }
      if (discovers) return { kind: 'discovery' };
      const outcome = lastHeard();
      if (outcome.kind === 'notification') remember(engine);
      else if (!engines.has(engine)) forgetKeys(engine);
      return outcome;
    },
  };
}

/** RFC 3414 section 4: a request without user and engine, only to be told the engine. */
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
  return typeof holder === 'object' && holder !== null ? Object.entries(holder).find(([key]) => key === name)?.[1] : undefined;
}

/** What net-snmp's listener uses of a socket; the real one is elsewhere. */
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

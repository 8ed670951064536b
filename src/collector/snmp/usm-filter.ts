import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { AuthProtocols, Encryption, PrivProtocols, SecurityLevel, type User } from 'net-snmp';
import { BerReader, MalformedDatagram, type Oid, readPdu, TAG, unlessMalformed, type VarBind } from './message.ts';
import type { SnmpAuthProtocol, SnmpPrivProtocol, SnmpUser } from './session.ts';

/** The callback that net-snmp gives to `send`. */
type Sent = (error: Error | null, bytes: number) => void;

/**
 * The UDP socket of net-snmp, given to it through its option `dgramModule`. The library returns answers that are not authenticated, does not
 * check the sender, and throws out of its listener for some malformed ones. So it receives only the datagrams that `receive` delivers.
 */
export class FilteringSocket extends EventEmitter {
  readonly #socket: Socket;

  constructor(family: 'udp4' | 'udp6', receive: (datagram: Buffer, from: RemoteInfo, deliver: () => void) => void) {
    super();
    this.#socket = createSocket(family);
    this.#socket.on('message', (datagram, from) => receive(datagram, from, () => this.emit('message', datagram, from)));
    this.#socket.on('close', () => this.emit('close'));
    this.#socket.on('error', () => {
      // Send errors reach the callback of `send`; a request without an answer ends by its deadline.
    });
  }

  send(bytes: Buffer, offset: number, length: number, port: number, address: string, sent: Sent): void {
    this.#socket.send(bytes, offset, length, port, address, sent);
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }

  close(): this {
    this.#socket.close();
    return this;
  }
}

/** The protocols by the library's numbers. */
const AUTH: Readonly<Record<SnmpAuthProtocol, Exclude<AuthProtocols, AuthProtocols.none>>> = {
  md5: AuthProtocols.md5,
  sha: AuthProtocols.sha,
  sha224: AuthProtocols.sha224,
  sha256: AuthProtocols.sha256,
  sha384: AuthProtocols.sha384,
  sha512: AuthProtocols.sha512,
};

const PRIV: Readonly<Record<SnmpPrivProtocol, Exclude<PrivProtocols, PrivProtocols.none>>> = {
  des: PrivProtocols.des,
  aes: PrivProtocols.aes,
  aes256b: PrivProtocols.aes256b,
  aes256r: PrivProtocols.aes256r,
};

/** The user as net-snmp has it. Only files that are loaded on demand may import this file: it loads the library. */
export function netSnmpUser({ name, auth, priv }: SnmpUser): User {
  return {
    name,
    level: auth === undefined ? SecurityLevel.noAuthNoPriv : priv === undefined ? SecurityLevel.authNoPriv : SecurityLevel.authPriv,
    authProtocol: auth && AUTH[auth.protocol],
    authKey: auth?.password,
    privProtocol: priv && PRIV[priv.protocol],
    privKey: priv?.password,
  };
}

/** The clear part of an SNMPv3 message (RFC 3412 section 6, RFC 3414 section 2.4). Nothing of it is authenticated yet. */
export interface V3Header {
  readonly isAuthenticated: boolean;
  readonly isEncrypted: boolean;
  /** Whether the sender wants a Report about a message that is not understood. */
  readonly isReportable: boolean;
  /** Empty in a discovery. */
  readonly engineId: Buffer;
  /** The engine's boots, and its seconds since the last. */
  readonly boots: number;
  readonly time: number;
  readonly userName: string;
  /** For the decryption. */
  readonly salt: Buffer;
  readonly data: { readonly encrypted: Buffer } | ScopedPdu;
}

/** The payload inside the security. */
interface ScopedPdu {
  /** BER tag. */
  readonly pdu: number;
  /** The first of a Report names its counter, such as usmStatsUnknownUserNames. */
  readonly varbinds: readonly VarBind[];
}

const VERSION_3 = 3;
const USER_SECURITY_MODEL = 3;
const FLAG = { authenticated: 1, encrypted: 2, reportable: 4 } as const;
/** RFC 3411: SnmpEngineID has 5 to 32 octets. */
const MAX_ENGINE_ID = 32;
const MAX_NAME = 32;
/** HMAC-384-SHA-512 (RFC 7860) has the longest code. */
const MAX_AUTHENTICATION = 48;

/**
 * Reads the header of a message that is whole to the last octet. Throws MalformedDatagram for anything else: net-snmp's own parser trusts wrong
 * lengths.
 */
export function readV3Header(datagram: Buffer): V3Header {
  const outer = BerReader.of(datagram);
  const message = outer.expect(TAG.sequence);
  outer.finish();
  if (message.expect(TAG.integer).signed() !== VERSION_3) throw new MalformedDatagram('not SNMPv3');

  const global = message.expect(TAG.sequence);
  global.expect(TAG.integer).signed();
  global.expect(TAG.integer).signed();
  const flags = octets(global, 1)[0] ?? 0;
  if (global.expect(TAG.integer).signed() !== USER_SECURITY_MODEL) throw new MalformedDatagram('not the user-based security model');
  global.finish();

  const security = message.expect(TAG.octetString);
  const parameters = security.expect(TAG.sequence);
  security.finish();
  const engineId = octets(parameters, MAX_ENGINE_ID);
  const boots = parameters.expect(TAG.integer).signed();
  const time = parameters.expect(TAG.integer).signed();
  if (boots < 0 || time < 0) throw new MalformedDatagram('an engine of a negative time');
  const userName = octets(parameters, MAX_NAME).toString('utf8');
  const authentication = octets(parameters, MAX_AUTHENTICATION).length;
  const salt = octets(parameters, 8);
  parameters.finish();

  const isAuthenticated = (flags & FLAG.authenticated) !== 0;
  const isEncrypted = (flags & FLAG.encrypted) !== 0;
  if (isAuthenticated && authentication === 0) throw new MalformedDatagram('authenticated without a code');
  if (isEncrypted && (!isAuthenticated || salt.length !== 8)) throw new MalformedDatagram('encrypted without authentication or salt');
  const data = isEncrypted ? { encrypted: message.expect(TAG.octetString).rest() } : readScopedPdu(message);
  message.finish();
  const isReportable = (flags & FLAG.reportable) !== 0;
  return { isAuthenticated, isEncrypted, isReportable, engineId, boots, time, userName, salt, data };
}

/** The next element, which must be a scoped PDU, well-formed in all of its values. Throws MalformedDatagram. */
function readScopedPdu(reader: BerReader): ScopedPdu {
  const scoped = reader.expect(TAG.sequence);
  octets(scoped, MAX_ENGINE_ID);
  scoped.expect(TAG.octetString);
  const { tag, content } = scoped.next();
  scoped.finish();
  return { pdu: tag, varbinds: readPdu(content).varbinds };
}

/** Whether the message claims to be from this user, at its security level. net-snmp verifies the claim. */
export function isSecuredBy({ isAuthenticated, isEncrypted, userName }: V3Header, { name, auth, priv }: SnmpUser): boolean {
  return userName === name && isAuthenticated === (auth !== undefined) && isEncrypted === (priv !== undefined);
}

function octets(reader: BerReader, longest: number): Buffer {
  const bytes = reader.expect(TAG.octetString).rest();
  if (bytes.length > longest) throw new MalformedDatagram(`a string of ${bytes.length} octets where ${longest} fit`);
  return bytes;
}

/**
 * Decrypts the payload of the header's message. Only a well-formed result shows that the key was right. Undefined for a user without privacy,
 * and for bytes that the cipher cannot have made.
 */
function decrypted(encrypted: Buffer, { engineId, boots, time, salt }: V3Header, { auth, priv }: SnmpUser): Buffer | undefined {
  if (auth === undefined || priv === undefined) return undefined;
  const protocol = PRIV[priv.protocol];
  const { decryptPdu } = Encryption.algorithms[protocol];
  // The library's types expect an algorithm where its code reads the engine.
  const engine = { engineID: engineId, engineBoots: boots, engineTime: time } as unknown as Parameters<typeof decryptPdu>[5];
  try {
    return decryptPdu(encrypted, protocol, salt, priv.password, AUTH[auth.protocol], engine);
  } catch {
    return undefined;
  }
}

/** usmStatsUnknownEngineIDs (RFC 3414): the Report that ends a discovery. */
const UNKNOWN_ENGINE = 4;
/** An agent has one, and another after a restart at most. */
const MAX_ENGINES = 4;

/**
 * Decides which datagrams from the agent's address net-snmp receives: well-formed messages at the user's security level, and Reports, which are
 * the agent's errors. net-snmp verifies the security.
 */
export class UsmFilter {
  readonly #user: SnmpUser;
  readonly #engines = new Set<string>();
  #report: Oid | undefined;
  #isUnderstood = false;
  #varbinds: readonly VarBind[] | undefined;

  constructor(user: SnmpUser) {
    this.#user = user;
  }

  /** Delivers a datagram that the library may receive; returns false for any other. Throws what the library throws. */
  pass(datagram: Buffer, deliver: () => void): boolean {
    if (!this.#admits(datagram)) return false;
    try {
      deliver();
    } finally {
      this.#varbinds = undefined;
    }
    return true;
  }

  #admits(datagram: Buffer): boolean {
    const header = unlessMalformed(() => readV3Header(datagram));
    if (header === undefined) return false;
    const { data, engineId } = header;
    const engine = engineId.toString('hex');
    if ('pdu' in data && data.pdu === TAG.report) {
      this.#report = data.varbinds[0]?.oid ?? this.#report;
      if (this.#engines.size < MAX_ENGINES) this.#engines.add(engine);
      return true;
    }
    // A key is derived for the agent's own engine only.
    if (!isSecuredBy(header, this.#user) || !this.#engines.has(engine)) return false;
    const payload = payloadOf(header, this.#user);
    if (payload === undefined) return false;
    // Reports about anything but security come with all of the user's security.
    if (payload.pdu === TAG.report) this.#report = payload.varbinds[0]?.oid ?? this.#report;
    this.#isUnderstood = true;
    this.#varbinds = payload.varbinds;
    return true;
  }

  /** The values of the datagram that the library is handling. It calls back synchronously, after it has verified the datagram. */
  get varbinds(): readonly VarBind[] | undefined {
    return this.#varbinds;
  }

  /** The counter in the last Report. */
  get lastReport(): Oid | undefined {
    return this.#report;
  }

  /** Whether the agent has announced its engine, and answered no request since. */
  get knowsEngineOnly(): boolean {
    return this.#report?.at(-2) === UNKNOWN_ENGINE && !this.#isUnderstood;
  }
}

/** Undefined unless it is well-formed to the end: net-snmp's own parser trusts wrong lengths, also inside authentic messages. */
export function payloadOf(header: V3Header, user: SnmpUser): ScopedPdu | undefined {
  const { data } = header;
  if ('pdu' in data) return data;
  const scoped = decrypted(data.encrypted, header, user);
  if (scoped === undefined) return undefined;
  const reader = BerReader.of(scoped);
  const payload = unlessMalformed(() => readScopedPdu(reader));
  // DES pads its last block.
  return reader.remaining < 8 ? payload : undefined;
}

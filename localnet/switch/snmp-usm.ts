import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** Hash, and octets of the code in a message (RFC 3414, RFC 7860). */
const AUTH = {
  md5: { hash: 'md5', codeLength: 12 },
  sha: { hash: 'sha1', codeLength: 12 },
  sha224: { hash: 'sha224', codeLength: 16 },
  sha256: { hash: 'sha256', codeLength: 24 },
  sha384: { hash: 'sha384', codeLength: 32 },
  sha512: { hash: 'sha512', codeLength: 48 },
} as const;

/** Cipher, octets of its key, and how a key that is too short grows. */
const PRIV = {
  aes: { cipher: 'aes-128-cfb', keyLength: 16, extension: 'none' },
  aes256b: { cipher: 'aes-256-cfb', keyLength: 32, extension: 'blumenthal' },
  aes256r: { cipher: 'aes-256-cfb', keyLength: 32, extension: 'reeder' },
} as const;

/** A user that the simulated agent knows, always with authentication and privacy. */
export interface SimulatedSnmpUser {
  readonly name: string;
  readonly auth: { readonly protocol: keyof typeof AUTH; readonly password: string };
  readonly priv: { readonly protocol: keyof typeof PRIV; readonly password: string };
}

/** When a message was made, on its authoritative engine's clock: boots, and seconds since the last one. */
interface EngineTime {
  readonly boots: number;
  readonly time: number;
}

/** The keys of one user at one engine, and what they do to messages. */
interface Protection {
  /** Octets that the code takes in a message. */
  readonly codeLength: number;
  /** Of a message in which the code's octets are zero. */
  codeOf(message: Buffer): Buffer;
  isCodeOf(code: Buffer, message: Buffer): boolean;
  encrypt(scopedPdu: Buffer, at: EngineTime): { readonly salt: Buffer; readonly encrypted: Buffer };
  decrypt(encrypted: Buffer, salt: Buffer, at: EngineTime): Buffer;
}

/** What RFC 3414 A.2 hashes of the repeated password. */
const PASSWORD_OCTETS = 1_048_576;

function protectionOf({ auth, priv }: SimulatedSnmpUser, engineId: Buffer): Protection {
  const { hash, codeLength } = AUTH[auth.protocol];
  const { cipher, keyLength, extension } = PRIV[priv.protocol];
  const digest = (...parts: readonly Buffer[]): Buffer => createHash(hash).update(Buffer.concat(parts)).digest();
  const localized = (password: Buffer): Buffer => {
    const key = digest(Buffer.alloc(PASSWORD_OCTETS, password));
    return digest(key, engineId, key);
  };
  const authKey = localized(Buffer.from(auth.password));
  const privKey = ((): Buffer => {
    let key = localized(Buffer.from(priv.password));
    let last = key;
    while (key.length < keyLength && extension !== 'none') {
      last = extension === 'reeder' ? localized(last) : digest(key);
      key = Buffer.concat([key, last]);
    }
    return key.subarray(0, keyLength);
  })();
  const codeOf = (message: Buffer): Buffer => createHmac(hash, authKey).update(message).digest().subarray(0, codeLength);
  const ivOf = ({ boots, time }: EngineTime, salt: Buffer): Buffer => {
    const iv = Buffer.alloc(8);
    iv.writeUInt32BE(boots, 0);
    iv.writeUInt32BE(time, 4);
    return Buffer.concat([iv, salt]);
  };

  return {
    codeLength,
    codeOf,
    isCodeOf: (code, message) => code.length === codeLength && timingSafeEqual(code, codeOf(message)),
    encrypt(scopedPdu, at) {
      const salt = randomBytes(8);
      return { salt, encrypted: createCipheriv(cipher, privKey, ivOf(at, salt)).update(scopedPdu) };
    },
    decrypt: (encrypted, salt, at) => createDecipheriv(cipher, privKey, ivOf(at, salt)).update(encrypted),
  };
}

/** A cut or misshapen message; agents drop it. */
class BadMessage extends Error {
  override readonly name = 'BadMessage';
}

/** BER with definite lengths (RFC 3417 section 8), as much of it as the frame of an SNMPv3 message takes. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const integerTlv = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.writeIntBE(value, 0, 5);
  let start = 0;
  // As few octets as keep the sign.
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return tlv(0x02, bytes.subarray(start));
};

export const octetsTlv = (value: Uint8Array | string): Buffer => tlv(0x04, typeof value === 'string' ? Buffer.from(value) : value);

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

/** Reads element after element; throws BadMessage where there is none, or another than is expected. */
export function elementsOf(bytes: Buffer): { next(tag?: number): Element; readonly rest: number } {
  let at = 0;
  return {
    next(tag) {
      const [found, first] = [bytes[at], bytes[at + 1]];
      if (found === undefined || first === undefined || (tag !== undefined && tag !== found))
        throw new BadMessage('another element was due');
      const extra = first < 0x80 ? 0 : first - 0x80;
      if (extra > 3 || at + 2 + extra > bytes.length) throw new BadMessage('a length that is none');
      const length = extra === 0 ? first : bytes.readUIntBE(at + 2, extra);
      const start = at + 2 + extra;
      if (start + length > bytes.length) throw new BadMessage('cut');
      const element = { tag: found, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
      at = start + length;
      return element;
    },
    get rest() {
      return bytes.length - at;
    },
  };
}

function integerOf({ content }: Element): number {
  if (content.length < 1 || content.length > 4) throw new BadMessage('no number');
  return content.readIntBE(0, content.length);
}

const FLAG = { authenticated: 1, encrypted: 2, reportable: 4 } as const;

const VERSION_3 = 3;
const USER_SECURITY_MODEL = 3;
const SEQUENCE = 0x30;
const MAX_SIZE = 65_507;

/** An SNMPv3 message (RFC 3412 section 6, RFC 3414 section 2.4) as it came in: nothing verified, nothing decrypted. */
interface V3Message {
  readonly messageId: number;
  readonly flags: number;
  readonly engineId: Buffer;
  readonly at: EngineTime;
  readonly userName: string;
  readonly code: Buffer;
  readonly salt: Buffer;
  /** The scoped PDU, with tag and length, or its encryption without. */
  readonly data: Buffer;
  /** The whole message with zeros for the code. */
  readonly withoutCode: Buffer;
}

/** Throws BadMessage. */
export function decodeV3(datagram: Buffer): V3Message {
  const message = elementsOf(elementsOf(datagram).next(SEQUENCE).content);
  if (integerOf(message.next(0x02)) !== VERSION_3) throw new BadMessage('another version');
  const global = elementsOf(message.next(SEQUENCE).content);
  const messageId = integerOf(global.next(0x02));
  global.next(0x02);
  const flags = global.next(0x04).content[0] ?? 0;
  const security = elementsOf(elementsOf(message.next(0x04).content).next(SEQUENCE).content);
  const engineId = security.next(0x04).content;
  const at = { boots: integerOf(security.next(0x02)), time: integerOf(security.next(0x02)) };
  const userName = security.next(0x04).content.toString('utf8');
  const code = security.next(0x04).content;
  const salt = security.next(0x04).content;
  const data = message.next();
  const withoutCode = Buffer.from(datagram);
  // The code is a view of the datagram's own memory, so its place is known.
  const start = code.byteOffset - datagram.byteOffset;
  withoutCode.fill(0, start, start + code.length);
  return {
    messageId,
    flags,
    engineId,
    at,
    userName,
    code,
    salt,
    data: (flags & FLAG.encrypted) === 0 ? data.whole : data.content,
    withoutCode,
  };
}

interface OutgoingV3 {
  readonly messageId: number;
  readonly engineId: Buffer;
  readonly at: EngineTime;
  readonly userName: string;
  /** Authenticated and encrypted with it, only authenticated, or neither. */
  readonly security: { readonly level: 'authPriv' | 'authNoPriv'; readonly protection: Protection } | { readonly level: 'noAuthNoPriv' };
  readonly context: string;
  /** With tag and length. */
  readonly pdu: Buffer;
}

export function encodeV3({ messageId, engineId, at, userName, security, context, pdu }: OutgoingV3): Buffer {
  const scoped = tlv(SEQUENCE, octetsTlv(engineId), octetsTlv(context), pdu);
  const encryption = security.level === 'authPriv' ? security.protection.encrypt(scoped, at) : undefined;
  const flags = security.level === 'noAuthNoPriv' ? 0 : FLAG.authenticated | (encryption === undefined ? 0 : FLAG.encrypted);
  const withCode = (code: Buffer): Buffer =>
    tlv(
      SEQUENCE,
      integerTlv(VERSION_3),
      tlv(SEQUENCE, integerTlv(messageId), integerTlv(MAX_SIZE), octetsTlv(Buffer.from([flags])), integerTlv(USER_SECURITY_MODEL)),
      octetsTlv(
        tlv(
          SEQUENCE,
          octetsTlv(engineId),
          integerTlv(at.boots),
          integerTlv(at.time),
          octetsTlv(userName),
          octetsTlv(code),
          octetsTlv(encryption?.salt ?? ''),
        ),
      ),
      encryption === undefined ? scoped : octetsTlv(encryption.encrypted),
    );
  if (security.level === 'noAuthNoPriv') return withCode(Buffer.alloc(0));
  const { protection } = security;
  return withCode(protection.codeOf(withCode(Buffer.alloc(protection.codeLength))));
}

/** The context's name and the PDU, with tag and length, of a scoped PDU. Throws BadMessage. */
function scopedPduOf(scoped: Buffer): { readonly context: string; readonly pdu: Buffer } {
  const parts = elementsOf(elementsOf(scoped).next(SEQUENCE).content);
  parts.next(0x04);
  const context = parts.next(0x04).content.toString('utf8');
  return { context, pdu: parts.next().whole };
}

interface EngineOptions {
  readonly user: SimulatedSnmpUser;
  readonly engineId: Buffer;
  /** Boots, and whole seconds since the last. */
  readonly now: () => EngineTime;
}

/** What an agent does with a message: answer its request, report what is wrong with it, or drop it. */
type Received =
  | {
      readonly kind: 'request';
      readonly context: string;
      /** With tag and length. */
      readonly pdu: Buffer;
      /** The message that answers it with this PDU. */
      respond(pdu: Buffer): Buffer;
      /** The report of an unknown context. */
      refuseContext(): Buffer;
    }
  | { readonly kind: 'report'; readonly message: Buffer };

export interface UsmEngine {
  /** Undefined for what agents drop. */
  receive(datagram: Buffer): Received | undefined;
  /** A message of its own, such as a trap: this engine is the authoritative one. */
  send(pdu: Buffer, context: string): Buffer;
}

/** usmStats (RFC 3414 section 5). */
const REPORT = { unsupportedLevel: 1, notInTimeWindow: 2, unknownUser: 3, unknownEngine: 4, wrongDigest: 5 } as const;
const USM_STATS = [1, 3, 6, 1, 6, 3, 15, 1, 1];
const UNKNOWN_CONTEXTS = [1, 3, 6, 1, 6, 3, 12, 1, 5];
const TIME_WINDOW_S = 150;
const LEVEL_MASK = FLAG.authenticated | FLAG.encrypted;

/** An authoritative engine (RFC 3414 section 3.2) with one user. The messages that it drops or reports are those that Net-SNMP does. */
export function createUsmEngine({ user, engineId, now }: EngineOptions): UsmEngine {
  // Deriving keys takes a millisecond each; only who asks pays for it.
  let keys: Protection | undefined;
  const protection = (): Protection => {
    keys ??= protectionOf(user, engineId);
    return keys;
  };
  const report = (
    { messageId }: V3Message,
    counter: readonly number[],
    level: 'noAuthNoPriv' | 'authNoPriv' | 'authPriv' = 'noAuthNoPriv',
  ): Buffer =>
    encodeV3({
      messageId,
      engineId,
      at: now(),
      userName: level === 'noAuthNoPriv' ? '' : user.name,
      security: level === 'noAuthNoPriv' ? { level } : { level, protection: protection() },
      context: '',
      pdu: reportPdu(counter),
    });

  const problemOf = (message: V3Message): number | undefined => {
    if (!message.engineId.equals(engineId)) return REPORT.unknownEngine;
    if (message.userName !== user.name) return REPORT.unknownUser;
    if ((message.flags & LEVEL_MASK) !== LEVEL_MASK) return REPORT.unsupportedLevel;
    if (!protection().isCodeOf(message.code, message.withoutCode)) return REPORT.wrongDigest;
    const { boots, time } = now();
    return message.at.boots === boots && Math.abs(message.at.time - time) <= TIME_WINDOW_S ? undefined : REPORT.notInTimeWindow;
  };

  return {
    receive(datagram) {
      try {
        const message = decodeV3(datagram);
        const problem = problemOf(message);
        if (problem !== undefined) {
          if ((message.flags & FLAG.reportable) === 0) return undefined;
          const level = problem === REPORT.notInTimeWindow ? 'authNoPriv' : 'noAuthNoPriv';
          return { kind: 'report', message: report(message, [...USM_STATS, problem], level) };
        }
        if (message.salt.length !== 8) return undefined;
        const { context, pdu } = scopedPduOf(protection().decrypt(message.data, message.salt, message.at));
        const { messageId } = message;
        const answer = {
          messageId,
          engineId,
          userName: user.name,
          security: { level: 'authPriv', protection: protection() },
          context,
        } as const;
        return {
          kind: 'request',
          context,
          pdu,
          respond: (response) => encodeV3({ ...answer, at: now(), pdu: response }),
          refuseContext: () => report(message, UNKNOWN_CONTEXTS, 'authPriv'),
        };
      } catch (error) {
        if (error instanceof BadMessage) return undefined;
        throw error;
      }
    },
    send: (pdu, context) =>
      encodeV3({
        messageId: randomInt(2 ** 31),
        engineId,
        at: now(),
        userName: user.name,
        security: { level: 'authPriv', protection: protection() },
        context,
        pdu,
      }),
  };
}

/** A Report with one counter, which stands at 1. */
function reportPdu(counter: readonly number[]): Buffer {
  const [first = 0, second = 0, ...others] = [...counter, 0];
  // All numbers of these names are below 128: an octet each.
  const name = tlv(0x06, Buffer.from([first * 40 + second, ...others]));
  const varbind = tlv(0x30, name, tlv(0x41, Buffer.from([1])));
  return tlv(0xa8, integerTlv(0), integerTlv(0), integerTlv(0), tlv(0x30, varbind));
}

import type { EngineTime, Protection } from './protection.ts';
import { BadMessage, elementsOf, integerOf, integerTlv, octetsTlv, tlv } from './tlv.ts';

export const FLAG = { authenticated: 1, encrypted: 2, reportable: 4 } as const;

const VERSION_3 = 3;
const USER_SECURITY_MODEL = 3;
const SEQUENCE = 0x30;
const MAX_SIZE = 65_507;

/** An SNMPv3 message (RFC 3412 section 6, RFC 3414 section 2.4) as it came in: nothing verified, nothing decrypted. */
export interface V3Message {
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

export interface OutgoingV3 {
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
export function scopedPduOf(scoped: Buffer): { readonly context: string; readonly pdu: Buffer } {
  const parts = elementsOf(elementsOf(scoped).next(SEQUENCE).content);
  parts.next(0x04);
  const context = parts.next(0x04).content.toString('utf8');
  return { context, pdu: parts.next().whole };
}

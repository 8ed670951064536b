import { randomInt } from 'node:crypto';
import { type EngineTime, type Protection, protectionOf, type SimulatedSnmpUser } from './protection.ts';
import { BadMessage, integerTlv, tlv } from './tlv.ts';
import { decodeV3, encodeV3, FLAG, scopedPduOf, type V3Message } from './v3-message.ts';

export interface EngineOptions {
  readonly user: SimulatedSnmpUser;
  readonly engineId: Buffer;
  /** Boots, and whole seconds since the last. */
  readonly now: () => EngineTime;
}

/** What an agent does with a message: answer its request, report what is wrong with it, or drop it. */
export type Received =
  | {
      readonly kind: 'request';
      readonly context: string;
      /** With tag and length. */
      readonly pdu: Buffer;
      /** The message that answers it with this PDU. */
      respond(pdu: Buffer): Buffer;
      /** The message that says that there is no such context. */
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

import { BerReader, MalformedDatagram, TAG } from './ber.ts';

/** A value of a response, as far as this collector has a use for its type. */
export type SnmpValue =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'unsigned'; readonly type: 'counter32' | 'gauge32' | 'timeTicks'; readonly value: number }
  | { readonly kind: 'octets'; readonly value: Buffer }
  | { readonly kind: 'oid'; readonly value: readonly number[] }
  | { readonly kind: 'exception'; readonly exception: 'noSuchObject' | 'noSuchInstance' | 'endOfMibView' }
  | { readonly kind: 'other'; readonly tag: number };

export interface VarBind {
  readonly oid: readonly number[];
  readonly value: SnmpValue;
}

/** An SNMPv2c message (RFC 1901, RFC 3416): a response, a trap or an inform. */
export interface SnmpMessage {
  /** BER tag of the PDU. */
  readonly pdu: number;
  readonly requestId: number;
  readonly community: string;
  /** In a response: 0 is success; the others are RFC 3416's error-status. */
  readonly errorStatus: number;
  readonly varbinds: readonly VarBind[];
}

/** Well-formed answers that break the rules of SNMP or of the MIB; nothing that this agent said in the same walk is used. */
export class DisorderlyAgent extends Error {
  override readonly name = 'DisorderlyAgent';
}

const VERSION_2C = 1;

/**
 * Decodes one datagram that is to be a message of SNMPv2c with one of these PDUs. Throws MalformedDatagram for everything that is not so to
 * the last octet: snmp-native's own parser checks few lengths and would hand out a cut message's values.
 */
export function decodeMessage(datagram: Buffer, pdus: readonly number[]): SnmpMessage {
  const outer = BerReader.of(datagram);
  const message = outer.expect(TAG.sequence);
  outer.finish();
  if (message.expect(TAG.integer).signed() !== VERSION_2C) throw new MalformedDatagram('not SNMPv2c');
  const community = message.expect(TAG.octetString).rest().toString('utf8');
  const { tag, content: pdu } = message.next();
  if (!pdus.includes(tag)) throw new MalformedDatagram(`a PDU with tag ${tag}`);
  message.finish();
  return { pdu: tag, community, ...readPdu(pdu) };
}

/** What every PDU but those of SNMPv1's traps holds, to its end. Throws MalformedDatagram. */
export function readPdu(pdu: BerReader): Pick<SnmpMessage, 'requestId' | 'errorStatus' | 'varbinds'> {
  const requestId = pdu.expect(TAG.integer).signed();
  const errorStatus = pdu.expect(TAG.integer).signed();
  pdu.expect(TAG.integer).signed();
  const list = pdu.expect(TAG.sequence);
  pdu.finish();
  const varbinds: VarBind[] = [];
  while (list.remaining > 0) varbinds.push(varbind(list.expect(TAG.sequence)));
  return { requestId, errorStatus, varbinds };
}

export function decodeResponse(datagram: Buffer): SnmpMessage {
  return decodeMessage(datagram, [TAG.response]);
}

function varbind(reader: BerReader): VarBind {
  const oid = reader.expect(TAG.oid).objectIdentifier();
  const { tag, content } = reader.next();
  reader.finish();
  return { oid, value: snmpValue(tag, content) };
}

function snmpValue(tag: number, content: BerReader): SnmpValue {
  switch (tag) {
    case TAG.integer:
      return { kind: 'integer', value: content.signed() };
    case TAG.counter32:
      return { kind: 'unsigned', type: 'counter32', value: content.unsigned() };
    case TAG.gauge32:
      return { kind: 'unsigned', type: 'gauge32', value: content.unsigned() };
    case TAG.timeTicks:
      return { kind: 'unsigned', type: 'timeTicks', value: content.unsigned() };
    case TAG.octetString:
      return { kind: 'octets', value: content.rest() };
    case TAG.oid:
      return { kind: 'oid', value: content.objectIdentifier() };
    case TAG.noSuchObject:
    case TAG.noSuchInstance:
    case TAG.endOfMibView:
      content.finish();
      return { kind: 'exception', exception: EXCEPTIONS[tag] };
    default:
      return { kind: 'other', tag };
  }
}

const EXCEPTIONS = {
  [TAG.noSuchObject]: 'noSuchObject',
  [TAG.noSuchInstance]: 'noSuchInstance',
  [TAG.endOfMibView]: 'endOfMibView',
} as const;

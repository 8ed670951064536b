export class MalformedDatagram extends Error {
  override readonly name = 'MalformedDatagram';
}

/** What `read` makes of a datagram; undefined where that is malformed. */
export function unlessMalformed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedDatagram) return undefined;
    throw error;
  }
}

export const TAG = {
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  counter32: 0x41,
  gauge32: 0x42,
  timeTicks: 0x43,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
  getRequest: 0xa0,
  response: 0xa2,
  informRequest: 0xa6,
  trap: 0xa7,
  report: 0xa8,
} as const;

/** RFC 3416 section 4.1 keeps object identifiers to 128 numbers. */
const MAX_OID_LENGTH = 128;
const MAX_SUB_IDENTIFIER = 0xffff_ffff;

interface BerElement {
  readonly tag: number;
  readonly content: BerReader;
}

/**
 * A strict reader of ASN.1 BER as SNMP uses it (RFC 3417 section 8: definite lengths only). Each element must lie wholly inside its container,
 * and the reader of a container must reach its end, so a cut or altered datagram is refused as a whole.
 */
export class BerReader {
  #at: number;

  constructor(
    private readonly bytes: Buffer,
    start: number,
    private readonly end: number,
  ) {
    this.#at = start;
  }

  static of(bytes: Buffer): BerReader {
    return new BerReader(bytes, 0, bytes.length);
  }

  get remaining(): number {
    return this.end - this.#at;
  }

  /** Where the next element begins, in the bytes that were given to `of`. */
  get position(): number {
    return this.#at;
  }

  next(): BerElement {
    const tag = this.#octet();
    const length = this.#length();
    if (length > this.remaining) throw new MalformedDatagram('an element is longer than its container');
    const start = this.#at;
    this.#at += length;
    return { tag, content: new BerReader(this.bytes, start, this.#at) };
  }

  /** The next element, which must have this tag. */
  expect(tag: number): BerReader {
    const element = this.next();
    if (element.tag !== tag) throw new MalformedDatagram(`tag ${element.tag} where ${tag} belongs`);
    return element.content;
  }

  finish(): void {
    if (this.remaining !== 0) throw new MalformedDatagram('bytes left over');
  }

  /** The rest, as a signed number of one to four octets. */
  signed(): number {
    if (this.remaining < 1 || this.remaining > 4) throw new MalformedDatagram(`an integer of ${this.remaining} octets`);
    return this.rest().readIntBE(0, this.#take());
  }

  /** The rest, as an unsigned number below 2^32; agents write it in up to five octets, or wrongly in four with the top bit set. */
  unsigned(): number {
    if (this.remaining < 1 || this.remaining > 5) throw new MalformedDatagram(`an unsigned number of ${this.remaining} octets`);
    const value = this.rest().readUIntBE(0, this.#take());
    if (value > MAX_SUB_IDENTIFIER) throw new MalformedDatagram('an unsigned number beyond 32 bits');
    return value;
  }

  objectIdentifier(): number[] {
    const first = this.#subIdentifier();
    const root = Math.min(2, Math.floor(first / 40));
    const oid = [root, first - root * 40];
    while (this.remaining > 0) {
      if (oid.length === MAX_OID_LENGTH) throw new MalformedDatagram('an object identifier of more than 128 numbers');
      oid.push(this.#subIdentifier());
    }
    return oid;
  }

  /** The rest, without consuming it. */
  rest(): Buffer {
    return this.bytes.subarray(this.#at, this.end);
  }

  #take(): number {
    const length = this.remaining;
    this.#at = this.end;
    return length;
  }

  #octet(): number {
    const octet = this.#at < this.end ? this.bytes[this.#at] : undefined;
    if (octet === undefined) throw new MalformedDatagram('cut short');
    this.#at += 1;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const octets = first - 0x80;
    if (octets < 1 || octets > 4) throw new MalformedDatagram(`a length of ${octets} octets`);
    let length = 0;
    for (let read = 0; read < octets; read += 1) length = length * 256 + this.#octet();
    return length;
  }

  #subIdentifier(): number {
    let value = 0;
    for (;;) {
      const octet = this.#octet();
      value = value * 128 + (octet & 0x7f);
      if (value > MAX_SUB_IDENTIFIER) throw new MalformedDatagram('a number beyond 32 bits in an object identifier');
      if (octet < 0x80) return value;
    }
  }
}

export type Oid = readonly number[];

/** Lexicographic order of object identifiers (RFC 3416 section 2.2). */
export function compareOids(left: Oid, right: Oid): number {
  for (const [position, part] of left.entries()) {
    const other = right[position];
    if (other === undefined) return 1;
    if (part !== other) return part - other;
  }
  return left.length - right.length;
}

/** A value of a response, as far as this collector uses its type. */
export type SnmpValue =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'unsigned'; readonly type: 'counter32' | 'gauge32' | 'timeTicks'; readonly value: number }
  | { readonly kind: 'octets'; readonly value: Buffer }
  | { readonly kind: 'oid'; readonly value: Oid }
  | { readonly kind: 'exception'; readonly exception: 'noSuchObject' | 'noSuchInstance' | 'endOfMibView' }
  | { readonly kind: 'other'; readonly tag: number };

export interface VarBind {
  readonly oid: Oid;
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

const VERSION_2C = 1;

/**
 * Decodes one datagram that should be a message of SNMPv2c with one of these PDUs. Throws MalformedDatagram for anything else, to the last
 * octet: snmp-native's own parser checks few lengths and would return values of a cut message.
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

/** Reads a PDU to its end; SNMPv1's traps have another layout. Throws MalformedDatagram. */
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

const SNMP_TRAP_OID: Oid = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/** The OID that names a notification: its second varbind, after sysUpTime.0 (RFC 3416 section 4.2.6). */
export function trapOidIn(varbinds: readonly VarBind[]): Oid | undefined {
  const second = varbinds[1];
  return second?.value.kind === 'oid' && compareOids(second.oid, SNMP_TRAP_OID) === 0 ? second.value.value : undefined;
}

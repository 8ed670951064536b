import { BerReader, TAG } from './ber.ts';
import { compareOids } from './column-walk.ts';
import type { Oid } from './peer-mib.ts';
import { decodeMessage, type VarBind } from './response.ts';

/** A trap or an inform of SNMPv2c. */
export interface Notification {
  readonly community: string;
  /** snmpTrapOID.0; undefined in a notification that lacks it. */
  readonly what: Oid | undefined;
  /** For an inform: the message that acknowledges it. */
  readonly acknowledgement?: Buffer;
}

const SNMP_TRAP_OID: Oid = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

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

export function isBgpNotification(what: Oid): boolean {
  return BGP_NOTIFICATIONS.some((known) => compareOids(known, what) === 0);
}

/** Throws MalformedDatagram for whatever is not, to the last octet, a trap or an inform of SNMPv2c. */
export function decodeNotification(datagram: Buffer): Notification {
  const { pdu, community, varbinds } = decodeMessage(datagram, [TAG.trap, TAG.informRequest]);
  return {
    community,
    what: trapOidIn(varbinds),
    ...(pdu === TAG.informRequest ? { acknowledgement: acknowledgementOf(datagram) } : {}),
  };
}

/** RFC 3416 section 4.2.6: the second varbind, after sysUpTime.0. */
function trapOidIn(varbinds: readonly VarBind[]): Oid | undefined {
  const second = varbinds[1];
  return second?.value.kind === 'oid' && compareOids(second.oid, SNMP_TRAP_OID) === 0 ? second.value.value : undefined;
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

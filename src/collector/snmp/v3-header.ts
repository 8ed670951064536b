import { BerReader, MalformedDatagram, TAG } from './ber.ts';
import { readPdu } from './response.ts';
import type { SnmpUser } from './v3-user.ts';

/** What an SNMPv3 message says of itself in clear (RFC 3412 section 6, RFC 3414 section 2.4). Nothing of it is authenticated yet. */
export interface V3Header {
  readonly messageId: number;
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

/** What is inside the security. */
export interface ScopedPdu {
  /** BER tag. */
  readonly pdu: number;
  /** The first name in it: in a Report the counter that it tells of, such as usmStatsUnknownUserNames. */
  readonly about: readonly number[] | undefined;
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
 * Reads the header, and finds the message whole to the last octet. Throws MalformedDatagram for everything else: net-snmp's own parser believes
 * lengths that it should not.
 */
export function readV3Header(datagram: Buffer): V3Header {
  const outer = BerReader.of(datagram);
  const message = outer.expect(TAG.sequence);
  outer.finish();
  if (message.expect(TAG.integer).signed() !== VERSION_3) throw new MalformedDatagram('not SNMPv3');

  const global = message.expect(TAG.sequence);
  const messageId = global.expect(TAG.integer).signed();
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
  return { messageId, isAuthenticated, isEncrypted, isReportable, engineId, boots, time, userName, salt, data };
}

/** The next element, which has to be a scoped PDU that is whole and well-formed in all of its values. Throws MalformedDatagram. */
export function readScopedPdu(reader: BerReader): ScopedPdu {
  const scoped = reader.expect(TAG.sequence);
  octets(scoped, MAX_ENGINE_ID);
  scoped.expect(TAG.octetString);
  const { tag, content } = scoped.next();
  scoped.finish();
  return { pdu: tag, about: readPdu(content).varbinds[0]?.oid };
}

export function headerOrUndefined(datagram: Buffer): V3Header | undefined {
  try {
    return readV3Header(datagram);
  } catch (error) {
    if (error instanceof MalformedDatagram) return undefined;
    throw error;
  }
}

/** Whether the message claims to be from this user, with all of its security. The claim is still to be verified. */
export function isSecuredBy({ isAuthenticated, isEncrypted, userName }: V3Header, { name, auth, priv }: SnmpUser): boolean {
  return userName === name && isAuthenticated === (auth !== undefined) && isEncrypted === (priv !== undefined);
}

function octets(reader: BerReader, longest: number): Buffer {
  const bytes = reader.expect(TAG.octetString).rest();
  if (bytes.length > longest) throw new MalformedDatagram(`a string of ${bytes.length} octets where ${longest} fit`);
  return bytes;
}

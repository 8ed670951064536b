import { BerReader, MalformedDatagram, TAG } from './ber.ts';
import { decrypted } from './v3-decryption.ts';
import { headerOrUndefined, isSecuredBy, readScopedPdu, type V3Header } from './v3-header.ts';
import type { SnmpUser } from './v3-user.ts';

/** Decides what net-snmp gets to see of what comes from the agent's address, and remembers what it was. */
export interface V3Admission {
  admits(datagram: Buffer): boolean;
  /** The counter that the last Report told of. */
  lastReport(): readonly number[] | undefined;
  /** Whether the agent has told its engine, and answered nothing since. */
  knowsEngineOnly(): boolean;
}

/** usmStatsUnknownEngineIDs (RFC 3414): the Report that ends a discovery. */
const UNKNOWN_ENGINE = 4;
/** An agent has one, and another after a restart at most. */
const MAX_ENGINES = 4;

/**
 * Admits what the user has secured as asked and is well-formed inside; and Reports, which tell of what could not be. Whether the security is
 * genuine is for net-snmp to verify.
 */
export function createV3Admission(user: SnmpUser): V3Admission {
  const engines = new Set<string>();
  let report: readonly number[] | undefined;
  let understood = false;
  return {
    admits(datagram) {
      const header = headerOrUndefined(datagram);
      if (header === undefined) return false;
      const { data, engineId } = header;
      if ('pdu' in data && data.pdu === TAG.report) {
        report = data.about ?? report;
        if (engines.size < MAX_ENGINES) engines.add(engineId.toString('hex'));
        return true;
      }
      // A key is derived for the agent's own engine only.
      if (!isSecuredBy(header, user) || !engines.has(engineId.toString('hex')) || !isWhole(header, user)) return false;
      understood = true;
      return true;
    },
    lastReport: () => report,
    knowsEngineOnly: () => report?.at(-2) === UNKNOWN_ENGINE && !understood,
  };
}

/** net-snmp's own parser believes lengths that it should not, also inside of what is authentic. */
function isWhole(header: V3Header, user: SnmpUser): boolean {
  const { data } = header;
  // In clear it has been read to the end already.
  if ('pdu' in data) return true;
  const scoped = decrypted(data.encrypted, header, user);
  if (scoped === undefined) return false;
  try {
    const reader = BerReader.of(scoped);
    readScopedPdu(reader);
    // DES fills its last block.
    return reader.remaining < 8;
  } catch (error) {
    if (error instanceof MalformedDatagram) return false;
    throw error;
  }
}

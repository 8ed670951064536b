import { createCipheriv } from 'node:crypto';
import { AgentError } from '../../lib/index.ts';

/** Authentication protocols of SNMPv3: HMAC-MD5-96 and HMAC-SHA-96 (RFC 3414), the SHA-2 ones (RFC 7860). */
export const SNMP_AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
export type SnmpAuthProtocol = (typeof SNMP_AUTH_PROTOCOLS)[number];

/**
 * Privacy protocols: CBC-DES (RFC 3414), CFB128-AES-128 (RFC 3826), and AES-256, for which two drafts extend the key differently:
 * `aes256b` is draft-blumenthal-aes-usm (Net-SNMP's), `aes256r` draft-reeder-snmpv3-usm-3desede (Cisco's and EOS's).
 */
export const SNMP_PRIV_PROTOCOLS = ['des', 'aes', 'aes256b', 'aes256r'] as const;
export type SnmpPrivProtocol = (typeof SNMP_PRIV_PROTOCOLS)[number];

/** A user of the switch's SNMP agent, as in `snmp-server user NAME GROUP v3 auth sha … priv aes …`. Privacy needs authentication. */
export interface SnmpUser {
  readonly name: string;
  readonly auth?: { readonly protocol: SnmpAuthProtocol; readonly password: string };
  readonly priv?: { readonly protocol: SnmpPrivProtocol; readonly password: string };
}

/** RFC 3414 section 11.2. */
const SHORTEST_PASSWORD = 8;

/** Throws SNMP__USER_INVALID for what no agent could accept, and for a cipher that this Node.js lacks. */
export function requireUsable({ name, auth, priv }: SnmpUser): void {
  const invalid = (problem: string): AgentError => new AgentError('SNMP__USER_INVALID', { user: name, problem });
  if (name === '' || Buffer.byteLength(name) > 32) throw invalid('a name has 1 to 32 octets');
  if (auth === undefined && priv !== undefined) throw invalid('privacy needs authentication');
  if (auth !== undefined && auth.password.length < SHORTEST_PASSWORD)
    throw invalid(`the password for authentication has less than ${SHORTEST_PASSWORD} characters`);
  if (priv !== undefined && priv.password.length < SHORTEST_PASSWORD)
    throw invalid(`the password for privacy has less than ${SHORTEST_PASSWORD} characters`);
  if (priv?.protocol === 'des' && !hasDes()) throw invalid('the OpenSSL of this Node.js has no DES; use aes');
}

/** OpenSSL 3 lists DES among its ciphers also where it refuses to use it. */
function hasDes(): boolean {
  try {
    createCipheriv('des-cbc', Buffer.alloc(8, 1), Buffer.alloc(8));
    return true;
  } catch {
    return false;
  }
}

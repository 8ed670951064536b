import { AuthProtocols, PrivProtocols, SecurityLevel, type User } from 'net-snmp';
import type { SnmpAuthProtocol, SnmpPrivProtocol, SnmpUser } from './v3-user.ts';

/** The protocols by the library's numbers. */
export const AUTH: Readonly<Record<SnmpAuthProtocol, Exclude<AuthProtocols, AuthProtocols.none>>> = {
  md5: AuthProtocols.md5,
  sha: AuthProtocols.sha,
  sha224: AuthProtocols.sha224,
  sha256: AuthProtocols.sha256,
  sha384: AuthProtocols.sha384,
  sha512: AuthProtocols.sha512,
};

export const PRIV: Readonly<Record<SnmpPrivProtocol, Exclude<PrivProtocols, PrivProtocols.none>>> = {
  des: PrivProtocols.des,
  aes: PrivProtocols.aes,
  aes256b: PrivProtocols.aes256b,
  aes256r: PrivProtocols.aes256r,
};

/** The user in net-snmp's words. Only files that are loaded on demand may import this one: it loads the library. */
export function netSnmpUser({ name, auth, priv }: SnmpUser): User {
  return {
    name,
    level: auth === undefined ? SecurityLevel.noAuthNoPriv : priv === undefined ? SecurityLevel.authNoPriv : SecurityLevel.authPriv,
    ...(auth === undefined ? {} : { authProtocol: AUTH[auth.protocol], authKey: auth.password }),
    ...(priv === undefined ? {} : { privProtocol: PRIV[priv.protocol], privKey: priv.password }),
  };
}

import { createDecipheriv } from 'node:crypto';
import { Authentication, AuthProtocols, Encryption, PrivProtocols, SecurityLevel, type User } from 'net-snmp';
import type { V3Header } from './v3-header.ts';
import type { SnmpAuthProtocol, SnmpPrivProtocol, SnmpUser } from './v3-user.ts';

const AUTH: Readonly<Record<SnmpAuthProtocol, Exclude<AuthProtocols, AuthProtocols.none>>> = {
  md5: AuthProtocols.md5,
  sha: AuthProtocols.sha,
  sha224: AuthProtocols.sha224,
  sha256: AuthProtocols.sha256,
  sha384: AuthProtocols.sha384,
  sha512: AuthProtocols.sha512,
};

const PRIV: Readonly<Record<SnmpPrivProtocol, Exclude<PrivProtocols, PrivProtocols.none>>> = {
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

/**
 * Decrypts what the header's message holds. Nothing tells whether the key was the right one but that sense comes out. Undefined for a user
 * without privacy, and for what cannot be of the cipher.
 */
export function decrypted(encrypted: Buffer, { engineId, boots, time, salt }: V3Header, { auth, priv }: SnmpUser): Buffer | undefined {
  if (auth === undefined || priv === undefined) return undefined;
  const algorithm = Encryption.algorithms[PRIV[priv.protocol]];
  const key = algorithm.localizationAlgorithm(algorithm, AUTH[auth.protocol], priv.password, engineId);
  try {
    const iv =
      priv.protocol === 'des'
        ? desVector(Authentication.passwordToKey(AUTH[auth.protocol], priv.password, engineId), salt)
        : aesVector(boots, time, salt);
    return createDecipheriv(algorithm.CRYPTO_ALGORITHM, key, iv).setAutoPadding(false).update(encrypted);
  } catch {
    return undefined;
  }
}

/** RFC 3826 section 3.1.2.1. */
function aesVector(boots: number, time: number, salt: Buffer): Buffer {
  const clock = Buffer.alloc(8);
  clock.writeUInt32BE(boots, 0);
  clock.writeUInt32BE(time, 4);
  return Buffer.concat([clock, salt]);
}

/** RFC 3414 section 8.1.1.1: the salt upon the key's second half. */
function desVector(key: Buffer, salt: Buffer): Buffer {
  return Buffer.from(salt.map((octet, position) => octet ^ (key[8 + position] ?? 0)));
}

import { createDecipheriv } from 'node:crypto';
import { Authentication, Encryption } from 'net-snmp';
import { AUTH, PRIV } from './net-snmp-user.ts';
import type { V3Header } from './v3-header.ts';
import type { SnmpUser } from './v3-user.ts';

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

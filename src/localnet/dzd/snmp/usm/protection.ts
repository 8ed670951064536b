import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Hash, and octets of the code in a message (RFC 3414, RFC 7860). */
const AUTH = {
  md5: { hash: 'md5', codeLength: 12 },
  sha: { hash: 'sha1', codeLength: 12 },
  sha224: { hash: 'sha224', codeLength: 16 },
  sha256: { hash: 'sha256', codeLength: 24 },
  sha384: { hash: 'sha384', codeLength: 32 },
  sha512: { hash: 'sha512', codeLength: 48 },
} as const;

/** Cipher, octets of its key, and how a key that is too short grows. */
const PRIV = {
  aes: { cipher: 'aes-128-cfb', keyLength: 16, extension: 'none' },
  aes256b: { cipher: 'aes-256-cfb', keyLength: 32, extension: 'blumenthal' },
  aes256r: { cipher: 'aes-256-cfb', keyLength: 32, extension: 'reeder' },
} as const;

/** A user that the simulated agent knows, always with authentication and privacy. */
export interface SimulatedSnmpUser {
  readonly name: string;
  readonly auth: { readonly protocol: keyof typeof AUTH; readonly password: string };
  readonly priv: { readonly protocol: keyof typeof PRIV; readonly password: string };
}

/** When a message was made, on its authoritative engine's clock: boots, and seconds since the last one. */
export interface EngineTime {
  readonly boots: number;
  readonly time: number;
}

/** The keys of one user at one engine, and what they do to messages. */
export interface Protection {
  /** Octets that the code takes in a message. */
  readonly codeLength: number;
  /** Of a message in which the code's octets are zero. */
  codeOf(message: Buffer): Buffer;
  isCodeOf(code: Buffer, message: Buffer): boolean;
  encrypt(scopedPdu: Buffer, at: EngineTime): { readonly salt: Buffer; readonly encrypted: Buffer };
  decrypt(encrypted: Buffer, salt: Buffer, at: EngineTime): Buffer;
}

/** What RFC 3414 A.2 hashes of the repeated password. */
const PASSWORD_OCTETS = 1_048_576;

export function protectionOf({ auth, priv }: SimulatedSnmpUser, engineId: Buffer): Protection {
  const { hash, codeLength } = AUTH[auth.protocol];
  const { cipher, keyLength, extension } = PRIV[priv.protocol];
  const digest = (...parts: readonly Buffer[]): Buffer => createHash(hash).update(Buffer.concat(parts)).digest();
  const localized = (password: Buffer): Buffer => {
    const key = digest(Buffer.alloc(PASSWORD_OCTETS, password));
    return digest(key, engineId, key);
  };
  const authKey = localized(Buffer.from(auth.password));
  const privKey = ((): Buffer => {
    let key = localized(Buffer.from(priv.password));
    let last = key;
    while (key.length < keyLength && extension !== 'none') {
      last = extension === 'reeder' ? localized(last) : digest(key);
      key = Buffer.concat([key, last]);
    }
    return key.subarray(0, keyLength);
  })();
  const codeOf = (message: Buffer): Buffer => createHmac(hash, authKey).update(message).digest().subarray(0, codeLength);
  const ivOf = ({ boots, time }: EngineTime, salt: Buffer): Buffer => {
    const iv = Buffer.alloc(8);
    iv.writeUInt32BE(boots, 0);
    iv.writeUInt32BE(time, 4);
    return Buffer.concat([iv, salt]);
  };

  return {
    codeLength,
    codeOf,
    isCodeOf: (code, message) => code.length === codeLength && timingSafeEqual(code, codeOf(message)),
    encrypt(scopedPdu, at) {
      const salt = randomBytes(8);
      return { salt, encrypted: createCipheriv(cipher, privKey, ivOf(at, salt)).update(scopedPdu) };
    },
    decrypt: (encrypted, salt, at) => createDecipheriv(cipher, privKey, ivOf(at, salt)).update(encrypted),
  };
}

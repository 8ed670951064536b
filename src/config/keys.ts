import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { AgentError } from '../lib/index.ts';
import { type Address, addressOf, isAddress } from '../serviceability/index.ts';
import { accessWarnings, decodeText, FileProblem, readSmallFile } from './files.ts';

/** A key that signs and cannot be read: its bytes are in a node:crypto KeyObject in a closure, out of reach of logs and inspection. */
export interface Keypair {
  readonly address: Address;
  /** The 64-byte ed25519 signature (RFC 8032) of the message. */
  sign(message: Uint8Array): Uint8Array;
}

export interface LoadedKeypair {
  readonly keypair: Keypair;
  /** One line each; the caller logs them. */
  readonly warnings: readonly string[];
}

const SEED_BYTES = 32;
const KEYPAIR_BYTES = 64;
/** The white space of JSON. */
const SPACE: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** 64 numbers of three digits, with much white space. */
const MAX_FILE_BYTES = 4_096;

/** The bytes before an ed25519 seed in PKCS #8 (RFC 8410 section 7: PrivateKeyInfo, OID 1.3.101.112, OCTET STRING in OCTET STRING). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Loads a keypair file of the Solana command line tools: a JSON array of 64 bytes, the ed25519 seed and then the public key.
 * Throws AgentError `CONFIG__KEYPAIR_…`; neither the error nor its cause ever contains a part of the file.
 */
export function loadKeypair(file: string | undefined): LoadedKeypair {
  if (file === undefined) throw new AgentError('CONFIG__KEYPAIR_NOT_NAMED', {});
  try {
    const content = readSmallFile(file, MAX_FILE_BYTES);
    const bytes = keyBytesOf(content.bytes, file);
    try {
      return { keypair: keypairOf(bytes, file), warnings: accessWarnings('the key file', file, content) };
    } finally {
      bytes.fill(0);
    }
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    if (error.kind === 'missing') throw new AgentError('CONFIG__KEYPAIR_MISSING', { file });
    throw new AgentError('CONFIG__KEYPAIR_UNREADABLE', { file, problem: error.message });
  }
}

/** The 64 bytes. A file of them is overwritten in memory, and never becomes text, which nothing could overwrite. */
function keyBytesOf(content: Uint8Array, file: string): Uint8Array {
  try {
    return numbersIn(content) ?? keyBytesOfText(decodeText(content), file);
  } finally {
    content.fill(0);
  }
}

/** The numbers of `[1,2,…]`, white space allowed; undefined where there are not 64 bytes in this form. */
function numbersIn(content: Uint8Array): Uint8Array | undefined {
  // With a buffer of its own: V8 moves the bytes of a small array without one, and leaves them behind where nothing overwrites them.
  const bytes = new Uint8Array(new ArrayBuffer(KEYPAIR_BYTES));
  let at = 0;
  const skipSpace = (): void => {
    while (SPACE.has(content[at])) at += 1;
  };
  const take = (mark: string): boolean => {
    skipSpace();
    if (content[at] !== mark.charCodeAt(0)) return false;
    at += 1;
    return true;
  };
  for (let number = 0; number < KEYPAIR_BYTES; number += 1) {
    if (!take(number === 0 ? '[' : ',')) return undefined;
    skipSpace();
    const start = at;
    let value = 0;
    for (let code = content[at] ?? 0; code >= 0x30 && code <= 0x39 && value <= 255; code = content[at] ?? 0) {
      value = 10 * value + code - 0x30;
      at += 1;
    }
    if (at === start || value > 255) return undefined;
    bytes[number] = value;
  }
  if (!take(']')) return undefined;
  skipSpace();
  return at === content.length ? bytes : undefined;
}

function keyBytesOfText(text: string, file: string): Uint8Array {
  const invalid = (problem: string): AgentError => new AgentError('CONFIG__KEYPAIR_INVALID', { file, problem });
  if (text.trim() === '') throw invalid('it is empty');
  const value = parseJson(text);
  if (value === undefined) throw invalid(otherKindOf(text.trim()));
  if (!Array.isArray(value)) throw invalid('it is JSON, but not an array');
  if (value.length !== KEYPAIR_BYTES) {
    const half = value.length === SEED_BYTES ? ', one half of a keypair' : '';
    throw invalid(`it has ${value.length} numbers instead of ${KEYPAIR_BYTES}${half}`);
  }
  const position = value.findIndex((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255);
  if (position !== -1) throw invalid(`number ${position + 1} of ${KEYPAIR_BYTES} is not a byte from 0 to 255`);
  return Uint8Array.from(value, Number);
}

/** Other formats that people use by mistake. The message repeats nothing of the text. */
function otherKindOf(text: string): string {
  if (isAddress(text)) return 'it is a public key; the private key is required';
  if (/^[1-9A-HJ-NP-Za-km-z]{80,90}$/.test(text))
    return 'it is a private key in base58 (wallet format), not the array that solana-keygen writes';
  if (text.startsWith('-----BEGIN ')) return 'it is a PEM key of OpenSSH or OpenSSL';
  return 'it is not JSON';
}

/** Undefined when the text is not JSON. The parser's own message quotes its input, so it must go no further. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keypairOf(bytes: Uint8Array, file: string): Keypair {
  const privateKey = privateKeyOf(bytes.subarray(0, SEED_BYTES));
  const publicKey = publicBytesOf(privateKey);
  if (!publicKey.equals(bytes.subarray(SEED_BYTES))) throw new AgentError('CONFIG__KEYPAIR_MISMATCH', { file });
  return {
    address: addressOf(publicKey),
    sign: (message) => sign(null, message, privateKey),
  };
}

function privateKeyOf(seed: Uint8Array): KeyObject {
  const der = Buffer.from(new ArrayBuffer(PKCS8_PREFIX.length + seed.length));
  der.set(PKCS8_PREFIX);
  der.set(seed, PKCS8_PREFIX.length);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** The last 32 bytes of the SubjectPublicKeyInfo (RFC 8410 section 4) are the key. */
function publicBytesOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES);
}

interface LoadedSecret {
  readonly value: string;
  /** One line each; the caller logs them. */
  readonly warnings: readonly string[];
}

const MAX_SECRET_BYTES = 1_024;

/**
 * Reads a secret (a password, a community) from the file that the setting `key` names: one line, without its line end.
 * Throws AgentError `CONFIG__SECRET_UNREADABLE`, which never contains a part of the file.
 */
export function loadSecret(key: string, file: string): LoadedSecret {
  const refuse = (problem: string): AgentError => new AgentError('CONFIG__SECRET_UNREADABLE', { key, file, problem });
  try {
    const content = readSmallFile(file, MAX_SECRET_BYTES);
    const value = decodeText(content.bytes).replace(/\r?\n$/, '');
    content.bytes.fill(0);
    if (value.trim() === '') throw refuse('it is empty');
    if (/[\p{Cc}\uFFFD]/u.test(value)) throw refuse('it is not one line of text');
    return { value, warnings: accessWarnings(`the file of ${key},`, file, content) };
  } catch (error) {
    throw error instanceof FileProblem ? refuse(error.message) : error;
  }
}

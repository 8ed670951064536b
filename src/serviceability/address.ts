import { type Address, quoted, ServiceabilityError } from './units.ts';

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const KEY_LENGTH = 32;
const LIMB = 58 ** 5;

/** The base58 text of the 32 bytes at `offset`, which must exist. Reads 16-bit words into nine limbs of base 58^5: all sums stay below 2^53. */
function encodeKey(bytes: Uint8Array, offset: number): string {
  const limbs = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let at = offset; at < offset + KEY_LENGTH; at += 2) {
    let carry = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    for (let index = 0; index < limbs.length; index++) {
      const sum = (limbs[index] ?? 0) * 0x1_0000 + carry;
      carry = Math.floor(sum / LIMB);
      limbs[index] = sum - carry * LIMB;
    }
  }
  let text = '';
  for (const limb of limbs) {
    let rest = limb;
    for (let digit = 0; digit < 5; digit++) {
      const higher = Math.floor(rest / 58);
      text = BASE58.charAt(rest - higher * 58) + text;
      rest = higher;
    }
  }
  // Base58 writes each leading zero byte as one `1`.
  let zeros = 0;
  while (zeros < KEY_LENGTH && bytes[offset + zeros] === 0) zeros++;
  return '1'.repeat(zeros) + text.replace(/^1+/, '');
}

/** The bytes of base58 text; undefined when a character is not a base58 digit. Takes quadratic time: limit the length first. */
export function decodeBase58(text: string): Uint8Array | undefined {
  /** Little-endian. */
  const bytes: number[] = [];
  for (const digit of text) {
    let carry = BASE58.indexOf(digit);
    if (carry < 0) return undefined;
    for (let index = 0; index < bytes.length; index++) {
      carry += (bytes[index] ?? 0) * 58;
      bytes[index] = carry & 0xff;
      carry >>= 8;
    }
    if (carry > 0) bytes.push(carry);
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  return Uint8Array.from([...new Array<number>(zeros).fill(0), ...bytes.reverse()]);
}

/** The address of 32 zero bytes, which the program stores for "none". It is also the System program's. */
export const ZERO_ADDRESS = '11111111111111111111111111111111' as Address;
/** Solana's System program. */
export const SYSTEM_PROGRAM_ID = ZERO_ADDRESS;

/** 32 zero bytes are 32 digits, the largest key is 44. */
const MIN_TEXT = 32;
const MAX_TEXT = 44;
const NOT_BASE58 = /[^1-9A-HJ-NP-Za-km-z]/u;

/** Whether the value is the base58 text of exactly 32 bytes. */
export function isAddress(value: unknown): value is Address {
  return typeof value === 'string' && problemOf(value) === undefined;
}

/** Checks and brands an address. Throws ServiceabilityError `ADDRESS__INVALID`, with the problem in the message. */
export function address(text: string): Address {
  const problem = typeof text === 'string' ? problemOf(text) : 'not text';
  if (problem !== undefined) throw new ServiceabilityError('ADDRESS__INVALID', { text: quoted(text), problem });
  return text as Address;
}

/** The address of a 32-byte public key. Throws ServiceabilityError `ADDRESS__INVALID` for any other length. */
export function addressOf(key: Uint8Array): Address {
  if (key.length !== KEY_LENGTH) {
    throw new ServiceabilityError('ADDRESS__INVALID', { text: 'the key', problem: `it has ${key.length} bytes, not ${KEY_LENGTH}` });
  }
  return addressAt(key, 0);
}

/** The 32 bytes of an address. Throws ServiceabilityError `ADDRESS__INVALID` for text that is not an address. */
export function addressBytes(text: Address): Uint8Array {
  return decodeBase58(address(text)) ?? new Uint8Array(KEY_LENGTH);
}

/** The address of the 32 bytes at `offset`, which must exist. */
export function addressAt(bytes: Uint8Array, offset: number): Address {
  // Half of the keys in a User are usually "none".
  for (let index = offset; index < offset + KEY_LENGTH; index++) {
    if (bytes[index] !== 0) return encodeKey(bytes, offset) as Address;
  }
  return ZERO_ADDRESS;
}

function problemOf(text: string): string | undefined {
  if (text.length < MIN_TEXT || text.length > MAX_TEXT) {
    return `it has ${text.length} characters, not ${MIN_TEXT} to ${MAX_TEXT}`;
  }
  const stray = NOT_BASE58.exec(text);
  if (stray !== null) return `${quoted(stray[0])} at position ${stray.index + 1} is not a base58 digit`;
  const length = decodeBase58(text)?.length;
  return length === KEY_LENGTH ? undefined : `it decodes to ${length} bytes, not ${KEY_LENGTH}`;
}

const CACHE_SLOTS = 256;

/**
 * Caches the base58 text of keys. The users of one response share their device and a few tenants, and base58 is most of the work of decoding a
 * user. The cache has a fixed size: a newer key replaces an older one.
 */
export class KeyMemo {
  readonly #keys = new Uint8Array(CACHE_SLOTS * KEY_LENGTH);
  readonly #texts = new Array<Address | undefined>(CACHE_SLOTS).fill(undefined);

  /** The address of the 32 bytes at `offset`, which must exist. */
  addressAt(bytes: Uint8Array, offset: number): Address {
    // Keys are random in each byte.
    const slot = bytes[offset + KEY_LENGTH - 1] ?? 0;
    const known = this.#texts[slot];
    if (known !== undefined && this.#holds(slot, bytes, offset)) return known;
    const text = addressAt(bytes, offset);
    this.#texts[slot] = text;
    for (let index = 0; index < KEY_LENGTH; index++) this.#keys[slot * KEY_LENGTH + index] = bytes[offset + index] ?? 0;
    return text;
  }

  #holds(slot: number, bytes: Uint8Array, offset: number): boolean {
    for (let index = 0; index < KEY_LENGTH; index++) {
      if (this.#keys[slot * KEY_LENGTH + index] !== bytes[offset + index]) return false;
    }
    return true;
  }
}

import { type Address, quoted, ServiceabilityError } from './units.ts';

/*
 * Base58 of 32-byte keys. A tick turns four keys a user into text, for up to 4,096 users, and general encoders divide the whole number once
 * a digit. Here the key is read as sixteen 16-bit words and turned at once into nine limbs of base 58^5: every product and every sum stays
 * below 2^50, so that plain numbers are exact.
 *
 *   16 words of 2^16  ── times POWERS ──►  9 limbs of 58^5  ── five digits each ──►  text
 */
const BASE58_ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE58_DIGITS = /* @__PURE__ */ Uint8Array.from(BASE58_ALPHABET, (digit) => digit.charCodeAt(0));
/** The code of the digit `1`. */
const ONE = 49;
const LIMB = 58 ** 5;
const LIMBS = 9;
const WORDS = 16;
/** 58^44 is more than 2^256, so that the highest of the 45 digits is always zero and is left out. */
const MAX_DIGITS = 44;

/** POWERS[word * LIMBS + limb]: that limb of 2^(16 * (15 - word)). Limbs and words are most significant first. */
const POWERS = /* @__PURE__ */ makePowers();

function makePowers(): Float64Array {
  const powers = new Float64Array(LIMBS * WORDS);
  for (let word = 0; word < WORDS; word++) {
    let power = 1n << BigInt(16 * (WORDS - 1 - word));
    for (let limb = LIMBS - 1; limb >= 0; limb--) {
      powers[word * LIMBS + limb] = Number(power % BigInt(LIMB));
      power /= BigInt(LIMB);
    }
  }
  return powers;
}

/**
 * The base58 text of the 32 bytes at `offset`, which must be there. Whoever encodes many hands in one array of MAX_DIGITS: an array for each
 * key is more work for the garbage collector than the encoding.
 */
function encodeKey(bytes: Uint8Array, offset: number, digits = new Array<number>(MAX_DIGITS)): string {
  // Nine sums side by side, not an array of them: the processor adds to all at once.
  let [a, b, c, d, e, f, g, h, i] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let row = 0, at = offset; row < LIMBS * WORDS; row += LIMBS, at += 2) {
    const word = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    a += word * (POWERS[row] ?? 0);
    b += word * (POWERS[row + 1] ?? 0);
    c += word * (POWERS[row + 2] ?? 0);
    d += word * (POWERS[row + 3] ?? 0);
    e += word * (POWERS[row + 4] ?? 0);
    f += word * (POWERS[row + 5] ?? 0);
    g += word * (POWERS[row + 6] ?? 0);
    h += word * (POWERS[row + 7] ?? 0);
    i += word * (POWERS[row + 8] ?? 0);
  }
  let carry = 0;
  carry = writeLimb(digits, 39, i);
  carry = writeLimb(digits, 34, h + carry);
  carry = writeLimb(digits, 29, g + carry);
  carry = writeLimb(digits, 24, f + carry);
  carry = writeLimb(digits, 19, e + carry);
  carry = writeLimb(digits, 14, d + carry);
  carry = writeLimb(digits, 9, c + carry);
  carry = writeLimb(digits, 4, b + carry);
  writeLimb(digits, -1, a + carry);
  const surplus = leadingOnes(digits) - leadingZeros(bytes, offset);
  return String.fromCharCode.apply(null, surplus === 0 ? digits : digits.slice(surplus));
}

/** Writes what of a sum stays in its limb, and gives what the next higher one gets. */
function writeLimb(digits: number[], at: number, sum: number): number {
  const carry = Math.floor(sum / LIMB);
  writeDigits(digits, at, sum - carry * LIMB);
  return carry;
}

/** The five digits of one limb, from `at` on; for the highest limb `at` is -1, and its first digit, always zero, is dropped. */
function writeDigits(digits: number[], at: number, limb: number): void {
  const four = (limb / 58) | 0;
  const three = (four / 58) | 0;
  const two = (three / 58) | 0;
  const one = (two / 58) | 0;
  digits[at + 4] = BASE58_DIGITS[limb - four * 58] ?? ONE;
  digits[at + 3] = BASE58_DIGITS[four - three * 58] ?? ONE;
  digits[at + 2] = BASE58_DIGITS[three - two * 58] ?? ONE;
  digits[at + 1] = BASE58_DIGITS[two - one * 58] ?? ONE;
  if (at >= 0) digits[at] = BASE58_DIGITS[one] ?? ONE;
}

function leadingOnes(digits: readonly number[]): number {
  let count = 0;
  while (count < MAX_DIGITS && digits[count] === ONE) count++;
  return count;
}

/** Base58 writes each leading zero byte as one `1`. */
function leadingZeros(bytes: Uint8Array, offset: number): number {
  let count = 0;
  while (count < 32 && bytes[offset + count] === 0) count++;
  return count;
}

/** Four digits at a time: 58^4 times 2^24 is below 2^53. */
const GROUP = 4;
const DECODE_LIMB = 2 ** 24;
/** By character code; 255 is no digit. */
const VALUES = /* @__PURE__ */ makeValues();

/** The bytes that base58 text stands for; undefined when a character is no digit. Takes as long as the square of the text. */
export function decodeBase58(text: string): Uint8Array | undefined {
  const limbs: number[] = [];
  for (let start = 0; start < text.length; start += GROUP) {
    const end = Math.min(text.length, start + GROUP);
    let carry = 0;
    let factor = 1;
    for (let at = start; at < end; at++) {
      const value = VALUES[text.charCodeAt(at)] ?? 255;
      if (value === 255) return undefined;
      carry = carry * 58 + value;
      factor *= 58;
    }
    for (let index = 0; index < limbs.length; index++) {
      const sum = (limbs[index] ?? 0) * factor + carry;
      carry = Math.floor(sum / DECODE_LIMB);
      limbs[index] = sum - carry * DECODE_LIMB;
    }
    if (carry > 0) limbs.push(carry);
  }
  return toBytes(limbs, leadingOnesOf(text));
}

/** Little-endian limbs of 24 bits as big-endian bytes behind so many zeros. */
function toBytes(limbs: readonly number[], zeros: number): Uint8Array {
  const highest = limbs.at(-1) ?? 0;
  const unused = limbs.length === 0 || highest > 0xffff ? 0 : highest > 0xff ? 1 : 2;
  const bytes = new Uint8Array(zeros + 3 * limbs.length - unused);
  let at = bytes.length - 1;
  for (const limb of limbs) {
    for (let shift = 0; shift < 24 && at >= zeros; shift += 8) bytes[at--] = (limb >>> shift) & 255;
  }
  return bytes;
}

function leadingOnesOf(text: string): number {
  let count = 0;
  while (text[count] === '1') count++;
  return count;
}

function makeValues(): Uint8Array {
  const values = new Uint8Array(128).fill(255);
  for (let value = 0; value < BASE58_ALPHABET.length; value++) values[BASE58_ALPHABET.charCodeAt(value)] = value;
  return values;
}

/** The address of 32 zero bytes, which the program stores for "none". It is also the System program's. */
export const ZERO_ADDRESS = '11111111111111111111111111111111' as Address;
/** Solana's System program. */
export const SYSTEM_PROGRAM_ID = ZERO_ADDRESS;

const KEY_LENGTH = 32;
/** 32 zero bytes are 32 digits, the largest key is 44; longer text is refused before any arithmetic. */
const MIN_TEXT = 32;
const MAX_TEXT = 44;
const NOT_BASE58 = /[^1-9A-HJ-NP-Za-km-z]/u;

/** Whether the value is the base58 text of exactly 32 bytes. */
export function isAddress(value: unknown): value is Address {
  return typeof value === 'string' && problemOf(value) === undefined;
}

/** Checks and brands an address. Throws ServiceabilityError `ADDRESS__INVALID`, naming what is wrong with the text. */
export function address(text: string): Address {
  const problem = typeof text === 'string' ? problemOf(text) : 'it is not text';
  if (problem !== undefined) throw new ServiceabilityError('ADDRESS__INVALID', { text: quoted(text), problem });
  return text as Address;
}

/** The address of a 32-byte public key. Throws ServiceabilityError `ADDRESS__INVALID` for any other number of bytes. */
export function addressOf(key: Uint8Array): Address {
  if (key.length !== KEY_LENGTH) {
    throw new ServiceabilityError('ADDRESS__INVALID', { text: 'the key', problem: `it has ${key.length} bytes, not ${KEY_LENGTH}` });
  }
  return addressAt(key, 0);
}

/** The 32 bytes of an address. Throws ServiceabilityError `ADDRESS__INVALID` for text that is none. */
export function addressBytes(text: Address): Uint8Array {
  return decodeBase58(address(text)) ?? new Uint8Array(KEY_LENGTH);
}

/** The address of the 32 bytes at `offset`, which must be there; `digits` as for encodeKey. */
export function addressAt(bytes: Uint8Array, offset: number, digits?: number[]): Address {
  // Half of the keys in a User are usually "none".
  for (let index = offset; index < offset + KEY_LENGTH; index++) {
    if (bytes[index] !== 0) return encodeKey(bytes, offset, digits) as Address;
  }
  return ZERO_ADDRESS;
}

function problemOf(text: string): string | undefined {
  if (text.length < MIN_TEXT || text.length > MAX_TEXT) {
    return `it has ${text.length} characters, and an address has ${MIN_TEXT} to ${MAX_TEXT}`;
  }
  const stray = NOT_BASE58.exec(text);
  if (stray !== null) return `${quoted(stray[0])} at position ${stray.index + 1} is not a base58 digit`;
  const length = decodeBase58(text)?.length;
  return length === KEY_LENGTH ? undefined : `it stands for ${length} bytes, not ${KEY_LENGTH}`;
}

const BASE64_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** By character code; 255 is no digit. */
const BASE64_DIGITS = /* @__PURE__ */ makeDigits();

/** The bytes of whole, padded base64 (RFC 4648 section 4); undefined for anything else. Neither Node's nor a browser's decoder refuses. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const length = (text.length / 4) * 3 - padding;
  const bytes = new Uint8Array(length);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < text.length - padding; index++) {
    const digit = BASE64_DIGITS[text.charCodeAt(index)] ?? 255;
    if (digit === 255) return undefined;
    buffer = ((buffer << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = buffer >>> bits;
    }
  }
  // The digits of a cut byte must say nothing.
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function makeDigits(): Uint8Array {
  const digits = new Uint8Array(128).fill(255);
  for (let value = 0; value < BASE64_ALPHABET.length; value++) digits[BASE64_ALPHABET.charCodeAt(value)] = value;
  return digits;
}

const SLOTS = 256;

/**
 * Remembers the text of keys that come again. The users of one answer have their device and a few tenants in common, and turning a key into
 * base58 is most of the work of reading a user. A table of fixed size in which a newer key takes the place of an older one: it can't grow.
 */
export class KeyMemo {
  readonly #keys = new Uint8Array(SLOTS * KEY_LENGTH);
  readonly #digits = new Array<number>(MAX_DIGITS);
  readonly #texts = new Array<Address | undefined>(SLOTS).fill(undefined);

  /** The address of the 32 bytes at `offset`, which must be there. */
  addressAt(bytes: Uint8Array, offset: number): Address {
    // Keys are as good as random in each byte, but for the zero key, which addressAt knows by itself.
    const slot = bytes[offset + KEY_LENGTH - 1] ?? 0;
    const known = this.#texts[slot];
    if (known !== undefined && this.#holds(slot, bytes, offset)) return known;
    const text = addressAt(bytes, offset, this.#digits);
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

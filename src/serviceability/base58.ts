/*
 * Base58 of 32-byte keys. A tick turns four keys a user into text, for up to 4,096 users, and general encoders divide the whole number once
 * a digit. Here the key is read as sixteen 16-bit words and turned at once into nine limbs of base 58^5: every product and every sum stays
 * below 2^50, so that plain numbers are exact.
 *
 *   16 words of 2^16  ── times POWERS ──►  9 limbs of 58^5  ── five digits each ──►  text
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const DIGITS = /* @__PURE__ */ Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
/** The code of the digit `1`. */
const ONE = 49;
const LIMB = 58 ** 5;
const LIMBS = 9;
const WORDS = 16;
/** 58^44 is more than 2^256, so that the highest of the 45 digits is always zero and is left out. */
export const MAX_DIGITS = 44;

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
export function encodeKey(bytes: Uint8Array, offset: number, digits = new Array<number>(MAX_DIGITS)): string {
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
  digits[at + 4] = DIGITS[limb - four * 58] ?? ONE;
  digits[at + 3] = DIGITS[four - three * 58] ?? ONE;
  digits[at + 2] = DIGITS[three - two * 58] ?? ONE;
  digits[at + 1] = DIGITS[two - one * 58] ?? ONE;
  if (at >= 0) digits[at] = DIGITS[one] ?? ONE;
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
  for (let value = 0; value < ALPHABET.length; value++) values[ALPHABET.charCodeAt(value)] = value;
  return values;
}

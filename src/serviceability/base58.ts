/*
 * Base58 of 32-byte keys. A tick turns four keys a user into text, for up to 4,096 users, and general encoders divide the whole number once
 * a digit. Here the key is read as sixteen 16-bit words and turned at once into nine limbs of base 58^5: every product and every sum stays
 * below 2^50, so that plain numbers are exact.
 *
 *   16 words of 2^16  ── times POWERS ──►  9 limbs of 58^5  ── five digits each ──►  text
 */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const DIGITS = Uint8Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const ONE = ALPHABET.charCodeAt(0);
const LIMB = 58 ** 5;
const LIMBS = 9;
const WORDS = 16;
/** 58^44 is more than 2^256, so that the highest of the 45 digits is always zero and is left out. */
const MAX_DIGITS = 44;

/** POWERS[limb * WORDS + word]: that limb of 2^(16 * (15 - word)). Limbs and words are most significant first. */
const POWERS = new Float64Array(LIMBS * WORDS);
/** How many words reach up into a limb; the words after them are too small to. */
const REACH = new Uint8Array(LIMBS);
for (let word = 0; word < WORDS; word++) {
  let power = 1n << BigInt(16 * (WORDS - 1 - word));
  for (let limb = LIMBS - 1; limb >= 0 && power > 0n; limb--) {
    POWERS[limb * WORDS + word] = Number(power % BigInt(LIMB));
    REACH[limb] = word + 1;
    power /= BigInt(LIMB);
  }
}

/** The base58 text of the 32 bytes at `offset`, which must be there. */
export function encodeKey(bytes: Uint8Array, offset: number): string {
  const digits = new Array<number>(MAX_DIGITS);
  let carry = 0;
  for (let limb = LIMBS - 1; limb >= 0; limb--) {
    let sum = carry;
    const row = limb * WORDS;
    const reach = REACH[limb] ?? 0;
    for (let word = 0, at = offset; word < reach; word++, at += 2) {
      sum += (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) * (POWERS[row + word] ?? 0);
    }
    carry = Math.floor(sum / LIMB);
    writeDigits(digits, limb * 5 - 1, sum - carry * LIMB);
  }
  const surplus = leadingOnes(digits) - leadingZeros(bytes, offset);
  return String.fromCharCode(...(surplus === 0 ? digits : digits.slice(surplus)));
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

const BYTES_PER_WORD = 8;
const BITS_PER_WORD = 64;
const FULL_HALF = 0xffff_ffff;

/**
 * One bit a slot, 0 free and 1 taken, in 64-bit little-endian words as RFC-11 has them: slot n is bit n % 64 of word n / 64.
 * Bits past the last slot fill up the last word; they are never given out.
 */
export class SlotBitmap {
  /** Slots that it tells about. */
  readonly slots: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** `bytes` are the words, ceil(slots / 64) of them; they are kept and changed, so hand in a copy where the original must stay. */
  constructor(slots: number, bytes: Uint8Array = new Uint8Array(wordsFor(slots) * BYTES_PER_WORD)) {
    this.slots = slots;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  isSet(slot: number): boolean {
    return ((this.#bytes[slot >>> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }

  set(slot: number): void {
    this.#bytes[slot >>> 3] = (this.#bytes[slot >>> 3] ?? 0) | (1 << (slot & 7));
  }

  clear(slot: number): void {
    this.#bytes[slot >>> 3] = (this.#bytes[slot >>> 3] ?? 0) & ~(1 << (slot & 7));
  }

  /** The lowest free slot, found word by word; undefined when all are taken. */
  firstFree(): number | undefined {
    for (let at = 0; at < this.#bytes.length; at += BYTES_PER_WORD) {
      const low = this.#view.getUint32(at, true);
      const high = this.#view.getUint32(at + 4, true);
      if (low === FULL_HALF && high === FULL_HALF) continue;
      const bit = low === FULL_HALF ? 32 + lowestZero(high) : lowestZero(low);
      const slot = at * 8 + bit;
      return slot < this.slots ? slot : undefined;
    }
    return undefined;
  }

  /** How many slots are taken. */
  countSet(): number {
    let count = 0;
    for (let slot = 0; slot < this.slots; slot++) if (this.isSet(slot)) count += 1;
    return count;
  }
}

/** 64-bit words that so many slots take. */
export const wordsFor = (slots: number): number => Math.ceil(slots / BITS_PER_WORD);

/** The position of the lowest zero bit of a half word that has one. */
function lowestZero(half: number): number {
  const inverted = ~half;
  return 31 - Math.clz32(inverted & -inverted);
}

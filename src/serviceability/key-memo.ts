import { addressAt } from './address.ts';
import { MAX_DIGITS } from './base58.ts';
import type { Address } from './units.ts';

const SLOTS = 256;
const KEY_LENGTH = 32;

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

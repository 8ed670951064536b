import { addressAt, ZERO_ADDRESS } from './address.ts';
import { ipv4FromNumber, UNSPECIFIED_IPV4 } from './ipv4.ts';
import type { KeyMemo } from './key-memo.ts';
import { UNSPECIFIED_NETWORK } from './network-v4.ts';
import type { Address, Ipv4, NetworkV4 } from './units.ts';

const KEY_LENGTH = 32;
const NO_BYTES = /* @__PURE__ */ new Uint8Array();
/** Most vectors of most accounts are empty, and none is ever changed. */
const NO_ELEMENTS: readonly never[] = [];

/**
 * Reads an account's fields in order (borsh: little-endian, u32 counts), and never throws.
 *
 * Accounts only ever grow at their end, so an old account is a short one. A field that does not fit reads as its default and consumes
 * nothing, and the account ends there: what follows it reads as default too, never as the first bytes of a field that was cut.
 */
export class AccountReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #memo: KeyMemo | undefined;
  #offset = 0;
  #end: number;
  #cut = false;
  #latestIpv4Value = 0;
  #latestIpv4 = UNSPECIFIED_IPV4;

  constructor(bytes: Uint8Array, memo?: KeyMemo) {
    this.#bytes = bytes;
    this.#memo = memo;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Whether some field did not fit. */
  get cut(): boolean {
    return this.#cut;
  }

  /** Ends the account here: every later field reads as its default. */
  cutHere(): void {
    this.#cut = true;
    this.#end = this.#offset;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  u64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigUint64(at, true);
  }

  i64(): bigint {
    const at = this.#take(8);
    return at < 0 ? 0n : this.#view.getBigInt64(at, true);
  }

  f64(): number {
    const at = this.#take(8);
    return at < 0 ? 0 : this.#view.getFloat64(at, true);
  }

  u128(): bigint {
    const at = this.#take(16);
    if (at < 0) return 0n;
    const high = this.#view.getBigUint64(at + 8, true);
    const low = this.#view.getBigUint64(at, true);
    return high === 0n ? low : (high << 64n) | low;
  }

  key(): Address {
    const at = this.#take(KEY_LENGTH);
    if (at < 0) return ZERO_ADDRESS;
    return this.#memo === undefined ? addressAt(this.#bytes, at) : this.#memo.addressAt(this.#bytes, at);
  }

  ipv4(): Ipv4 {
    const at = this.#take(4);
    return at < 0 ? UNSPECIFIED_IPV4 : this.#ipv4At(at);
  }

  /** A prefix length above 32 is no network: the program reads 0.0.0.0/0, and so do we. */
  network(): NetworkV4 {
    const at = this.#take(5);
    if (at < 0) return UNSPECIFIED_NETWORK;
    const prefixLength = this.#view.getUint8(at + 4);
    return prefixLength > 32 ? UNSPECIFIED_NETWORK : { address: this.#ipv4At(at), prefixLength };
  }

  /** UTF-8 after a u32 length in bytes; bytes that are not UTF-8 read as the empty string. */
  text(): string {
    const at = this.#takeVector(1);
    return at < 0 ? '' : decodeUtf8(this.#bytes.subarray(at, this.#offset));
  }

  keys(): readonly Address[] {
    const start = this.#takeVector(KEY_LENGTH);
    const end = this.#offset;
    if (start < 0 || start === end) return NO_ELEMENTS;
    this.#offset = start;
    const keys: Address[] = [];
    while (this.#offset < end) keys.push(this.key());
    return keys;
  }

  networks(): readonly NetworkV4[] {
    return this.vector(5, () => this.network());
  }

  /** A u32 count and that many elements of a fixed size; empty when the account cannot hold as many. */
  vector<T>(elementSize: number, element: () => T): readonly T[] {
    const start = this.#takeVector(elementSize);
    if (start < 0) return NO_ELEMENTS;
    const end = this.#offset;
    if (start === end) return NO_ELEMENTS;
    this.#offset = start;
    const elements: T[] = [];
    while (this.#offset < end) elements.push(element());
    return elements;
  }

  /** A copy of the next `length` bytes; empty when there are fewer. */
  copy(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? NO_BYTES : new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  /** A copy of all bytes, read or not. */
  all(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }

  /** A reader of the next `length` bytes alone, which this one passes over. */
  window(length: number): AccountReader {
    const at = this.#take(length);
    return new AccountReader(at < 0 ? NO_BYTES : this.#bytes.subarray(at, at + length));
  }

  /** Where the next `length` bytes begin, passing over them; -1 when there are fewer. */
  #take(length: number): number {
    const at = this.#offset;
    if (at + length > this.#end) {
      this.cutHere();
      return -1;
    }
    this.#offset = at + length;
    return at;
  }

  /** Like #take, for a vector: its count is believed only when the account holds that many elements. */
  #takeVector(elementSize: number): number {
    const at = this.#offset;
    const length = this.u32() * elementSize;
    if (!this.#cut && length <= this.remaining) return this.#take(length);
    this.#offset = at;
    this.cutHere();
    return -1;
  }

  #ipv4At(at: number): Ipv4 {
    const value = this.#view.getUint32(at);
    if (value === 0) return UNSPECIFIED_IPV4;
    // A user's two addresses are often the same.
    if (value !== this.#latestIpv4Value) {
      this.#latestIpv4Value = value;
      this.#latestIpv4 = ipv4FromNumber(value);
    }
    return this.#latestIpv4;
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '';
  }
}

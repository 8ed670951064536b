import { addressBytes, ZERO_ADDRESS } from './address.ts';
import { ipv4ToNumber } from './ipv4.ts';
import { ServiceabilityError } from './serviceability-error.ts';
import type { Address, Ipv4, NetworkV4 } from './units.ts';

const INITIAL_LENGTH = 256;
const U64_END = 1n << 64n;
const I64_END = 1n << 63n;

/**
 * Writes an account's fields in order, the counterpart of AccountReader. A value that its field cannot hold is never wrapped: it throws
 * ServiceabilityError `ENCODING__OUT_OF_RANGE`.
 */
export class AccountWriter {
  #bytes = new Uint8Array(INITIAL_LENGTH);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#checkInteger(value, 0xff, 'u8');
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  u16(value: number): this {
    this.#checkInteger(value, 0xffff, 'u16');
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    this.#checkInteger(value, 0xffff_ffff, 'u32');
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    if (value < 0n || value >= U64_END) this.#refuse(value, 'u64');
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  i64(value: bigint): this {
    if (value < -I64_END || value >= I64_END) this.#refuse(value, 'i64');
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  u128(value: bigint): this {
    if (value < 0n || value >= U64_END * U64_END) this.#refuse(value, 'u128');
    return this.u64(value % U64_END).u64(value / U64_END);
  }

  key(value: Address): this {
    if (value !== ZERO_ADDRESS) return this.raw(addressBytes(value));
    this.#grow(32);
    return this;
  }

  ipv4(value: Ipv4): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, ipv4ToNumber(value));
    return this;
  }

  network(value: NetworkV4): this {
    if (value.prefixLength > 32) this.#refuse(value.prefixLength, 'prefix length');
    return this.ipv4(value.address).u8(value.prefixLength);
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u32(bytes.length).raw(bytes);
  }

  keys(values: readonly Address[]): this {
    return this.vector(values, (value) => this.key(value));
  }

  networks(values: readonly NetworkV4[]): this {
    return this.vector(values, (value) => this.network(value));
  }

  vector<T>(values: readonly T[], write: (value: T) => void): this {
    this.u32(values.length);
    for (const value of values) write(value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** A copy of everything written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  #checkInteger(value: number, max: number, type: string): void {
    if (!Number.isInteger(value) || value < 0 || value > max) this.#refuse(value, type);
  }

  #refuse(value: number | bigint, type: string): never {
    throw new ServiceabilityError('ENCODING__OUT_OF_RANGE', { value, type, offset: this.#length });
  }
}

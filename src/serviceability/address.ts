import { decodeBase58, encodeKey } from './base58.ts';
import { quoted, ServiceabilityError } from './serviceability-error.ts';
import type { Address } from './units.ts';

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

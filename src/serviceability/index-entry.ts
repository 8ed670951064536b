import { decodeAs, encodeAs, key, type Layout, text, u8 } from './layout.ts';
import type { Address } from './units.ts';

/** The Index account (type 16): leads from a code to the account that has it. A field that the account is too short to hold reads as zero. */
export interface IndexEntry {
  /** The account that has the key. */
  readonly pk: Address;
  /** What that account is: see AccountType. */
  readonly entityAccountType: number;
  /** In lower case. */
  readonly key: string;
  readonly bumpSeed: number;
}

const LAYOUT: Layout<IndexEntry> = { pk: key, entityAccountType: u8, key: text, bumpSeed: u8 };

/** Reads an Index account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeIndexEntry(data: Uint8Array): IndexEntry {
  return decodeAs('index', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeIndexEntry(entry: IndexEntry): Uint8Array {
  return encodeAs('index', LAYOUT, entry);
}

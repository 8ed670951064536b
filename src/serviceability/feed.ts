import { decodeAs, encodeAs, key, keys, type Layout, text, u8 } from './layout.ts';
import type { Address } from './units.ts';

/** The Feed account (type 18): multicast groups that are sold as seats. A field that the account is too short to hold reads as zero. */
export interface Feed {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly code: string;
  readonly name: string;
  /** The Exchange account of its metro. */
  readonly exchange: Address;
  /** MulticastGroup accounts. */
  readonly groups: readonly Address[];
}

const LAYOUT: Layout<Feed> = { owner: key, bumpSeed: u8, code: text, name: text, exchange: key, groups: keys };

/** Reads a Feed account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeFeed(data: Uint8Array): Feed {
  return decodeAs('feed', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeFeed(feed: Feed): Uint8Array {
  return encodeAs('feed', LAYOUT, feed);
}

import { decodeAs, encodeAs, f64, key, type Layout, text, u8, u16, u32, u128 } from './layout.ts';
import type { Address } from './units.ts';

/** The Exchange account (type 4): a metro where devices meet. A field that the account is too short to hold reads as zero. */
export interface Exchange {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** Degrees north. */
  readonly lat: number;
  /** Degrees east. */
  readonly lng: number;
  /** The second half of the BGP community that marks this metro's routes. */
  readonly bgpCommunity: number;
  /** Not used by the program. */
  readonly unused: number;
  /** See PlaceStatus. */
  readonly status: number;
  readonly code: string;
  readonly name: string;
  readonly referenceCount: number;
  readonly device1Pk: Address;
  readonly device2Pk: Address;
}

const LAYOUT: Layout<Exchange> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  lat: f64,
  lng: f64,
  bgpCommunity: u16,
  unused: u16,
  status: u8,
  code: text,
  name: text,
  referenceCount: u32,
  device1Pk: key,
  device2Pk: key,
};

/** Reads an Exchange account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeExchange(data: Uint8Array): Exchange {
  return decodeAs('exchange', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeExchange(exchange: Exchange): Uint8Array {
  return encodeAs('exchange', LAYOUT, exchange);
}

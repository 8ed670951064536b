import { decodeAs, encodeAs, f64, key, type Layout, text, u8, u32, u128 } from './layout.ts';
import type { Address } from './units.ts';

/** Byte values of Location.status and Exchange.status; any other byte is kept as it is. */
export const PlaceStatus = { pending: 0, activated: 1, suspended: 2 } as const;

/** The Location account (type 3): a data center. A field that the account is too short to hold reads as zero. */
export interface Location {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** Degrees north. */
  readonly lat: number;
  /** Degrees east. */
  readonly lng: number;
  readonly locId: number;
  /** See PlaceStatus. */
  readonly status: number;
  readonly code: string;
  readonly name: string;
  /** Two letters. */
  readonly country: string;
  readonly referenceCount: number;
}

const LAYOUT: Layout<Location> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  lat: f64,
  lng: f64,
  locId: u32,
  status: u8,
  code: text,
  name: text,
  country: text,
  referenceCount: u32,
};

/** Reads a Location account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeLocation(data: Uint8Array): Location {
  return decodeAs('location', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeLocation(location: Location): Uint8Array {
  return encodeAs('location', LAYOUT, location);
}

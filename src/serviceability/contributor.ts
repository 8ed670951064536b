import { decodeAs, encodeAs, key, type Layout, text, u8, u32, u128 } from './layout.ts';
import type { Address } from './units.ts';

/** Byte values of Contributor.status; any other byte is kept as it is. */
export const ContributorStatus = { none: 0, activated: 1, suspended: 2, deleting: 3 } as const;

/** The Contributor account (type 10): who brings devices and links. A field that the account is too short to hold reads as zero. */
export interface Contributor {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** See ContributorStatus. */
  readonly status: number;
  readonly code: string;
  readonly referenceCount: number;
  readonly opsManagerPk: Address;
}

const LAYOUT: Layout<Contributor> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  status: u8,
  code: text,
  referenceCount: u32,
  opsManagerPk: key,
};

/** Reads a Contributor account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeContributor(data: Uint8Array): Contributor {
  return decodeAs('contributor', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeContributor(contributor: Contributor): Uint8Array {
  return encodeAs('contributor', LAYOUT, contributor);
}

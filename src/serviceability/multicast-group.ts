import { decodeAs, encodeAs, ipv4, key, type Layout, text, u8, u32, u64, u128 } from './layout.ts';
import type { Address, Ipv4 } from './units.ts';

/** Byte values of MulticastGroup.status; any other byte is kept as it is. */
export const MulticastGroupStatus = { pending: 0, activated: 1, suspended: 2, deleting: 3, rejected: 4 } as const;

/** The MulticastGroup account (type 8). A field that the account is too short to hold reads as zero. */
export interface MulticastGroup {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  /** The zero address for a group without a tenant. */
  readonly tenantPk: Address;
  readonly multicastIp: Ipv4;
  /** Bits a second. */
  readonly maxBandwidth: bigint;
  /** See MulticastGroupStatus. */
  readonly status: number;
  readonly code: string;
  readonly publisherCount: number;
  readonly subscriberCount: number;
}

const LAYOUT: Layout<MulticastGroup> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  tenantPk: key,
  multicastIp: ipv4,
  maxBandwidth: u64,
  status: u8,
  code: text,
  publisherCount: u32,
  subscriberCount: u32,
};

/** Reads a MulticastGroup account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeMulticastGroup(data: Uint8Array): MulticastGroup {
  return decodeAs('multicastGroup', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeMulticastGroup(group: MulticastGroup): Uint8Array {
  return encodeAs('multicastGroup', LAYOUT, group);
}

import { decodeAs, encodeAs, key, keys, type Layout, nanosecondsField, network, text, u8, u16, u32, u64, u128 } from './layout.ts';
import type { Address, Nanoseconds, NetworkV4 } from './units.ts';

/** Byte values of Link.link_type (Link account layout); any other byte is kept as it is. */
export const LinkType = { wan: 1, dzx: 127 } as const;

/** Byte values of Link.status (2 is retired); any other byte is kept as it is. */
export const LinkStatus = {
  pending: 0,
  activated: 1,
  deleting: 3,
  rejected: 4,
  requested: 5,
  hardDrained: 6,
  softDrained: 7,
  provisioning: 8,
} as const;

/** Bits of Link.link_flags. */
export const LinkFlag = { unicastDrained: 1 } as const;

/** The Link account (type 6): a circuit between two devices. A field that the account is too short to hold reads as zero. */
export interface Link {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly sideAPk: Address;
  readonly sideZPk: Address;
  /** See LinkType. */
  readonly linkType: number;
  /** Bits a second. */
  readonly bandwidth: bigint;
  /** Bytes. */
  readonly mtu: number;
  readonly delayNs: Nanoseconds;
  readonly jitterNs: Nanoseconds;
  readonly tunnelId: number;
  readonly tunnelNet: NetworkV4;
  /** See LinkStatus. */
  readonly status: number;
  readonly code: string;
  readonly contributorPk: Address;
  readonly sideAIfaceName: string;
  readonly sideZIfaceName: string;
  /** Counts instead of the measured delay where it is not 0. */
  readonly delayOverrideNs: Nanoseconds;
  /** See linkHealthName. */
  readonly linkHealth: number;
  /** See linkDesiredStatusName. */
  readonly desiredStatus: number;
  readonly linkTopologies: readonly Address[];
  /** See LinkFlag. */
  readonly linkFlags: number;
}

const LAYOUT: Layout<Link> = {
  owner: key,
  index: u128,
  bumpSeed: u8,
  sideAPk: key,
  sideZPk: key,
  linkType: u8,
  bandwidth: u64,
  mtu: u32,
  delayNs: nanosecondsField,
  jitterNs: nanosecondsField,
  tunnelId: u16,
  tunnelNet: network,
  status: u8,
  code: text,
  contributorPk: key,
  sideAIfaceName: text,
  sideZIfaceName: text,
  delayOverrideNs: nanosecondsField,
  linkHealth: u8,
  desiredStatus: u8,
  linkTopologies: keys,
  linkFlags: u32,
};

/** Reads a Link account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeLink(data: Uint8Array): Link {
  return decodeAs('link', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeLink(link: Link): Uint8Array {
  return encodeAs('link', LAYOUT, link);
}

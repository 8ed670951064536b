import type { Address, Ipv4, Nanoseconds, NetworkV4, Slot } from './units.ts';

/** Byte values of User.status; any other byte is kept as it is. */
export const UserStatus = {
  pending: 0,
  activated: 1,
  suspended: 2,
  deleting: 3,
  rejected: 4,
  pendingBan: 5,
  banned: 6,
  updating: 7,
  outOfCredits: 8,
} as const;

/** Byte values of User.bgp_status (RFC-19). */
export const BgpStatus = { unknown: 0, up: 1, down: 2 } as const;

/** Byte values of User.user_type. */
export const UserType = { ibrl: 0, ibrlWithAllocatedIp: 1, edgeFiltering: 2, multicast: 3 } as const;

/** The User account (type 7), fields in the order of its layout. A field that the account is too short to hold reads as zero. */
export interface User {
  readonly owner: Address;
  /** 0 for accounts keyed by client address, so it identifies nobody. */
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly userType: number;
  /** The zero address for a user without a tenant. */
  readonly tenantPk: Address;
  readonly devicePk: Address;
  readonly cyoaType: number;
  /** The user's end of the GRE tunnel, on the internet. */
  readonly clientIp: Ipv4;
  /** The address under which the user is known in DoubleZero. */
  readonly dzIp: Ipv4;
  /** The number of the switch's `Tunnel` interface; 0 for none. */
  readonly tunnelId: number;
  /** The addresses inside the tunnel, a /31: see tunnelSides. */
  readonly tunnelNet: NetworkV4;
  readonly status: number;
  /** Multicast groups that the user may send to. */
  readonly publishers: readonly Address[];
  /** Multicast groups that the user receives. */
  readonly subscribers: readonly Address[];
  readonly validatorPubkey: Address;
  /** The device's end of the tunnel; 0.0.0.0 stands for the device's public address. */
  readonly tunnelEndpoint: Ipv4;
  /** Bit 0: created as a publisher. */
  readonly tunnelFlags: number;
  /** What was last reported by SetUserBGPStatus; see BgpStatus. */
  readonly bgpStatus: number;
  /** The slot of the latest report of up, repeated ones included; 0 for never. */
  readonly lastBgpUpAt: Slot;
  /** The slot of the latest report; 0 for never. */
  readonly lastBgpReportedAt: Slot;
  /** The round-trip time that came with the latest report; 0 for no sample. */
  readonly bgpRttNs: Nanoseconds;
  /** Feeds that the user has a seat for. */
  readonly feedPks: readonly Address[];
}

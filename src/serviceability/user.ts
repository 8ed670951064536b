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

/** The User account (type 7). A field that the account is too short to hold reads as zero. */
export interface User {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly userType: number;
  readonly tenantPk: Address;
  readonly devicePk: Address;
  readonly cyoaType: number;
  readonly clientIp: Ipv4;
  readonly dzIp: Ipv4;
  readonly tunnelId: number;
  readonly tunnelNet: NetworkV4;
  readonly status: number;
  readonly publishers: readonly Address[];
  readonly subscribers: readonly Address[];
  readonly validatorPubkey: Address;
  readonly tunnelEndpoint: Ipv4;
  readonly tunnelFlags: number;
  readonly bgpStatus: number;
  readonly lastBgpUpAt: Slot;
  readonly lastBgpReportedAt: Slot;
  readonly bgpRttNs: Nanoseconds;
  readonly feedPks: readonly Address[];
}

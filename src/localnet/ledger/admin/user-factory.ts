import {
  type Address,
  type Ipv4,
  type NetworkV4,
  nanoseconds,
  slot,
  UNSPECIFIED_IPV4,
  type User,
  UserStatus,
  ZERO_ADDRESS,
} from '../../../serviceability/index.ts';

export interface NewUser {
  readonly device: Address;
  /** A UserType; IBRL without one. */
  readonly userType?: number | undefined;
  /** Decides, with the type, the account's address; the next one of 198.18.0.0/16 that nobody has without it. */
  readonly clientIp?: Ipv4 | undefined;
  /** Decides the VRF of a unicast user; none without it. */
  readonly tenant?: Address | undefined;
  readonly owner?: Address | undefined;
  readonly publishers?: readonly Address[] | undefined;
  readonly subscribers?: readonly Address[] | undefined;
  /** The lowest free /31 of 169.254.0.0/16 without it. Taken as given, also when another user has it. */
  readonly tunnelNet?: NetworkV4 | undefined;
  /** The lowest free number of the device from 500 without it. */
  readonly tunnelId?: number | undefined;
}

export interface Allocation {
  readonly bumpSeed: number;
  readonly clientIp: Ipv4;
  readonly dzIp: Ipv4;
  readonly tunnelId: number;
  readonly tunnelNet: NetworkV4;
}

const GRE_OVER_DIA = 1;

/** A user as CreateUser leaves it: activated, its addresses allocated, no BGP status yet. */
export function newUser(input: NewUser, allocated: Allocation, owner: Address): User {
  return {
    owner: input.owner ?? owner,
    index: 0n,
    bumpSeed: allocated.bumpSeed,
    userType: input.userType ?? 0,
    tenantPk: input.tenant ?? ZERO_ADDRESS,
    devicePk: input.device,
    cyoaType: GRE_OVER_DIA,
    clientIp: allocated.clientIp,
    dzIp: allocated.dzIp,
    tunnelId: allocated.tunnelId,
    tunnelNet: allocated.tunnelNet,
    status: UserStatus.activated,
    publishers: input.publishers ?? [],
    subscribers: input.subscribers ?? [],
    validatorPubkey: ZERO_ADDRESS,
    tunnelEndpoint: UNSPECIFIED_IPV4,
    tunnelFlags: (input.publishers ?? []).length > 0 ? 1 : 0,
    bgpStatus: 0,
    lastBgpUpAt: slot(0),
    lastBgpReportedAt: slot(0),
    bgpRttNs: nanoseconds(0),
    feedPks: [],
  };
}

import type { DeprecatedInterface, DeviceInterface } from './device-interface.ts';
import type { Address, Ipv4, NetworkV4 } from './units.ts';

/** Byte values of Device.status as the program numbers them (2 is retired); any other byte is kept as it is. */
export const DeviceStatus = {
  pending: 0,
  activated: 1,
  deleting: 3,
  rejected: 4,
  drained: 5,
  deviceProvisioning: 6,
  linkProvisioning: 7,
} as const;

/** The Device account (type 5). A field that the account is too short to hold reads as zero. */
export interface Device {
  readonly owner: Address;
  readonly index: bigint;
  readonly bumpSeed: number;
  readonly locationPk: Address;
  readonly exchangePk: Address;
  readonly deviceType: number;
  readonly publicIp: Ipv4;
  readonly status: number;
  readonly code: string;
  readonly dzPrefixes: readonly NetworkV4[];
  /** The telemetry key: the only signer whose SetUserBGPStatus the program takes for users of this device. */
  readonly metricsPublisherPk: Address;
  readonly contributorPk: Address;
  readonly mgmtVrf: string;
  readonly deprecatedInterfaces: readonly DeprecatedInterface[];
  readonly referenceCount: number;
  readonly usersCount: number;
  readonly maxUsers: number;
  readonly deviceHealth: number;
  readonly desiredStatus: number;
  readonly unicastUsersCount: number;
  readonly multicastSubscribersCount: number;
  /** 0 is unlimited. */
  readonly maxUnicastUsers: number;
  readonly maxMulticastSubscribers: number;
  readonly reservedSeats: number;
  readonly multicastPublishersCount: number;
  readonly maxMulticastPublishers: number;
  readonly interfaces: readonly DeviceInterface[];
  /**
   * Present when a vector of interfaces could not be read, as one of an unknown layout: the account's bytes from that vector on. It and all
   * fields after it read as their defaults, and are not to be believed.
   */
  readonly unreadTail?: UnreadTail;
}

/** The part of a Device account that could not be read. */
export interface UnreadTail {
  readonly from: 'deprecatedInterfaces' | 'interfaces';
  readonly bytes: Uint8Array;
}

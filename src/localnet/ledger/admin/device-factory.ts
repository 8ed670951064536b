import {
  type Address,
  type DeprecatedInterface,
  type Device,
  type DeviceInterface,
  type FullInterface,
  type Ipv4,
  ipv4,
  ipv4FromNumber,
  ipv4ToNumber,
  type NetworkV4,
  UNSPECIFIED_NETWORK,
} from '../../../serviceability/index.ts';
import { UNUSED_DEVICE } from '../programs/index.ts';

export interface NewDevice {
  /** The key that may write the status of this device's users. */
  readonly metricsPublisher: Address;
  /** At most 32 characters; `dz1`, `dz2`, … without one. */
  readonly code?: string | undefined;
  readonly publicIp?: Ipv4 | undefined;
  /** Where DoubleZero addresses come from; a /24 of 198.19.0.0/16 without it. */
  readonly dzPrefixes?: readonly NetworkV4[] | undefined;
  /** A DeviceStatus; activated without one. */
  readonly status?: number | undefined;
  /** How many interfaces it has: the account, and what reading it costs the program, grow with them. None without it. */
  readonly interfaces?: number | undefined;
}

/** Changes to a device; what is not named stays. */
export type DeviceChange = { readonly [K in keyof NewDevice]?: NewDevice[K] | undefined };

const ALLOCATED_ENDPOINTS = ipv4ToNumber(ipv4('198.19.255.0'));
const FIRST_DZ_PREFIX = ipv4ToNumber(ipv4('198.19.0.0'));

/** The Device account number `serial` (from 1), with addresses from 198.18.0.0/15, which the program takes as routable and no network uses. */
export function newDevice(serial: number, bumpSeed: number, owner: Address, input: NewDevice): Device {
  return {
    ...UNUSED_DEVICE,
    owner,
    index: BigInt(serial),
    bumpSeed,
    deviceType: 0,
    mgmtVrf: 'management',
    locationPk: owner,
    exchangePk: owner,
    contributorPk: owner,
    publicIp: input.publicIp ?? ipv4FromNumber(ALLOCATED_ENDPOINTS + serial),
    status: input.status ?? UNUSED_DEVICE.status,
    code: input.code ?? `dz${serial}`,
    dzPrefixes: input.dzPrefixes ?? [{ address: ipv4FromNumber(FIRST_DZ_PREFIX + serial * 256), prefixLength: 24 }],
    metricsPublisherPk: input.metricsPublisher,
    ...interfacesOf(input.interfaces ?? 0),
    maxUsers: 4096,
  };
}

export function changedDevice(device: Device, change: DeviceChange): Device {
  return {
    ...device,
    metricsPublisherPk: change.metricsPublisher ?? device.metricsPublisherPk,
    code: change.code ?? device.code,
    publicIp: change.publicIp ?? device.publicIp,
    status: change.status ?? device.status,
    ...(change.interfaces === undefined ? {} : interfacesOf(change.interfaces)),
  };
}

/** Both vectors, as the program writes them: each interface once in the old form and once in the new. */
function interfacesOf(count: number): {
  readonly deprecatedInterfaces: readonly DeprecatedInterface[];
  readonly interfaces: readonly DeviceInterface[];
} {
  const all = Array.from({ length: count }, (_, index) => physicalInterface(index + 1));
  return {
    deprecatedInterfaces: all.map((element) => ({ layout: 1, ...element })),
    interfaces: all.map((element) => ({ kind: 'known', ...element, flexAlgoNodeSegments: [], surplus: new Uint8Array() })),
  };
}

function physicalInterface(port: number): FullInterface {
  return {
    status: 3,
    name: `Ethernet${port}`,
    interfaceType: 2,
    loopbackType: 0,
    vlanId: 0,
    ipNet: UNSPECIFIED_NETWORK,
    nodeSegmentIdx: 0,
    userTunnelEndpoint: false,
    cyoa: 0,
    dia: 0,
    bandwidth: 10_000_000_000n,
    cir: 0n,
    mtu: 9000,
    routingMode: 1,
  };
}

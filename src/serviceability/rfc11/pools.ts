import { ZERO_ADDRESS } from '../address.ts';
import { formatNetworkV4, ipv4FromNumber, networkRange } from '../network.ts';
import { resourceExtensionAddress } from '../pda.ts';
import {
  allocatedCount,
  type ResourceExtension as DeployedExtension,
  decodeResourceExtension as decodeDeployedExtension,
  isAllocated,
  resourceCapacity,
} from '../program-accounts.ts';
import { type Address, compare, type NetworkV4 } from '../units.ts';
import type { NetworkAccounts } from './accounts.ts';
import {
  decodeResourceExtension,
  IdType,
  type IdTypeName,
  IpBlockType,
  type IpBlockTypeName,
  idPool,
  networkPool,
  RESOURCE_EXTENSION_ACCOUNT_TYPE,
  RESOURCE_LABEL,
  type ResourceExtension,
  type ResourcePool,
} from './resource-extension.ts';

/** Which design a pool belongs to: the deployed program's, with an account a pool, or RFC-11's draft, with an account a device. */
export type PoolLayout = 'deployed' | 'drafted';

/** What a pool gives out: a number, or a network (an address is a /32). */
export type PoolValue = { readonly id: number } | { readonly network: NetworkV4 };

/** One pool of a network, in either layout. Slots count from 0. A deployed pool of addresses has a slot an address, so that a /31 takes two. */
export interface Pool {
  readonly layout: PoolLayout;
  /** The deployed program's name for it (`UserTunnelBlock`), or RFC-11's (`UserTunnelNet`). */
  readonly name: string;
  /** The ResourceExtension account. */
  readonly account: Address;
  /** Absent for a pool of the network. */
  readonly device: Address | undefined;
  /** Networks or numbers, such as `169.254.0.0/16` or `500-4095`. */
  readonly range: string;
  readonly unit: 'ids' | 'addresses' | 'tunnels';
  /** All slots, reserved ones included. */
  readonly capacity: number;
  /** Slots that are never given out. */
  readonly reserved: number;
  /** Slots in use, reserved ones not counted. */
  readonly taken: number;
  /** The count in a drafted extension, which the program maintains along with the bitmap. */
  readonly storedCount: number | undefined;
  isTaken(slot: number): boolean;
  isReserved(slot: number): boolean;
  /** Reserved slots of a drafted pool whose bit is clear, so that the program would give them out. */
  freeReserved(): readonly number[];
  /** The slots that the value covers; undefined when any of it is outside of the pool. */
  slotsOf(value: PoolValue): readonly number[] | undefined;
  /** The value of a slot, as text. */
  valueOf(slot: number): string;
}

/** A ResourceExtension of either design. */
export type AnyExtension =
  | { readonly layout: 'deployed'; readonly extension: DeployedExtension }
  | { readonly layout: 'drafted'; readonly extension: ResourceExtension };

/** Reads a ResourceExtension by its type byte: 12 as deployed, 161 as drafted. Throws ServiceabilityError for anything else. */
export function decodeAnyExtension(data: Uint8Array): AnyExtension {
  return data[0] === RESOURCE_EXTENSION_ACCOUNT_TYPE
    ? { layout: 'drafted', extension: decodeResourceExtension(data) }
    : { layout: 'deployed', extension: decodeDeployedExtension(data) };
}

/** All pools of a network: first the network's own, then each device's, deployed before drafted. */
export function listPools(network: NetworkAccounts): readonly Pool[] {
  const pools = [...deployedPools(network), ...draftedPools(network)];
  const code = ({ device }: Pool): string => (device === undefined ? '' : (network.devices.get(device)?.code ?? device));
  return pools.sort(
    (a, b) => compare(code(a), code(b)) || compare(a.layout, b.layout) || compare(a.name, b.name) || compare(a.range, b.range),
  );
}

/** The deployed program's names of the network's own pools, by their seed. */
const NETWORK_POOLS = {
  devicetunnelblock: 'DeviceTunnelBlock',
  usertunnelblock: 'UserTunnelBlock',
  multicastgroupblock: 'MulticastGroupBlock',
  multicastpublisherblock: 'MulticastPublisherBlock',
  linkids: 'LinkIds',
  segmentroutingids: 'SegmentRoutingIds',
  vrfids: 'VrfIds',
  admingroupbits: 'AdminGroupBits',
} as const;

function deployedPools({ programId, deployedExtensions }: NetworkAccounts): readonly Pool[] {
  if (deployedExtensions.size === 0) return [];
  const names = new Map<Address, string>();
  for (const [kind, name] of Object.entries(NETWORK_POOLS))
    names.set(resourceExtensionAddress(programId, { kind: kind as keyof typeof NETWORK_POOLS }).address, name);
  return [...deployedExtensions].map(([account, extension]) => {
    const ofDevice = extension.allocator.kind === 'ids' ? 'TunnelIds' : 'DzPrefixBlock';
    const name = extension.associatedWith === ZERO_ADDRESS ? (names.get(account) ?? 'unknown') : ofDevice;
    return deployedPool(account, name, extension);
  });
}

/** One deployed ResourceExtension as a pool. */
function deployedPool(account: Address, name: string, extension: DeployedExtension): Pool {
  const { allocator, associatedWith } = extension;
  const capacity = resourceCapacity(extension);
  const { first, rangeOf, textOf, ...shown } = valuesOf(allocator);
  // The program takes the first address of a prefix for the device itself.
  const isReserved = (slot: number): boolean => name === 'DzPrefixBlock' && slot === 0;
  const reserved = capacity > 0 && isReserved(0) ? 1 : 0;
  return {
    layout: 'deployed',
    name,
    account,
    device: associatedWith === ZERO_ADDRESS ? undefined : associatedWith,
    ...shown,
    capacity,
    reserved,
    taken: allocatedCount(extension) - (reserved === 1 && isAllocated(extension, 0) ? 1 : 0),
    storedCount: undefined,
    isTaken: (slot) => isAllocated(extension, slot),
    isReserved,
    // The device itself holds the reserved one.
    freeReserved: () => [],
    slotsOf(value) {
      const values = rangeOf(value);
      if (values === undefined || values.count > MAX_SLOTS_A_VALUE) return undefined;
      if (values.first < first || values.first + values.count > first + capacity) return undefined;
      return Array.from({ length: values.count }, (_, index) => values.first - first + index);
    },
    valueOf: (slot) => textOf(first + slot),
  };
}

/** The values of a deployed pool, all of them as numbers. */
interface DeployedValues extends Pick<Pool, 'unit' | 'range'> {
  /** The value of slot 0. */
  readonly first: number;
  /** Undefined for a value of another kind. */
  rangeOf(value: PoolValue): ReturnType<typeof networkRange> | undefined;
  textOf(value: number): string;
}

function valuesOf(allocator: DeployedExtension['allocator']): DeployedValues {
  switch (allocator.kind) {
    case 'addresses':
      return {
        unit: 'addresses',
        range: formatNetworkV4(allocator.baseNet),
        first: networkRange(allocator.baseNet).first,
        rangeOf: (value) => ('network' in value ? networkRange(value.network) : undefined),
        textOf: ipv4FromNumber,
      };
    case 'ids':
      return {
        unit: 'ids',
        range: `${allocator.rangeStart}-${allocator.rangeEnd - 1}`,
        first: allocator.rangeStart,
        rangeOf: (value) => ('id' in value ? { first: value.id, count: 1 } : undefined),
        textOf: String,
      };
    case 'unknown':
      return { unit: 'ids', range: `allocator ${allocator.tag}`, first: 0, rangeOf: () => undefined, textOf: String };
  }
}

function draftedPools({ draftedExtensions }: NetworkAccounts): readonly Pool[] {
  return [...draftedExtensions.values()].flatMap(({ account, extension }) => [
    ...Object.keys(IdType).flatMap((type) => draftedIdPool(account, extension, type as IdTypeName) ?? []),
    ...Object.keys(IpBlockType).flatMap((type) => draftedNetworkPool(account, extension, type as IpBlockTypeName) ?? []),
  ]);
}

function draftedIdPool(account: Address, extension: ResourceExtension, type: IdTypeName): Pool | undefined {
  const pool = idPool(extension, type);
  if (pool === undefined) return undefined;
  const usable = pool.slots - pool.reservedCount;
  return {
    ...commonOf(account, extension, type, pool),
    range: `${pool.idOf(0)}-${pool.idOf(usable - 1)}`,
    unit: 'ids',
    // The slots after the last usable one are no ids of this pool.
    capacity: usable,
    reserved: 0,
    isReserved: (slot) => slot >= usable,
    slotsOf(value) {
      const slot = 'id' in value ? pool.slotOf(value.id) : undefined;
      return slot === undefined || slot >= usable ? undefined : [slot];
    },
    valueOf: (slot) => String(pool.idOf(slot)),
  };
}

function draftedNetworkPool(account: Address, extension: ResourceExtension, type: IpBlockTypeName): Pool | undefined {
  const pool = networkPool(extension, type);
  if (pool === undefined) return undefined;
  const blocks = extension.ipAllocations.filter(({ blockType }) => blockType === type);
  const slotLength = 32 - (blocks[0]?.slotSize ?? 0);
  return {
    ...commonOf(account, extension, type, pool),
    range: blocks.map(({ block }) => formatNetworkV4(block)).join(', '),
    unit: slotLength === 32 ? 'addresses' : 'tunnels',
    capacity: pool.slots,
    reserved: pool.reservedCount,
    isReserved: (slot) => pool.isReserved(slot),
    slotsOf(value) {
      if (!('network' in value)) return undefined;
      // A single address lies in the slot of its /31.
      const { address, prefixLength } = value.network;
      const { first, count } = networkRange({ address, prefixLength: Math.min(prefixLength, slotLength) });
      const size = 2 ** (32 - slotLength);
      if (count / size > MAX_SLOTS_A_VALUE) return undefined;
      const slots = Array.from({ length: count / size }, (_, index) =>
        pool.slotOf({ address: ipv4FromNumber(first + index * size), prefixLength: slotLength }),
      );
      return slots.every((slot) => slot !== undefined) ? slots : undefined;
    },
    valueOf(slot) {
      const value = pool.networkOf(slot);
      return value === undefined ? `slot ${slot}` : slotLength === 32 ? value.address : formatNetworkV4(value);
    },
  };
}

/** Tunnels are a /31, loopbacks a /32: more than this is no allocation. */
const MAX_SLOTS_A_VALUE = 256;

function commonOf(account: Address, { associatedWith }: ResourceExtension, type: IdTypeName | IpBlockTypeName, pool: ResourcePool) {
  return {
    layout: 'drafted' as const,
    name: RESOURCE_LABEL[type],
    account,
    device: associatedWith === ZERO_ADDRESS ? undefined : associatedWith,
    taken: pool.allocated().length,
    storedCount: pool.allocatedCount,
    isTaken: (slot: number) => pool.isAllocated(slot),
    freeReserved: () => pool.freeReserved(),
  };
}

/** Whether the two networks have an address in common. */
export function networksOverlap(a: NetworkV4, b: NetworkV4): boolean {
  const [one, other] = [networkRange(a), networkRange(b)];
  return one.first < other.first + other.count && other.first < one.first + one.count;
}

/** The networks that no other one of the list contains, each once: a pool of these gives out each address once. */
export function withoutNested(networks: readonly NetworkV4[]): readonly NetworkV4[] {
  const isWithin = (inner: NetworkV4, at: number): boolean =>
    networks.some(
      (outer, other) =>
        other !== at &&
        networksOverlap(outer, inner) &&
        (outer.prefixLength < inner.prefixLength || (outer.prefixLength === inner.prefixLength && other < at)),
    );
  return networks.filter((network, at) => !isWithin(network, at));
}

import {
  type AccountReader,
  AccountType,
  AccountWriter,
  decodeAs,
  encodeAs,
  key,
  keys,
  type Layout,
  lamportsField,
  openAccount,
  u8,
  u128,
} from './borsh.ts';
import { ipv4FromNumber, ipv4ToNumber } from './network.ts';
import type { Address, Ipv4, Lamports, NetworkV4 } from './units.ts';

/** The GlobalConfig account (type 2): the network's numbers and address blocks. A field that the account is too short to hold reads as zero. */
export interface GlobalConfig {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly localAsn: number;
  readonly remoteAsn: number;
  readonly deviceTunnelBlock: NetworkV4;
  /** Every user's tunnel_net is a /31 of this. */
  readonly userTunnelBlock: NetworkV4;
  readonly multicastGroupBlock: NetworkV4;
  readonly nextBgpCommunity: number;
  readonly multicastPublisherBlock: NetworkV4;
}

/** Reads a GlobalConfig account. Throws only AccountDataError, when the data is empty or of another type. */
export function decodeGlobalConfig(data: Uint8Array): GlobalConfig {
  const reader = openAccount(data, 'globalConfig');
  return {
    owner: reader.key(),
    bumpSeed: reader.u8(),
    localAsn: reader.u32(),
    remoteAsn: reader.u32(),
    deviceTunnelBlock: reader.network(),
    userTunnelBlock: reader.network(),
    multicastGroupBlock: reader.network(),
    nextBgpCommunity: reader.u16(),
    multicastPublisherBlock: reader.network(),
  };
}

/** The account's 64 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeGlobalConfig(config: GlobalConfig): Uint8Array {
  return new AccountWriter()
    .u8(AccountType.globalConfig)
    .key(config.owner)
    .u8(config.bumpSeed)
    .u32(config.localAsn)
    .u32(config.remoteAsn)
    .network(config.deviceTunnelBlock)
    .network(config.userTunnelBlock)
    .network(config.multicastGroupBlock)
    .u16(config.nextBgpCommunity)
    .network(config.multicastPublisherBlock)
    .finish();
}

/** Bits of GlobalState.feature_flags. The first is retired: the program always allocates on-chain. */
export const FeatureFlag = { onChainAllocation: 1n, requirePermissionAccounts: 2n } as const;

/** The GlobalState account (type 1): authorities and allowlists of a network. A field that the account is too short to hold reads as zero. */
export interface GlobalState {
  readonly bumpSeed: number;
  /** The highest account index in use. */
  readonly accountIndex: bigint;
  readonly foundationAllowlist: readonly Address[];
  /** No longer used by the program. */
  readonly deviceAllowlist: readonly Address[];
  /** No longer used by the program. */
  readonly userAllowlist: readonly Address[];
  readonly activatorAuthorityPk: Address;
  readonly sentinelAuthorityPk: Address;
  readonly contributorAirdropLamports: Lamports;
  readonly userAirdropLamports: Lamports;
  readonly healthOraclePk: Address;
  readonly qaAllowlist: readonly Address[];
  /** See FeatureFlag. */
  readonly featureFlags: bigint;
  readonly feedAuthorityPk: Address;
}

const LAYOUT: Layout<GlobalState> = {
  bumpSeed: u8,
  accountIndex: u128,
  foundationAllowlist: keys,
  deviceAllowlist: keys,
  userAllowlist: keys,
  activatorAuthorityPk: key,
  sentinelAuthorityPk: key,
  contributorAirdropLamports: lamportsField,
  userAirdropLamports: lamportsField,
  healthOraclePk: key,
  qaAllowlist: keys,
  featureFlags: u128,
  feedAuthorityPk: key,
};

/** Reads a GlobalState account. Throws only AccountDataError, when the data is empty or of another type. */
export function decodeGlobalState(data: Uint8Array): GlobalState {
  return decodeAs('globalState', LAYOUT, data);
}

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeGlobalState(state: GlobalState): Uint8Array {
  return encodeAs('globalState', LAYOUT, state);
}

/** A version of the program or of a client. */
export interface ProgramVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The ProgramConfig account (type 9): which program a network runs. A field that the account is too short to hold reads as zero. */
export interface ProgramConfig {
  readonly bumpSeed: number;
  readonly version: ProgramVersion;
  /** The oldest client that the program's operators want to see. */
  readonly minCompatibleVersion: ProgramVersion;
}

/** Reads a ProgramConfig account. Throws only AccountDataError, when the data is empty or of another type. */
export function decodeProgramConfig(data: Uint8Array): ProgramConfig {
  const reader = openAccount(data, 'programConfig');
  return { bumpSeed: reader.u8(), version: readVersion(reader), minCompatibleVersion: readVersion(reader) };
}

/** The account's 26 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeProgramConfig({ bumpSeed, version, minCompatibleVersion }: ProgramConfig): Uint8Array {
  const writer = new AccountWriter().u8(AccountType.programConfig).u8(bumpSeed);
  for (const { major, minor, patch } of [version, minCompatibleVersion]) writer.u32(major).u32(minor).u32(patch);
  return writer.finish();
}

/** `major.minor.patch` */
export function formatProgramVersion({ major, minor, patch }: ProgramVersion): string {
  return `${major}.${minor}.${patch}`;
}

function readVersion(reader: AccountReader): ProgramVersion {
  return { major: reader.u32(), minor: reader.u32(), patch: reader.u32() };
}

/** What a pool allocates from. A tag that is not known ends what can be read of the account. */
export type ResourceAllocator =
  | {
      readonly kind: 'addresses';
      /** One bit an address, from its base on. */
      readonly baseNet: NetworkV4;
      /** Where the program begins to look for a free bit, in words of 64 bits; a hint. */
      readonly firstFreeIndex: bigint;
    }
  | {
      readonly kind: 'ids';
      readonly rangeStart: number;
      /** Exclusive. */
      readonly rangeEnd: number;
      /** Where the program begins to look for a free bit, in words of 64 bits; a hint. */
      readonly firstFreeIndex: bigint;
    }
  | { readonly kind: 'unknown'; readonly tag: number };

/**
 * The ResourceExtension account (type 12) as deployed: one pool of addresses or numbers, and a bit for each that is taken. It is not the
 * account that RFC-11 drafted, with many allocators in one.
 */
export interface ResourceExtension {
  readonly owner: Address;
  readonly bumpSeed: number;
  /** The device whose pool it is; the zero address for a pool of the network. */
  readonly associatedWith: Address;
  readonly allocator: ResourceAllocator;
  /** Bit 0 of byte 0 is the first element; see allocatedAddresses and allocatedIds. */
  readonly bitmap: Uint8Array;
}

const TAG = { addresses: 0, ids: 1 } as const;
const BITMAP_OFFSET = 88;

/** Reads a ResourceExtension account. Throws only AccountDataError, when the data is empty or of another type. */
export function decodeResourceExtension(data: Uint8Array): ResourceExtension {
  const reader = openAccount(data, 'resourceExtension');
  const owner = reader.key();
  const bumpSeed = reader.u8();
  const associatedWith = reader.key();
  const allocator = readAllocator(reader);
  reader.copy(Math.max(0, BITMAP_OFFSET - reader.offset));
  return { owner, bumpSeed, associatedWith, allocator, bitmap: reader.copy(reader.remaining) };
}

/** The account's bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeResourceExtension({ owner, bumpSeed, associatedWith, allocator, bitmap }: ResourceExtension): Uint8Array {
  const writer = new AccountWriter().u8(AccountType.resourceExtension).key(owner).u8(bumpSeed).key(associatedWith);
  switch (allocator.kind) {
    case 'addresses':
      writer.u8(TAG.addresses).network(allocator.baseNet).u64(allocator.firstFreeIndex);
      break;
    case 'ids':
      writer.u8(TAG.ids).u16(allocator.rangeStart).u16(allocator.rangeEnd).u64(allocator.firstFreeIndex);
      break;
    case 'unknown':
      return writer.u8(allocator.tag).finish();
  }
  return writer
    .raw(new Uint8Array(BITMAP_OFFSET - writer.length))
    .raw(bitmap)
    .finish();
}

function readAllocator(reader: AccountReader): ResourceAllocator {
  const tag = reader.u8();
  switch (tag) {
    case TAG.addresses:
      return { kind: 'addresses', baseNet: reader.network(), firstFreeIndex: reader.u64() };
    case TAG.ids:
      return { kind: 'ids', rangeStart: reader.u16(), rangeEnd: reader.u16(), firstFreeIndex: reader.u64() };
    default:
      reader.cutHere();
      return { kind: 'unknown', tag };
  }
}

/**
 * How many elements the pool has: addresses of its network, or numbers of its range, and never more than its bitmap has bits. 0 for an
 * allocator that is not known.
 */
export function resourceCapacity({ allocator, bitmap }: ResourceExtension): number {
  const bits = bitmap.length * 8;
  switch (allocator.kind) {
    case 'addresses':
      return Math.min(bits, 2 ** (32 - allocator.baseNet.prefixLength));
    case 'ids':
      return Math.min(bits, Math.max(0, allocator.rangeEnd - allocator.rangeStart));
    case 'unknown':
      return 0;
  }
}

/** Whether the element at `index` (from 0, bit 0 of byte 0 first) is taken; false outside of the pool. */
export function isAllocated(extension: ResourceExtension, index: number): boolean {
  if (!Number.isInteger(index) || index < 0 || index >= resourceCapacity(extension)) return false;
  return (((extension.bitmap[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
}

/** The addresses that are taken, in order; empty for a pool of numbers. Every address counts for itself: a /31 is two of them. */
export function allocatedAddresses(extension: ResourceExtension): readonly Ipv4[] {
  const { allocator } = extension;
  if (allocator.kind !== 'addresses') return [];
  const { address, prefixLength } = allocator.baseNet;
  // The stored address is not always masked, and bit 0 is the network's first address.
  const base = prefixLength === 0 ? 0 : ipv4ToNumber(address) & (-1 << (32 - prefixLength));
  return allocatedIndexes(extension).map((index) => ipv4FromNumber(base + index));
}

/** The numbers that are taken, in order; empty for a pool of addresses. */
export function allocatedIds(extension: ResourceExtension): readonly number[] {
  const { allocator } = extension;
  return allocator.kind === 'ids' ? allocatedIndexes(extension).map((index) => allocator.rangeStart + index) : [];
}

/** How many elements are taken. */
export function allocatedCount(extension: ResourceExtension): number {
  return allocatedIndexes(extension).length;
}

function allocatedIndexes(extension: ResourceExtension): readonly number[] {
  const { bitmap } = extension;
  const capacity = resourceCapacity(extension);
  const indexes: number[] = [];
  for (let byte = 0; byte * 8 < capacity; byte++) {
    const bits = bitmap[byte] ?? 0;
    if (bits === 0) continue;
    for (let bit = 0; bit < 8 && byte * 8 + bit < capacity; bit++) {
      if (((bits >>> bit) & 1) === 1) indexes.push(byte * 8 + bit);
    }
  }
  return indexes;
}

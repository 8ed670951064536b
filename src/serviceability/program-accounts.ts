import {
  type AccountReader,
  AccountType,
  AccountWriter,
  absentAs,
  decodeAs,
  encodeAs,
  type FieldCodec,
  type Fields,
  key,
  keys,
  lamportsField,
  network,
  openAccount,
  struct,
  u8,
  u16,
  u32,
  u128,
} from './borsh.ts';
import { ipv4FromNumber, networkRange } from './network.ts';
import { AccountDataError, type Address, type Ipv4, type NetworkV4 } from './units.ts';

/** The program's default for an account without the field. */
const FIRST_BGP_COMMUNITY = 10_000;

/**
 * The GlobalConfig account (type 2): the network's numbers and address blocks. A field that the account is too short to hold reads as zero, the next
 * BGP community as 10,000.
 */
export interface GlobalConfig extends Fields<typeof GLOBAL_CONFIG_LAYOUT> {}

const GLOBAL_CONFIG_LAYOUT = {
  owner: key,
  bumpSeed: u8,
  localAsn: u32,
  remoteAsn: u32,
  deviceTunnelBlock: network,
  /** Every user's tunnel_net is a /31 of this. */
  userTunnelBlock: network,
  multicastGroupBlock: network,
  nextBgpCommunity: /* @__PURE__ */ absentAs(FIRST_BGP_COMMUNITY, u16),
  multicastPublisherBlock: network,
};

/** Reads a GlobalConfig account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeGlobalConfig = (data: Uint8Array): GlobalConfig => decodeAs('globalConfig', GLOBAL_CONFIG_LAYOUT, data);

/** The account's 64 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeGlobalConfig = (config: GlobalConfig): Uint8Array => encodeAs('globalConfig', GLOBAL_CONFIG_LAYOUT, config);

/** Bits of GlobalState.feature_flags. The first is retired: the program always allocates on-chain. */
export const FeatureFlag = { onChainAllocation: 1n, requirePermissionAccounts: 2n } as const;

/** Unlike every other list: the program refuses an account whose count says more keys than there are. */
const allowlist: FieldCodec<readonly Address[]> = {
  read(reader) {
    const hasCount = reader.remaining >= 4;
    const read = keys.read(reader);
    if (!hasCount || !reader.cut) return read;
    throw new AccountDataError('ACCOUNT__INCONSISTENT', { what: 'a GlobalState', problem: 'a list has fewer keys than its count says' });
  },
  write: (writer, value) => keys.write(writer, value),
};

/** The GlobalState account (type 1): authorities and allowlists of a network. A field that the account is too short to hold reads as zero. */
export interface GlobalState extends Fields<typeof GLOBAL_STATE_LAYOUT> {}

const GLOBAL_STATE_LAYOUT = {
  bumpSeed: u8,
  /** The highest account index in use. */
  accountIndex: u128,
  foundationAllowlist: allowlist,
  /** No longer used by the program. */
  deviceAllowlist: allowlist,
  /** No longer used by the program. */
  userAllowlist: allowlist,
  activatorAuthorityPk: key,
  sentinelAuthorityPk: key,
  contributorAirdropLamports: lamportsField,
  userAirdropLamports: lamportsField,
  healthOraclePk: key,
  qaAllowlist: allowlist,
  /** See FeatureFlag. */
  featureFlags: u128,
  feedAuthorityPk: key,
};

/** Reads a GlobalState account. Throws only AccountDataError, when the data is empty, of another type, or has a list whose count lies. */
export const decodeGlobalState = (data: Uint8Array): GlobalState => decodeAs('globalState', GLOBAL_STATE_LAYOUT, data);

/** The account's bytes in the current layout. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeGlobalState = (state: GlobalState): Uint8Array => encodeAs('globalState', GLOBAL_STATE_LAYOUT, state);

/** A version of the program or of a client. */
export interface ProgramVersion extends Fields<typeof VERSION_LAYOUT> {}

const VERSION_LAYOUT = { major: u32, minor: u32, patch: u32 };
const versionField: FieldCodec<ProgramVersion> = /* @__PURE__ */ struct(VERSION_LAYOUT);

/** The ProgramConfig account (type 9): the program version of a network. A field that the account is too short to hold reads as zero. */
export interface ProgramConfig extends Fields<typeof PROGRAM_CONFIG_LAYOUT> {}

const PROGRAM_CONFIG_LAYOUT = {
  bumpSeed: u8,
  version: versionField,
  /** The oldest client version that the program's operators support. */
  minCompatibleVersion: versionField,
};

/** Reads a ProgramConfig account. Throws only AccountDataError, when the data is empty or of another type. */
export const decodeProgramConfig = (data: Uint8Array): ProgramConfig => decodeAs('programConfig', PROGRAM_CONFIG_LAYOUT, data);

/** The account's 26 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export const encodeProgramConfig = (config: ProgramConfig): Uint8Array => encodeAs('programConfig', PROGRAM_CONFIG_LAYOUT, config);

/** `major.minor.patch` */
export function formatProgramVersion({ major, minor, patch }: ProgramVersion): string {
  return `${major}.${minor}.${patch}`;
}

/** The range that a pool allocates from. An unknown tag ends the readable part of the account. */
export type ResourceAllocator =
  | {
      readonly kind: 'addresses';
      /** One bit per address, from its base on. */
      readonly baseNet: NetworkV4;
      /** The 64-bit word at which the program starts its search for a free bit; a hint. */
      readonly firstFreeIndex: bigint;
    }
  | {
      readonly kind: 'ids';
      readonly rangeStart: number;
      /** Exclusive. */
      readonly rangeEnd: number;
      /** The 64-bit word at which the program starts its search for a free bit; a hint. */
      readonly firstFreeIndex: bigint;
    }
  | { readonly kind: 'unknown'; readonly tag: number };

/**
 * The ResourceExtension account (type 12) as deployed: one pool of addresses or numbers, with one bit for each. RFC-11's draft, with many
 * allocators in one account, is another account.
 */
export interface ResourceExtension {
  readonly owner: Address;
  readonly bumpSeed: number;
  /** The pool's device; the zero address for a pool of the network. */
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
 * Number of elements in the pool: addresses of its network or numbers of its range, at most the bits of its bitmap. 0 for an unknown
 * allocator.
 */
export function resourceCapacity({ allocator, bitmap }: ResourceExtension): number {
  const bits = bitmap.length * 8;
  switch (allocator.kind) {
    case 'addresses':
      return Math.min(bits, networkRange(allocator.baseNet).count);
    case 'ids':
      return Math.min(bits, Math.max(0, allocator.rangeEnd - allocator.rangeStart));
    case 'unknown':
      return 0;
  }
}

/** Whether the element at `index` (from 0, bit 0 of byte 0 first) is taken; false outside the pool. */
export function isAllocated(extension: ResourceExtension, index: number): boolean {
  if (!Number.isInteger(index) || index < 0 || index >= resourceCapacity(extension)) return false;
  return (((extension.bitmap[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;
}

/** The taken addresses, in order; empty for a pool of numbers. A /31 is two addresses. */
export function allocatedAddresses(extension: ResourceExtension): readonly Ipv4[] {
  const { allocator } = extension;
  if (allocator.kind !== 'addresses') return [];
  const { first } = networkRange(allocator.baseNet);
  return allocatedIndexes(extension).map((index) => ipv4FromNumber(first + index));
}

/** The taken numbers, in order; empty for a pool of addresses. */
export function allocatedIds(extension: ResourceExtension): readonly number[] {
  const { allocator } = extension;
  return allocator.kind === 'ids' ? allocatedIndexes(extension).map((index) => allocator.rangeStart + index) : [];
}

/** Number of taken elements. */
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

import type { AccountReader } from './account-reader.ts';
import { AccountType, openAccount } from './account-type.ts';
import { AccountWriter } from './account-writer.ts';
import type { Address, NetworkV4 } from './units.ts';

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

/** Reads a ResourceExtension account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
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

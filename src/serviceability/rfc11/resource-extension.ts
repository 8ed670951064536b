import type { AccountReader } from '../account-reader.ts';
import { AccountType, openAccount } from '../account-type.ts';
import { AccountWriter } from '../account-writer.ts';
import { ServiceabilityError } from '../serviceability-error.ts';
import type { Address } from '../units.ts';
import { ID_SLOTS, type IdBitmap } from './id-bitmap.ts';
import { type IpBlockBitmap, slotsOfBlock } from './ip-block-bitmap.ts';
import { IdType, IpBlockType, idTypeOf, ipBlockTypeOf } from './resource-type.ts';
import { SlotBitmap, wordsFor } from './slot-bitmap.ts';

/**
 * The ResourceExtension account as RFC-11 drafts it: every pool of a device, or of the whole network, in one account. Its bitmaps are this value's
 * own and may be changed; what is stored changes when it is encoded and written. (The deployed program has one account a pool, laid out otherwise.)
 */
export interface ResourceExtension {
  /** The device, or the zero address for the network's own. */
  readonly associatedWith: Address;
  readonly idAllocations: readonly IdBitmap[];
  readonly ipAllocations: readonly IpBlockBitmap[];
  /** Interfaces of the device. Physical ones hold no slot, so nothing else here would tell DeleteDevice of them. */
  interfaceCount: number;
}

const ID_BITMAP_BYTES = ID_SLOTS / 8;

/**
 * Reads a ResourceExtension as drafted. Throws AccountDataError for data of another type, and ServiceabilityError `ACCOUNT__INCONSISTENT` for data
 * that no such account can hold: the deployed program's extensions, which bear the same type byte, are told apart by that.
 */
export function decodeResourceExtension(data: Uint8Array): ResourceExtension {
  const reader = openAccount(data, 'resourceExtension');
  const associatedWith = reader.key();
  const ids = times(readCount(reader, ID_BITMAP_BYTES), () => readIdBitmap(reader));
  const ipAllocations = times(readCount(reader, 16), () => readIpBlockBitmap(reader));
  const idAllocations = ids.map((bitmap): IdBitmap => ({ ...bitmap, usableSlots: reader.u16() }));
  const interfaceCount = reader.u16();
  if (reader.cut || reader.remaining > 0) throw inconsistent('its length does not fit its contents');
  return { associatedWith, idAllocations, ipAllocations, interfaceCount };
}

/** The account's bytes: the drafted fields, and after them the usable slots of each id bitmap (u16) and the count of interfaces (u16). */
export function encodeResourceExtension(extension: ResourceExtension): Uint8Array {
  const writer = new AccountWriter().u8(AccountType.resourceExtension).key(extension.associatedWith);
  writer.vector(extension.idAllocations, ({ idType, startOffset, bitmap, allocatedCount }) =>
    writer.u8(IdType[idType]).u16(startOffset).raw(bitmap.bytes).u16(allocatedCount),
  );
  writer.vector(extension.ipAllocations, (pool) => {
    writer.u8(IpBlockType[pool.blockType]).network(pool.block).u8(pool.slotSize).u8(pool.reservedStart).u8(pool.reservedEnd);
    writer.u32(wordsFor(pool.bitmap.slots)).raw(pool.bitmap.bytes).u32(pool.allocatedCount);
  });
  for (const { usableSlots } of extension.idAllocations) writer.u16(usableSlots);
  return writer.u16(extension.interfaceCount).finish();
}

/** Whether nobody holds anything of it. */
export const isUnused = ({ idAllocations, ipAllocations, interfaceCount }: ResourceExtension): boolean =>
  interfaceCount === 0 && [...idAllocations, ...ipAllocations].every(({ allocatedCount }) => allocatedCount === 0);

function readIdBitmap(reader: AccountReader): Omit<IdBitmap, 'usableSlots'> {
  const idType = idTypeOf(reader.u8());
  const startOffset = reader.u16();
  const bytes = reader.copy(ID_BITMAP_BYTES);
  if (idType === undefined || reader.cut) throw inconsistent('an id bitmap is cut or of an unknown type');
  return { idType, startOffset, bitmap: new SlotBitmap(ID_SLOTS, bytes), allocatedCount: reader.u16() };
}

function readIpBlockBitmap(reader: AccountReader): IpBlockBitmap {
  const blockType = ipBlockTypeOf(reader.u8());
  const block = reader.network();
  const [slotSize, reservedStart, reservedEnd] = [reader.u8(), reader.u8(), reader.u8()];
  const words = reader.u32();
  if (blockType === undefined || reader.cut) throw inconsistent('an IP block is cut or of an unknown type');
  const slots = slotsOfBlock(block, slotSize);
  if (words !== wordsFor(slots)) throw inconsistent(`a block of ${slots} slots has ${words} words`);
  const bytes = reader.copy(words * 8);
  if (bytes.length !== words * 8) throw inconsistent('an IP block is cut');
  return { blockType, block, slotSize, reservedStart, reservedEnd, bitmap: new SlotBitmap(slots, bytes), allocatedCount: reader.u32() };
}

/** A count of elements that the account can hold, each of them at least so long. */
function readCount(reader: AccountReader, shortest: number): number {
  const count = reader.u32();
  if (count * shortest > reader.remaining) throw inconsistent(`it says that it has ${count} bitmaps`);
  return count;
}

const times = <T>(count: number, read: () => T): readonly T[] => Array.from({ length: count }, read);

const inconsistent = (problem: string): ServiceabilityError =>
  new ServiceabilityError('ACCOUNT__INCONSISTENT', { what: 'a ResourceExtension of RFC-11', problem });

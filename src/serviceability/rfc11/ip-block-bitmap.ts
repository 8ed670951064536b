import { ipv4FromNumber, ipv4ToNumber } from '../ipv4.ts';
import type { NetworkV4 } from '../units.ts';
import { type IpBlockTypeName, SLOT_SIZE } from './resource-type.ts';
import { SlotBitmap } from './slot-bitmap.ts';

/** RFC-11's IpBlockBitmap: the networks of a block, one a slot. */
export interface IpBlockBitmap {
  readonly blockType: IpBlockTypeName;
  readonly block: NetworkV4;
  /** Bits of an address that lie within a slot: 1 for /31 networks, 0 for single addresses. */
  readonly slotSize: number;
  /** Slots at either end that are marked when the bitmap is made and never given out: network and gateway, broadcast. */
  readonly reservedStart: number;
  readonly reservedEnd: number;
  readonly bitmap: SlotBitmap;
  /** Slots that somebody holds; the reserved ones are not counted. */
  allocatedCount: number;
}

export interface IpBlockConfig {
  readonly blockType: IpBlockTypeName;
  readonly reservedStart: number;
  readonly reservedEnd: number;
}

/** Both ends of every tunnel are used, so nothing of a block of /31 networks is set apart, and nothing of the group addresses. */
export const UNRESERVED = { reservedStart: 0, reservedEnd: 0 } as const;
/** RFC-11's typical values: network and gateway at the start, broadcast at the end. */
export const DZ_IP_RESERVED = { reservedStart: 2, reservedEnd: 1 } as const;

export function newIpBlockBitmap({ blockType, reservedStart, reservedEnd }: IpBlockConfig, block: NetworkV4): IpBlockBitmap {
  const slotSize = SLOT_SIZE[blockType];
  const bitmap = new SlotBitmap(slotsOfBlock(block, slotSize));
  for (let slot = 0; slot < bitmap.slots; slot++) if (isWithinReserve(slot, bitmap.slots, reservedStart, reservedEnd)) bitmap.set(slot);
  return { blockType, block, slotSize, reservedStart, reservedEnd, bitmap, allocatedCount: 0 };
}

/** Whether the slot is set apart rather than given out. */
export const isReserved = ({ bitmap, reservedStart, reservedEnd }: IpBlockBitmap, slot: number): boolean =>
  isWithinReserve(slot, bitmap.slots, reservedStart, reservedEnd);

/** How many slots a block has; none for a block that is smaller than a slot. */
export const slotsOfBlock = ({ prefixLength }: NetworkV4, slotSize: number): number => Math.floor(2 ** (32 - prefixLength - slotSize));

/** The network of a slot: the block's base, and 2^slotSize addresses for each slot before it. */
export function slotNetwork({ block, slotSize }: IpBlockBitmap, slot: number): NetworkV4 {
  return { address: ipv4FromNumber(baseOf(block) + slot * 2 ** slotSize), prefixLength: 32 - slotSize };
}

/** The slot that a network is, or undefined for one that is none of this block's. */
export function networkSlot({ block, slotSize, bitmap }: IpBlockBitmap, { address, prefixLength }: NetworkV4): number | undefined {
  const slot = (ipv4ToNumber(address) - baseOf(block)) / 2 ** slotSize;
  return prefixLength === 32 - slotSize && Number.isInteger(slot) && slot >= 0 && slot < bitmap.slots ? slot : undefined;
}

/** The block's first address: a NetworkV4 is stored as it was given, not masked. */
function baseOf({ address, prefixLength }: NetworkV4): number {
  const size = 2 ** (32 - prefixLength);
  return Math.floor(ipv4ToNumber(address) / size) * size;
}

const isWithinReserve = (slot: number, slots: number, start: number, end: number): boolean => slot < start || slot >= slots - end;

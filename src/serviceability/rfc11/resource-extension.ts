import { AccountReader, AccountWriter } from '../borsh.ts';
import { formatNetworkV4, ipv4FromNumber, ipv4ToNumber, networkRange } from '../network.ts';
import { type Address, type NetworkV4, ServiceabilityError } from '../units.ts';

/**
 * Byte 0 of a ResourceExtension as drafted. The deployed extensions have type 12 and another layout: readers of those would take a drafted one for
 * a pool of 0.0.0.0/0.
 */
export const RESOURCE_EXTENSION_ACCOUNT_TYPE = 161;

/** RFC-11's IdType, in its order. */
export const IdType = { tunnelId: 0, segmentRoutingId: 1 } as const;

/** RFC-11's IpBlockType, in its order. */
export const IpBlockType = { userTunnelNet: 0, linkTunnelNet: 1, dzIp: 2, multicast: 3 } as const;

/** The bitmaps for AllocateResource, ReleaseResource and SetResourceState. RFC-11 defines the names, but no bytes. */
export const ResourceType = { tunnelId: 0, segmentRoutingId: 1, userTunnelNet: 2, linkTunnelNet: 3, dzIp: 4, multicast: 5 } as const;

/** The names of id bitmaps. */
export type IdTypeName = keyof typeof IdType;
/** The names of IP block bitmaps. */
export type IpBlockTypeName = keyof typeof IpBlockType;
/** The names of all pools. */
export type ResourceTypeName = keyof typeof ResourceType;

/** Addresses per slot, as a power of two: a tunnel uses a /31, everything else a /32. */
const SLOT_SIZE: Readonly<Record<IpBlockTypeName, number>> = { userTunnelNet: 1, linkTunnelNet: 1, dzIp: 0, multicast: 0 };

/** RFC-11's names in logs and tables. */
export const RESOURCE_LABEL: Readonly<Record<ResourceTypeName, string>> = {
  tunnelId: 'TunnelId',
  segmentRoutingId: 'SegmentRoutingId',
  userTunnelNet: 'UserTunnelNet',
  linkTunnelNet: 'LinkTunnelNet',
  dzIp: 'DzIp',
  multicast: 'Multicast',
};

/** The pool with this name in logs and tables. */
export function resourceTypeOfLabel(label: string): ResourceTypeName | undefined {
  for (const type of RESOURCE_TYPES) if (RESOURCE_LABEL[type] === label) return type;
  return undefined;
}

/** The id bitmap of this byte. */
export const idTypeOf = (byte: number): IdTypeName | undefined => nameOf(IdType, byte);
/** The IP block bitmap of this byte. */
export const ipBlockTypeOf = (byte: number): IpBlockTypeName | undefined => nameOf(IpBlockType, byte);
/** The pool of this byte. */
export const resourceTypeOf = (byte: number): ResourceTypeName | undefined => nameOf(ResourceType, byte);

/** RFC-11's pools, in the order of their bytes. */
export const RESOURCE_TYPES = /* @__PURE__ */ Object.keys(ResourceType) as readonly ResourceTypeName[];

function nameOf<Name extends string>(bytes: Readonly<Record<Name, number>>, byte: number): Name | undefined {
  for (const name in bytes) if (bytes[name] === byte) return name;
  return undefined;
}

const BYTES_PER_WORD = 8;
const BITS_PER_WORD = 64;
const FULL_HALF = 0xffff_ffff;

/**
 * One bit per slot, 0 free and 1 taken, in RFC-11's 64-bit little-endian words: slot n is bit n % 64 of word n / 64. Bits after the last slot
 * pad the last word; they are never allocated.
 */
export class SlotBitmap {
  /** Number of slots. */
  readonly slots: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** `bytes` holds ceil(slots / 64) words. It is modified in place: pass a copy to keep the original. */
  constructor(slots: number, bytes: Uint8Array = new Uint8Array(wordsFor(slots) * BYTES_PER_WORD)) {
    this.slots = slots;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  isSet(slot: number): boolean {
    return ((this.#bytes[slot >>> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }

  set(slot: number): void {
    this.#bytes[slot >>> 3] = (this.#bytes[slot >>> 3] ?? 0) | (1 << (slot & 7));
  }

  clear(slot: number): void {
    this.#bytes[slot >>> 3] = (this.#bytes[slot >>> 3] ?? 0) & ~(1 << (slot & 7));
  }

  /** The lowest free slot; undefined when all are taken. */
  firstFree(): number | undefined {
    for (let at = 0; at < this.#bytes.length; at += BYTES_PER_WORD) {
      const low = this.#view.getUint32(at, true);
      const high = this.#view.getUint32(at + 4, true);
      if (low === FULL_HALF && high === FULL_HALF) continue;
      const bit = low === FULL_HALF ? 32 + lowestZero(high) : lowestZero(low);
      const slot = at * 8 + bit;
      return slot < this.slots ? slot : undefined;
    }
    return undefined;
  }

  /** The bytes up to the last word with a slot taken. */
  usedWords(): Uint8Array {
    const last = this.#bytes.findLastIndex((byte) => byte !== 0);
    return this.#bytes.subarray(0, Math.ceil((last + 1) / BYTES_PER_WORD) * BYTES_PER_WORD);
  }

  /** How many slots are taken. */
  countSet(): number {
    let count = 0;
    for (let slot = 0; slot < this.slots; slot++) if (this.isSet(slot)) count += 1;
    return count;
  }
}

/** Number of 64-bit words for this many slots. */
export const wordsFor = (slots: number): number => Math.ceil(slots / BITS_PER_WORD);

/** The position of the lowest zero bit of a half word that has one. */
function lowestZero(half: number): number {
  const inverted = ~half;
  return 31 - Math.clz32(inverted & -inverted);
}

/** Slots of every id bitmap (RFC-11: `bitmap: [u64; 64]`). */
export const ID_SLOTS = 4096;

/** RFC-11's IdBitmap: numbers from `startOffset` up, one per slot. */
export interface IdBitmap {
  readonly idType: IdTypeName;
  readonly startOffset: number;
  readonly bitmap: SlotBitmap;
  /** 1 to 4,096. Slots from here on are marked at creation and never allocated: the switch has no interfaces with these numbers. */
  readonly usableSlots: number;
  /** Slots in use, without those marked at creation. */
  allocatedCount: number;
  /** Of the slots in use, those that SetResourceState marked and that BackfillEntitySlots has not given to an entity yet. */
  readonly unclaimed: SlotBitmap;
}

/** The numbers of an id bitmap to create. */
export type IdBitmapConfig = Pick<IdBitmap, 'idType' | 'startOffset' | 'usableSlots'>;

/** RFC-11's tunnel ids: Tunnel500 to Tunnel4095, the highest number on EOS. */
export const TUNNEL_IDS: IdBitmapConfig = { idType: 'tunnelId', startOffset: 500, usableSlots: 4096 - 500 };
/** Segment 0 means none. */
export const SEGMENT_ROUTING_IDS: IdBitmapConfig = { idType: 'segmentRoutingId', startOffset: 1, usableSlots: ID_SLOTS };

/** An empty bitmap; slots after the usable ones are marked. */
export function newIdBitmap({ idType, startOffset, usableSlots }: IdBitmapConfig): IdBitmap {
  return withReserved({ idType, startOffset, usableSlots, ...emptyBitmap(ID_SLOTS) });
}

/** RFC-11's IpBlockBitmap: the networks of a block, one per slot. */
export interface IpBlockBitmap {
  readonly blockType: IpBlockTypeName;
  readonly block: NetworkV4;
  /** Address bits within a slot: 1 for /31 networks, 0 for single addresses. */
  readonly slotSize: number;
  /** Slots at either end that are marked at creation and never allocated: network and gateway, broadcast. */
  readonly reservedStart: number;
  readonly reservedEnd: number;
  readonly bitmap: SlotBitmap;
  /** Slots in use, without the reserved ones. */
  allocatedCount: number;
  /** As in IdBitmap. */
  readonly unclaimed: SlotBitmap;
}

/** An IP block bitmap to create: its kind, and the slots at either end that are never allocated. */
export type IpBlockConfig = Pick<IpBlockBitmap, 'blockType' | 'reservedStart' | 'reservedEnd'>;

/** For blocks of /31 networks, where both addresses are used, and for group addresses. */
export const UNRESERVED = { reservedStart: 0, reservedEnd: 0 } as const;
/** RFC-11's typical values: network and gateway at the start, broadcast at the end. */
export const DZ_IP_RESERVED = { reservedStart: 2, reservedEnd: 1 } as const;

/** Bytes of the largest account. */
const MAX_ACCOUNT_BYTES = 10 * 1024 * 1024;

/**
 * An empty bitmap of this block; reserved slots are marked. Throws ServiceabilityError `ACCOUNT__INCONSISTENT` for a block whose bitmap no account can
 * hold, such as 0.0.0.0/0, which the program stores for "none".
 */
export function newIpBlockBitmap({ blockType, reservedStart, reservedEnd }: IpBlockConfig, block: NetworkV4): IpBlockBitmap {
  const slotSize = SLOT_SIZE[blockType];
  const slots = slotsOfBlock(block, slotSize);
  if (slots > MAX_ACCOUNT_BYTES * 8) throw inconsistent(`${RESOURCE_LABEL[blockType]} of ${formatNetworkV4(block)} has ${slots} slots`);
  return withReserved({ blockType, block, slotSize, reservedStart, reservedEnd, ...emptyBitmap(slots) });
}

type Bitmap = IdBitmap | IpBlockBitmap;

const emptyBitmap = (slots: number): Pick<Bitmap, 'bitmap' | 'allocatedCount' | 'unclaimed'> => ({
  bitmap: new SlotBitmap(slots),
  allocatedCount: 0,
  unclaimed: new SlotBitmap(slots),
});

function withReserved<B extends Bitmap>(created: B): B {
  const { bitmap } = created;
  for (let slot = 0; slot < bitmap.slots; slot++) if (isReserved(created, slot)) bitmap.set(slot);
  return created;
}

/** Whether the slot is never allocated: one at either end of a block, or one after the usable ids. */
export function isReserved(of: IdBitmap | IpBlockBitmap, slot: number): boolean {
  if ('usableSlots' in of) return slot >= of.usableSlots;
  return slot < of.reservedStart || slot >= of.bitmap.slots - of.reservedEnd;
}

/** Number of slots in a block; 0 for a block smaller than a slot. */
const slotsOfBlock = (block: NetworkV4, slotSize: number): number => Math.floor(networkRange(block).count / 2 ** slotSize);

/** The network of a slot: the block's base plus 2^slotSize addresses per slot. */
export function slotNetwork({ block, slotSize }: IpBlockBitmap, slot: number): NetworkV4 {
  return { address: ipv4FromNumber(networkRange(block).first + slot * 2 ** slotSize), prefixLength: 32 - slotSize };
}

/** The slot of a network; undefined for a network outside this block. */
export function networkSlot({ block, slotSize, bitmap }: IpBlockBitmap, { address, prefixLength }: NetworkV4): number | undefined {
  const slot = (ipv4ToNumber(address) - networkRange(block).first) / 2 ** slotSize;
  return prefixLength === 32 - slotSize && Number.isInteger(slot) && slot >= 0 && slot < bitmap.slots ? slot : undefined;
}

/**
 * The ResourceExtension account as drafted: all pools of a device, or of the network, in one account. The bitmaps are mutable; encode and write
 * the value to store changes. (The deployed program has one account per pool, in another layout.)
 */
export interface ResourceExtension {
  /** The device, or the zero address for the network's own. */
  readonly associatedWith: Address;
  readonly idAllocations: readonly IdBitmap[];
  readonly ipAllocations: readonly IpBlockBitmap[];
  /** Interfaces of the device. DeleteDevice needs the count, because physical interfaces hold no slot. */
  interfaceCount: number;
}

const ID_BITMAP_BYTES = ID_SLOTS / 8;

/**
 * Reads a ResourceExtension as drafted. Throws ServiceabilityError `ACCOUNT__INCONSISTENT` for anything else, such as the deployed program's
 * extensions.
 */
export function decodeResourceExtension(data: Uint8Array): ResourceExtension {
  const reader = new AccountReader(data);
  const type = reader.u8();
  if (type !== RESOURCE_EXTENSION_ACCOUNT_TYPE) throw inconsistent(`its type byte is ${type}`);
  const associatedWith = reader.key();
  const ids = times(readCount(reader, ID_BITMAP_BYTES), () => readIdBitmap(reader));
  const ipAllocations = times(readCount(reader, 16), () => readIpBlockBitmap(reader));
  const idAllocations = ids.map((bitmap): IdBitmap => ({ ...bitmap, usableSlots: reader.u16() }));
  const interfaceCount = reader.u16();
  if (reader.remaining > 0) for (const { unclaimed } of [...idAllocations, ...ipAllocations]) readUnclaimed(reader, unclaimed);
  if (reader.cut || reader.remaining > 0) throw inconsistent('its length does not fit its contents');
  return { associatedWith, idAllocations, ipAllocations, interfaceCount };
}

/**
 * The account's bytes: the drafted fields, then the usable slots of each id bitmap (u16) and the interface count (u16). While a migration is under
 * way, the unclaimed slots of each bitmap follow: a count of words (u16) and the words, without those of zeros at the end.
 */
export function encodeResourceExtension(extension: ResourceExtension): Uint8Array {
  const writer = new AccountWriter().u8(RESOURCE_EXTENSION_ACCOUNT_TYPE).key(extension.associatedWith);
  writer.vector(extension.idAllocations, ({ idType, startOffset, bitmap, allocatedCount }) =>
    writer.u8(IdType[idType]).u16(startOffset).raw(bitmap.bytes).u16(allocatedCount),
  );
  writer.vector(extension.ipAllocations, (pool) => {
    writer.u8(IpBlockType[pool.blockType]).network(pool.block).u8(pool.slotSize).u8(pool.reservedStart).u8(pool.reservedEnd);
    writer.u32(wordsFor(pool.bitmap.slots)).raw(pool.bitmap.bytes).u32(pool.allocatedCount);
  });
  for (const { usableSlots } of extension.idAllocations) writer.u16(usableSlots);
  writer.u16(extension.interfaceCount);
  const unclaimed = [...extension.idAllocations, ...extension.ipAllocations].map((pool) => pool.unclaimed.usedWords());
  if (unclaimed.some(({ length }) => length > 0)) for (const words of unclaimed) writer.u16(words.length / BYTES_PER_WORD).raw(words);
  return writer.finish();
}

/** Whether no slot and no interface is in use. */
export const isUnused = ({ idAllocations, ipAllocations, interfaceCount }: ResourceExtension): boolean =>
  interfaceCount === 0 && [...idAllocations, ...ipAllocations].every(({ allocatedCount }) => allocatedCount === 0);

function readUnclaimed(reader: AccountReader, { bytes }: SlotBitmap): void {
  const length = reader.u16() * BYTES_PER_WORD;
  if (length > bytes.length) throw inconsistent('more unclaimed slots than slots');
  bytes.set(reader.copy(length));
}

function readIdBitmap(reader: AccountReader): Omit<IdBitmap, 'usableSlots'> {
  const idType = idTypeOf(reader.u8());
  const startOffset = reader.u16();
  const bytes = reader.copy(ID_BITMAP_BYTES);
  if (idType === undefined || reader.cut) throw inconsistent('an id bitmap is cut or of an unknown type');
  const unclaimed = new SlotBitmap(ID_SLOTS);
  return { idType, startOffset, bitmap: new SlotBitmap(ID_SLOTS, bytes), allocatedCount: reader.u16(), unclaimed };
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
  const bitmap = new SlotBitmap(slots, bytes);
  const unclaimed = new SlotBitmap(slots);
  return { blockType, block, slotSize, reservedStart, reservedEnd, bitmap, allocatedCount: reader.u32(), unclaimed };
}

/** A count of elements of at least `shortest` bytes each, checked against the remaining length. */
function readCount(reader: AccountReader, shortest: number): number {
  const count = reader.u32();
  if (count * shortest > reader.remaining) throw inconsistent(`a count of ${count} bitmaps does not fit its length`);
  return count;
}

const times = <T>(count: number, read: () => T): readonly T[] => Array.from({ length: count }, read);

const inconsistent = (problem: string): ServiceabilityError =>
  new ServiceabilityError('ACCOUNT__INCONSISTENT', { what: 'a ResourceExtension of RFC-11', problem });

/** Why marking or releasing a slot fails. */
export type SlotProblem = 'out-of-range' | 'reserved' | 'already-allocated' | 'not-allocated';

/** All slots of one kind in an extension. Slot numbers continue from one block (a device's prefix) to the next. */
export class ResourcePool {
  readonly slots: number;
  readonly #bitmaps: readonly Bitmap[];

  /** The pool changes these bitmaps. */
  constructor(bitmaps: readonly (IdBitmap | IpBlockBitmap)[]) {
    this.#bitmaps = bitmaps;
    this.slots = bitmaps.reduce((sum, { bitmap }) => sum + bitmap.slots, 0);
  }

  get allocatedCount(): number {
    return this.#bitmaps.reduce((sum, { allocatedCount }) => sum + allocatedCount, 0);
  }

  /** Slots that are never allocated. */
  get reservedCount(): number {
    return this.#slotsWhere(isReserved).length;
  }

  /** The slot that `allocate` takes next; undefined when all are taken. */
  firstFree(): number | undefined {
    let before = 0;
    for (const { bitmap } of this.#bitmaps) {
      const slot = bitmap.firstFree();
      if (slot !== undefined) return before + slot;
      before += bitmap.slots;
    }
    return undefined;
  }

  /** Allocates the lowest free slot; undefined when all are taken. */
  allocate(): number | undefined {
    const slot = this.firstFree();
    const found = slot === undefined ? undefined : locate(this.#bitmaps, slot);
    if (found === undefined) return undefined;
    found.part.bitmap.set(found.slot);
    found.part.allocatedCount += 1;
    return slot;
  }

  /** Allocates this slot, for one entity from before RFC-11 to claim if `unclaimed`. */
  mark(slot: number, unclaimed = false): SlotProblem | undefined {
    return this.#change(slot, (part, at) => {
      if (part.bitmap.isSet(at)) return 'already-allocated';
      part.bitmap.set(at);
      if (unclaimed) part.unclaimed.set(at);
      part.allocatedCount += 1;
      return undefined;
    });
  }

  /** Gives an unclaimed slot to an entity: `already-allocated` when another holds it. */
  claim(slot: number): SlotProblem | undefined {
    return this.#change(slot, ({ bitmap, unclaimed }, at) => {
      if (!bitmap.isSet(at)) return 'not-allocated';
      if (!unclaimed.isSet(at)) return 'already-allocated';
      unclaimed.clear(at);
      return undefined;
    });
  }

  /** Frees an allocated slot. */
  release(slot: number): SlotProblem | undefined {
    return this.#change(slot, (part, at) => {
      if (!part.bitmap.isSet(at)) return 'not-allocated';
      part.bitmap.clear(at);
      part.unclaimed.clear(at);
      part.allocatedCount -= 1;
      return undefined;
    });
  }

  isAllocated(slot: number): boolean {
    const found = locate(this.#bitmaps, slot);
    return found !== undefined && !isReserved(found.part, found.slot) && found.part.bitmap.isSet(found.slot);
  }

  /** Whether the slot exists and is never allocated. */
  isReserved(slot: number): boolean {
    const found = locate(this.#bitmaps, slot);
    return found !== undefined && isReserved(found.part, found.slot);
  }

  /** The taken slots in order, without reserved ones. */
  allocated(): readonly number[] {
    return this.#slotsWhere((part, slot) => part.bitmap.isSet(slot) && !isReserved(part, slot));
  }

  /** Reserved slots whose bit is clear, so that `allocate` would take them: none in an account that only the program wrote. */
  freeReserved(): readonly number[] {
    return this.#slotsWhere((part, slot) => isReserved(part, slot) && !part.bitmap.isSet(slot));
  }

  #slotsWhere(matches: (part: Bitmap, slot: number) => boolean): readonly number[] {
    const found: number[] = [];
    let before = 0;
    for (const part of this.#bitmaps) {
      for (let slot = 0; slot < part.bitmap.slots; slot++) if (matches(part, slot)) found.push(before + slot);
      before += part.bitmap.slots;
    }
    return found;
  }

  /** Changes a slot that is not reserved. */
  #change(slot: number, work: (part: Bitmap, slot: number) => SlotProblem | undefined): SlotProblem | undefined {
    const found = locate(this.#bitmaps, slot);
    if (found === undefined) return 'out-of-range';
    return isReserved(found.part, found.slot) ? 'reserved' : work(found.part, found.slot);
  }
}

/** A pool of numbers. */
export class IdPool extends ResourcePool {
  readonly #startOffset: number;

  constructor(bitmap: IdBitmap) {
    super([bitmap]);
    this.#startOffset = bitmap.startOffset;
  }

  /** The number of a slot. */
  idOf(slot: number): number {
    return this.#startOffset + slot;
  }

  /** Undefined for a number outside this pool. */
  slotOf(id: number): number | undefined {
    return id >= this.#startOffset && id < this.#startOffset + ID_SLOTS ? id - this.#startOffset : undefined;
  }
}

/** A pool of networks: /31 for tunnels, /32 for addresses. */
export class NetworkPool extends ResourcePool {
  readonly #blocks: readonly IpBlockBitmap[];

  constructor(blocks: readonly IpBlockBitmap[]) {
    super(blocks);
    this.#blocks = blocks;
  }

  /** The network of a slot; undefined after the last one. */
  networkOf(slot: number): NetworkV4 | undefined {
    const found = locate(this.#blocks, slot);
    return found === undefined ? undefined : slotNetwork(found.part, found.slot);
  }

  /** Undefined for a network outside this pool. */
  slotOf(network: NetworkV4): number | undefined {
    let before = 0;
    for (const block of this.#blocks) {
      const slot = networkSlot(block, network);
      if (slot !== undefined) return before + slot;
      before += block.bitmap.slots;
    }
    return undefined;
  }
}

/** The bitmap that has a slot of the pool, and the slot's number in it. */
function locate<B extends Bitmap>(bitmaps: readonly B[], slot: number): { readonly part: B; readonly slot: number } | undefined {
  if (!Number.isInteger(slot) || slot < 0) return undefined;
  let left = slot;
  for (const part of bitmaps) {
    if (left < part.bitmap.slots) return { part, slot: left };
    left -= part.bitmap.slots;
  }
  return undefined;
}

/** The pool of this id type; undefined when the extension has none. */
export function idPool({ idAllocations }: ResourceExtension, idType: IdTypeName): IdPool | undefined {
  const bitmap = idAllocations.find((candidate) => candidate.idType === idType);
  return bitmap && new IdPool(bitmap);
}

/** The pool of this block type; undefined when the extension has none. */
export function networkPool({ ipAllocations }: ResourceExtension, blockType: IpBlockTypeName): NetworkPool | undefined {
  const blocks = ipAllocations.filter((candidate) => candidate.blockType === blockType);
  return blocks.length === 0 ? undefined : new NetworkPool(blocks);
}

/** The pool of any type, for instructions with a resource type argument. */
export function resourcePool(extension: ResourceExtension, type: ResourceTypeName): ResourcePool | undefined {
  return isIdType(type) ? idPool(extension, type) : networkPool(extension, type);
}

const isIdType = (type: ResourceTypeName): type is IdTypeName => type in IdType;

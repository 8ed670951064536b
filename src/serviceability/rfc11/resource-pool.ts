import type { NetworkV4 } from '../units.ts';
import { ID_SLOTS, type IdBitmap } from './id-bitmap.ts';
import { type IpBlockBitmap, isReserved, networkSlot, slotNetwork } from './ip-block-bitmap.ts';
import type { ResourceExtension } from './resource-extension.ts';
import { IdType, type IdTypeName, type IpBlockTypeName, type ResourceTypeName } from './resource-type.ts';

/** Why a slot cannot be marked or released. */
export type SlotProblem = 'out-of-range' | 'reserved' | 'already-allocated' | 'not-allocated';

/** All the slots of one kind that an extension has. Slots of several blocks (a device's prefixes) are numbered on from one block to the next. */
export interface ResourcePool {
  readonly slots: number;
  /** Takes the lowest free slot; undefined when there is none. */
  allocate(): number | undefined;
  /** Takes this very slot. */
  mark(slot: number): SlotProblem | undefined;
  /** Gives a slot back that is taken. */
  release(slot: number): SlotProblem | undefined;
  isAllocated(slot: number): boolean;
  readonly allocatedCount: number;
}

export interface IdPool extends ResourcePool {
  /** The number of a slot. */
  idOf(slot: number): number;
  /** undefined: no slot has this number. */
  slotOf(id: number): number | undefined;
}

export interface NetworkPool extends ResourcePool {
  /** The network of a slot; undefined past the last one. */
  networkOf(slot: number): NetworkV4 | undefined;
  /** undefined: it is no slot of this pool. */
  slotOf(network: NetworkV4): number | undefined;
}

/** The bitmap of this kind, or undefined when the extension has none. */
export function idPool({ idAllocations }: ResourceExtension, idType: IdTypeName): IdPool | undefined {
  const bitmap = idAllocations.find((candidate) => candidate.idType === idType);
  if (bitmap === undefined) return undefined;
  const { startOffset, usableSlots } = bitmap;
  return {
    ...poolOver([bitmap], (_, slot) => slot >= usableSlots),
    get allocatedCount() {
      return bitmap.allocatedCount;
    },
    idOf: (slot) => startOffset + slot,
    slotOf: (id) => (id >= startOffset && id < startOffset + ID_SLOTS ? id - startOffset : undefined),
  };
}

/** The blocks of this kind, or undefined when the extension has none. */
export function networkPool({ ipAllocations }: ResourceExtension, blockType: IpBlockTypeName): NetworkPool | undefined {
  const blocks = ipAllocations.filter((candidate) => candidate.blockType === blockType);
  if (blocks.length === 0) return undefined;
  return {
    ...poolOver(blocks, isReserved),
    get allocatedCount() {
      return blocks.reduce((sum, { allocatedCount }) => sum + allocatedCount, 0);
    },
    networkOf(slot) {
      const found = locate(blocks, slot);
      return found === undefined ? undefined : slotNetwork(found.part, found.slot);
    },
    slotOf(network) {
      let before = 0;
      for (const block of blocks) {
        const slot = networkSlot(block, network);
        if (slot !== undefined) return before + slot;
        before += block.bitmap.slots;
      }
      return undefined;
    },
  };
}

/** The pool of any kind, for the instructions that name one. */
export function resourcePool(extension: ResourceExtension, type: ResourceTypeName): ResourcePool | undefined {
  return isIdType(type) ? idPool(extension, type) : networkPool(extension, type);
}

const isIdType = (type: ResourceTypeName): type is IdTypeName => type in IdType;

type Part = IdBitmap | IpBlockBitmap;

function poolOver<P extends Part>(
  parts: readonly P[],
  isSetApart: (part: P, slot: number) => boolean,
): Omit<ResourcePool, 'allocatedCount'> {
  return {
    slots: parts.reduce((sum, { bitmap }) => sum + bitmap.slots, 0),
    allocate() {
      let before = 0;
      for (const part of parts) {
        const slot = part.bitmap.firstFree();
        if (slot !== undefined) {
          part.bitmap.set(slot);
          part.allocatedCount += 1;
          return before + slot;
        }
        before += part.bitmap.slots;
      }
      return undefined;
    },
    mark(slot) {
      const found = locate(parts, slot);
      if (found === undefined) return 'out-of-range';
      if (isSetApart(found.part, found.slot)) return 'reserved';
      if (found.part.bitmap.isSet(found.slot)) return 'already-allocated';
      found.part.bitmap.set(found.slot);
      found.part.allocatedCount += 1;
      return undefined;
    },
    release(slot) {
      const found = locate(parts, slot);
      if (found === undefined) return 'out-of-range';
      if (isSetApart(found.part, found.slot)) return 'reserved';
      if (!found.part.bitmap.isSet(found.slot)) return 'not-allocated';
      found.part.bitmap.clear(found.slot);
      found.part.allocatedCount -= 1;
      return undefined;
    },
    isAllocated(slot) {
      const found = locate(parts, slot);
      return found !== undefined && !isSetApart(found.part, found.slot) && found.part.bitmap.isSet(found.slot);
    },
  };
}

function locate<P extends Part>(parts: readonly P[], slot: number): { readonly part: P; readonly slot: number } | undefined {
  if (!Number.isInteger(slot) || slot < 0) return undefined;
  let left = slot;
  for (const part of parts) {
    if (left < part.bitmap.slots) return { part, slot: left };
    left -= part.bitmap.slots;
  }
  return undefined;
}

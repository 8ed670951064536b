import { ipv4FromNumber, ipv4ToNumber } from './ipv4.ts';
import type { ResourceExtension } from './resource-extension.ts';
import type { Ipv4 } from './units.ts';

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

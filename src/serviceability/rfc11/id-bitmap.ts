import type { IdTypeName } from './resource-type.ts';
import { SlotBitmap } from './slot-bitmap.ts';

/** Slots of every id bitmap (RFC-11: `bitmap: [u64; 64]`). */
export const ID_SLOTS = 4096;

/** RFC-11's IdBitmap: numbers from `startOffset` up, one a slot. */
export interface IdBitmap {
  readonly idType: IdTypeName;
  readonly startOffset: number;
  readonly bitmap: SlotBitmap;
  /** Slots from here to the end are marked when the bitmap is made and never given out: numbers that the switch has no interface for. */
  readonly usableSlots: number;
  /** Slots that somebody holds; the ones marked from the start are not counted. */
  allocatedCount: number;
}

export interface IdBitmapConfig {
  readonly idType: IdTypeName;
  readonly startOffset: number;
  /** 1 to 4,096. */
  readonly usableSlots: number;
}

/** RFC-11's tunnel ids: Tunnel500 to Tunnel4095, which is as far as EOS counts. */
export const TUNNEL_IDS: IdBitmapConfig = { idType: 'tunnelId', startOffset: 500, usableSlots: 4096 - 500 };
/** Segment 0 is none. */
export const SEGMENT_ROUTING_IDS: IdBitmapConfig = { idType: 'segmentRoutingId', startOffset: 1, usableSlots: ID_SLOTS };

export function newIdBitmap({ idType, startOffset, usableSlots }: IdBitmapConfig): IdBitmap {
  const bitmap = new SlotBitmap(ID_SLOTS);
  for (let slot = usableSlots; slot < ID_SLOTS; slot++) bitmap.set(slot);
  return { idType, startOffset, bitmap, usableSlots, allocatedCount: 0 };
}

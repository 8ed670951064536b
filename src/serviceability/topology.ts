import { decodeAs, encodeAs, key, type Layout, text, u8, u32 } from './layout.ts';
import type { Address } from './units.ts';

/** Byte values of Topology.constraint; any other byte is kept as it is. */
export const TopologyConstraint = { includeAny: 0, exclude: 1 } as const;

/** The Topology account (type 17): a flexible algorithm over marked links. A field that the account is too short to hold reads as zero. */
export interface Topology {
  readonly owner: Address;
  readonly bumpSeed: number;
  readonly name: string;
  /** The bit that marks the links. */
  readonly adminGroupBit: number;
  /** 128 and the bit. */
  readonly flexAlgoNumber: number;
  /** See TopologyConstraint. */
  readonly constraint: number;
  readonly referenceCount: number;
}

const LAYOUT: Layout<Topology> = {
  owner: key,
  bumpSeed: u8,
  name: text,
  adminGroupBit: u8,
  flexAlgoNumber: u8,
  constraint: u8,
  referenceCount: u32,
};

/** Reads a Topology account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodeTopology(data: Uint8Array): Topology {
  return decodeAs('topology', LAYOUT, data);
}

/** The account's bytes in today's layout. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodeTopology(topology: Topology): Uint8Array {
  return encodeAs('topology', LAYOUT, topology);
}

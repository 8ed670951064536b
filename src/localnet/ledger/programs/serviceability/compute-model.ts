/*
 * What SetUserBGPStatus costs here. Nobody has published measurements of the deployed program, so this is a model: it reads and writes both
 * accounts whole, and so grows with their bytes; the figures put a user of a plain device near 12,000 units. Clients must measure by simulation,
 * here as on a real network.
 */
export const BASE_UNITS = 6_000;
/** A byte of the user, read and written back. */
export const UNITS_PER_USER_BYTE = 15;
/** A byte of the device, read with both its vectors of interfaces. */
export const UNITS_PER_DEVICE_BYTE = 12;
/** Changing an account's length, with or without paying for it. */
export const RESIZE_UNITS = 4_000;

/** Heap bytes that a byte of account takes once it is decoded; the program's allocator never frees. */
const HEAP_PER_BYTE = 6;

export const heapFor = (userBytes: number, deviceBytes: number): number => HEAP_PER_BYTE * (userBytes + deviceBytes);

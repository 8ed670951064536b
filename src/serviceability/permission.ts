import { decodeAs, encodeAs, key, type Layout, u8, u128 } from './layout.ts';
import type { Address } from './units.ts';

/** Byte values of Permission.status; any other byte is kept as it is. */
export const PermissionStatus = { none: 0, activated: 1, suspended: 2 } as const;

/** The Permission account (type 15): what one key may do. A field that the account is too short to hold reads as zero. */
export interface Permission {
  readonly owner: Address;
  readonly bumpSeed: number;
  /** See PermissionStatus. */
  readonly status: number;
  /** The key that is permitted. */
  readonly userPayer: Address;
  /** One bit a permission. */
  readonly permissions: bigint;
}

const LAYOUT: Layout<Permission> = { owner: key, bumpSeed: u8, status: u8, userPayer: key, permissions: u128 };

/** Reads a Permission account. Throws AccountDataError, and nothing else, when the data is empty or of another type. */
export function decodePermission(data: Uint8Array): Permission {
  return decodeAs('permission', LAYOUT, data);
}

/** The account's 83 bytes. Throws ServiceabilityError for a value that its field cannot hold. */
export function encodePermission(permission: Permission): Uint8Array {
  return encodeAs('permission', LAYOUT, permission);
}

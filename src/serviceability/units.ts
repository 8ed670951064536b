declare const brand: unique symbol;

/** A ledger slot, u64 on the wire. */
export type Slot = bigint & { readonly [brand]: 'Slot' };
/** 10^-9 SOL, u64 on the wire. */
export type Lamports = bigint & { readonly [brand]: 'Lamports' };
/** u64 on the wire. */
export type Nanoseconds = bigint & { readonly [brand]: 'Nanoseconds' };
/** A 32-byte public key in base58. */
export type Address = string & { readonly [brand]: 'Address' };
/** An IPv4 address in dotted form, `a.b.c.d`. */
export type Ipv4 = string & { readonly [brand]: 'Ipv4' };

/** Brands a slot. Throws RangeError for a number that is not whole. */
export const slot = (value: bigint | number): Slot => BigInt(value) as Slot;
/** Brands a number of lamports. Throws RangeError for a number that is not whole. */
export const lamports = (value: bigint | number): Lamports => BigInt(value) as Lamports;
/** Brands a time in nanoseconds. Throws RangeError for a number that is not whole. */
export const nanoseconds = (value: bigint | number): Nanoseconds => BigInt(value) as Nanoseconds;

/** An IPv4 network as the program stores it; the address is not masked to the network's base. */
export interface NetworkV4 {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

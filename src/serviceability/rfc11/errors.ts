/**
 * What RFC-11's instructions refuse, beside the deployed program's own errors: RFC-11 gives names for some and numbers for none, so they are
 * counted from 160, apart from all deployed codes. Six names are its own: AccountAlreadyExists, LinkAlreadyExists, and the Exhausted ones of
 * tunnel ids, user and link tunnel networks and DoubleZero addresses.
 */
const ERRORS = {
  AccountAlreadyExists: [160, 'there is an account already at the address that this one would get'],
  TunnelIdExhausted: [161, 'all tunnel ids of the device are taken'],
  UserTunnelNetExhausted: [162, "all tunnel networks of the device's users are taken"],
  DzIpExhausted: [163, "all DoubleZero addresses of the device's prefixes are taken"],
  LinkAlreadyExists: [164, 'there is a link between these two devices already'],
  LinkTunnelNetExhausted: [165, 'all tunnel networks of links are taken'],
  SegmentRoutingIdExhausted: [166, 'all segment routing ids of the device are taken'],
  MulticastExhausted: [167, 'all group addresses are taken'],
  ResourceNotFound: [168, 'the extension has no bitmap of this kind'],
  SlotOutOfRange: [169, 'the bitmap has no such slot'],
  SlotReserved: [170, 'the slot is set apart, and neither given out nor taken back'],
  SlotAlreadyAllocated: [171, 'the slot is taken'],
  SlotNotAllocated: [172, 'the slot is free already'],
  SlotMismatch: [173, 'the slot is not the one that the account holds'],
  SlotsNotTracked: [174, 'the account is from before slots were kept in accounts, and has to be backfilled first'],
  SlotsAlreadyTracked: [175, 'the account has its slots already'],
  AccessPassNotExpired: [176, 'the access pass is still good'],
  ResourceInUse: [177, 'the device still has users, links or interfaces'],
} as const satisfies Readonly<Record<string, readonly [code: number, explanation: string]>>;

export type Rfc11ErrorName = keyof typeof ERRORS;

/** The `Custom` code of an error. */
export const rfc11ErrorCode = (name: Rfc11ErrorName): number => ERRORS[name][0];

export interface Rfc11Error {
  readonly code: number;
  readonly name: string;
  readonly explanation: string;
}

/** Every error of RFC-11's instructions on this ledger, in the order of their codes. */
export const RFC11_ERRORS: readonly Rfc11Error[] = Object.entries(ERRORS).map(([name, [code, explanation]]) => ({
  code,
  name,
  explanation,
}));

/** undefined for a code that is none of RFC-11's: then it is the deployed program's (programError). */
export const rfc11Error = (code: number): Rfc11Error | undefined => RFC11_ERRORS.find((error) => error.code === code);

import { isRecord } from './units.ts';

/** An error of the serviceability program. */
export interface ProgramError {
  readonly code: number;
  /** The program's own name for it. */
  readonly name: string;
  /** What it means, in one line. */
  readonly explanation: string;
}

/** Name and meaning by code. The program sends these codes; for 2 to 6 the comments in its source differ. */
const ERRORS: Readonly<Record<number, readonly [name: string, explanation: string]>> = {
  1: ['InvalidOwnerPubkey', "the signer is not the account's owner"],
  2: ['InvalidLocationPubkey', 'the location account is not the one that is expected'],
  3: ['InvalidExchangePubkey', 'the exchange account is not the one that is expected'],
  4: ['InvalidDeviceAPubkey', 'the device on side A of the link is not the one that is expected'],
  5: ['InvalidDeviceZPubkey', 'the device on side Z of the link is not the one that is expected'],
  6: ['InvalidDevicePubkey', 'the device is unset or is not the one that is expected'],
  7: ['InvalidStatus', "the account's status does not allow this"],
  8: [
    'NotAllowed',
    "the signer may not do this; for a BGP status: it is not the device's metrics publisher, or the user belongs to another device",
  ],
  9: ['InvalidAccountType', 'the account is of another type than is expected'],
  10: ['InvalidContributorPubkey', 'the contributor account is not the one that is expected'],
  11: ['InvalidInterfaceVersion', 'the interface is of a layout that cannot be used here'],
  12: ['InvalidInterfaceName', "the interface's name is not a valid one"],
  13: ['ReferenceCountNotZero', 'other accounts still refer to this one'],
  14: ['InvalidContributor', 'the contributor does not fit the other accounts'],
  15: ['InvalidInterfaceZForExternal', 'an external link must leave the interface of side Z open'],
  16: ['InvalidIndex', "the account's index is not the one that is expected"],
  17: ['DeviceAlreadySet', 'the exchange has a device in this place already'],
  18: ['DeviceNotSet', 'the exchange has no device in this place'],
  19: ['InvalidAccountCode', 'the code has characters that codes may not have'],
  20: ['MaxUsersExceeded', 'the device has as many users as it may have'],
  21: ['InvalidLastAccessEpoch', "the access pass's last epoch is not valid or is over"],
  22: ['Unauthorized', 'the signer lacks the authority for this'],
  23: ['InvalidSolanaPubkey', "the validator's Solana key is not a valid one"],
  24: ['InterfaceNotFound', 'the device has no interface of that name'],
  25: ['AccessPassUnauthorized', 'the access pass does not permit this'],
  26: ['InvalidClientIp', "the user's client address is not a globally routable one"],
  27: ['InvalidDzIp', "the user's DoubleZero address is not a globally routable one"],
  28: ['InvalidTunnelNet', "the tunnel's network does not lie in its block; a user's must be in 169.254.0.0/16"],
  29: ['InvalidTunnelId', "the tunnel's number is out of range; a user's must be below 4596"],
  30: ['InvalidTunnelIp', "the tunnel's address is not a valid one"],
  31: ['InvalidBandwidth', 'the bandwidth is out of range'],
  32: ['InvalidDelay', 'the delay is out of range'],
  33: ['InvalidJitter', 'the jitter is out of range'],
  34: ['CodeTooLong', 'the code is longer than 32 bytes'],
  35: ['NoDzPrefixes', 'the device has no DoubleZero prefixes'],
  36: ['InvalidLocation', 'the location is not a valid one'],
  37: ['InvalidExchange', 'the exchange is not a valid one'],
  38: ['InvalidDzPrefix', 'a DoubleZero prefix is not a valid one'],
  39: ['NameTooLong', 'the name is too long'],
  40: ['InvalidLatitude', 'the latitude is out of range'],
  41: ['InvalidLongitude', 'the longitude is out of range'],
  42: ['InvalidLocId', "the location's number is not a valid one"],
  43: ['InvalidCountryCode', 'the country code is not two characters long'],
  44: ['InvalidLocalAsn', 'the local AS number is not a valid one'],
  45: ['InvalidRemoteAsn', 'the remote AS number is not a valid one'],
  46: ['InvalidMtu', 'the MTU is out of range'],
  47: ['InvalidInterfaceIp', "the interface's address is not a valid one"],
  48: ['InvalidInterfaceIpNet', "the interface's network is not a valid one"],
  49: ['InvalidVlanId', 'the VLAN number is out of range'],
  50: ['InvalidMaxBandwidth', 'the highest bandwidth is out of range'],
  51: ['InvalidMulticastIp', "the group's address is not a valid multicast one"],
  52: ['InvalidAccountOwner', 'the account belongs to another program'],
  53: ['AccessPassNotFound', 'there is no such access pass'],
  54: ['UserAccountNotFound', 'there is no such user account'],
  55: ['InvalidBgpCommunity', 'the BGP community is out of range'],
  56: ['InterfaceAlreadyExists', 'the device has an interface of that name already'],
  57: ['InvalidInterfaceType', "the interface's type does not allow this"],
  58: ['InvalidLoopbackType', "the loopback's type does not allow this"],
  59: ['InvalidMinCompatibleVersion', 'the oldest compatible version is not a valid one'],
  60: ['InvalidActualLocation', 'the actual location is not a valid one'],
  61: ['InvalidUserPubkey', 'the user account is not the one that is expected'],
  62: ['InvalidPublicIp', "the device's public address is not a valid one, or lies in a DoubleZero prefix"],
  63: ['AllocationFailed', 'the pool has nothing left to allocate, or what was asked for is taken'],
  64: ['SerializationFailure', 'the account could not be written in its layout'],
  65: ['InvalidArgument', 'an argument has a value that is not accepted'],
  66: ['InvalidFoundationAllowlist', "the foundation's list of keys would become empty"],
  67: ['Deprecated', 'the program no longer carries out this instruction'],
  68: ['ImmutableField', 'the field cannot be changed once it is set'],
  69: ['CyoaRequiresPhysical', 'only a physical interface can take direct connections of users'],
  70: ['DeviceHasInterfaces', 'the device still has interfaces'],
  71: ['MulticastGroupNotEmpty', 'the multicast group still has publishers or subscribers'],
  72: ['AccessPassInUse', 'the access pass still has connections'],
  73: ['InvalidTenantPubkey', 'the tenant account is not the one that is expected'],
  74: ['InvalidVrfId', 'the VRF number is out of range'],
  75: ['VrfIdTooLong', 'the VRF number is too long'],
  76: ['AdministratorAlreadyExists', 'the key is an administrator of the tenant already'],
  77: ['AdministratorNotFound', 'the key is not an administrator of the tenant'],
  78: ['InvalidPaymentStatus', 'the payment status is not a known one'],
  79: ['TenantNotInAccessPassAllowlist', 'the access pass does not list this tenant'],
  80: ['InvalidTunnelEndpoint', "the user's tunnel endpoint is neither unset nor globally routable"],
  81: ['MaxUnicastUsersExceeded', 'the device has as many unicast users as it may have'],
  82: ['MaxMulticastSubscribersExceeded', 'the device has as many multicast subscribers as it may have'],
  83: ['InterfaceHasEdgeAssignment', 'an interface that serves users directly cannot carry a link as well, nor the other way round'],
  84: ['FeatureNotEnabled', 'the network has this feature switched off'],
  85: ['MaxMulticastPublishersExceeded', 'the device has as many multicast publishers as it may have'],
  86: ['ArithmeticOverflow', 'a counter or sum went out of its range'],
  87: ['InvalidName', 'the name has characters that names may not have'],
  88: ['InvalidDeviceTunnelBlock', 'the block of device tunnels is neither private nor link-local'],
  89: ['AccessPassMaxUnicastUsersExceeded', 'the access pass has as many unicast users as it may have'],
  90: ['AccessPassMaxMulticastUsersExceeded', 'the access pass has as many multicast users as it may have'],
  91: ['MetroMismatch', "no feed of the access pass covers the device's metro"],
  92: ['FeedAccountRequired', "this access pass needs the feed's account among the instruction's accounts"],
  93: ['FeedNotOnAccessPass', 'the access pass has no seat for this feed'],
  94: ['GroupNotInFeed', 'the feed does not offer this multicast group in this metro'],
  95: ['FeedSeatFull', 'the seat has as many users of the feed as it may have'],
  96: ['FeedMaxUsersZero', "a feed's seat must allow at least one user"],
  97: ['FeedMaxUsersBelowCurrentUsers', 'the seat would allow fewer users than it has'],
  98: ['FeedMaxFutureUsersBelowMaxUsers', 'the seat would allow fewer users in future than now'],
  99: ['FeedInvalidAnniversaryDay', "the seat's billing day is not from 1 to 31"],
  100: ['FeedInvalidBillingWindow', "the seat's billing window is over already, or ends after the seat does"],
  101: ['EdgeSeatRequired', 'feeds need an access pass of the edge seat kind'],
  102: ['UserDeviceMismatch', 'the user belongs to another device'],
  103: ['UserFeedLimitExceeded', 'the user has as many feeds as it may have'],
  104: ['EdgeSeatIsMulticastOnly', 'an edge seat is for multicast users only'],
};

/** Every known error of the program, ordered by code. */
export const PROGRAM_ERRORS: readonly ProgramError[] = /* @__PURE__ */ Object.entries(ERRORS).map(([code, [name, explanation]]) => ({
  code: Number(code),
  name,
  explanation,
}));

/** The deployed program's error of a `Custom` code; undefined for any other code. */
export function programError(code: number): ProgramError | undefined {
  return PROGRAM_ERRORS[code - 1];
}

/**
 * Errors of RFC-11's instructions, in addition to the deployed program's. RFC-11 names some and numbers none, so the codes start at 160, apart
 * from all deployed codes. RFC-11 itself names six: AccountAlreadyExists, LinkAlreadyExists, and the Exhausted errors of tunnel ids, user and
 * link tunnel networks and DoubleZero addresses.
 */
const RFC11 = {
  AccountAlreadyExists: [160, 'the address of the new account already holds an account'],
  TunnelIdExhausted: [161, 'all tunnel ids of the device are taken'],
  UserTunnelNetExhausted: [162, "all tunnel networks of the device's users are taken"],
  DzIpExhausted: [163, "all DoubleZero addresses of the device's prefixes are taken"],
  LinkAlreadyExists: [164, 'the two devices already have a link'],
  LinkTunnelNetExhausted: [165, 'all tunnel networks of links are taken'],
  SegmentRoutingIdExhausted: [166, 'all segment routing ids of the device are taken'],
  MulticastExhausted: [167, 'all group addresses are taken'],
  ResourceNotFound: [168, 'the extension has no bitmap of this kind'],
  SlotOutOfRange: [169, 'the bitmap has no such slot'],
  SlotReserved: [170, 'the slot is reserved: it can be neither allocated nor released'],
  SlotAlreadyAllocated: [171, 'another entity holds the slot'],
  SlotNotAllocated: [172, 'the slot is already free'],
  SlotMismatch: [173, 'the slot is not the one that the account holds'],
  SlotsNotTracked: [174, 'the account predates slot fields and must be backfilled first'],
  SlotsAlreadyTracked: [175, 'the account already has its slots'],
  AccessPassNotExpired: [176, 'the access pass is still valid'],
  ResourceInUse: [177, 'the device still has users, links or interfaces'],
} as const satisfies Readonly<Record<string, readonly [code: number, explanation: string]>>;

/** The names of RFC-11's own errors. */
export type Rfc11ErrorName = keyof typeof RFC11;

/** The `Custom` code of an error. */
export const rfc11ErrorCode = (name: Rfc11ErrorName): number => RFC11[name][0];

/** All errors of RFC-11's instructions, ordered by code. */
export const RFC11_ERRORS: readonly ProgramError[] = /* @__PURE__ */ Object.entries(RFC11).map(([name, [code, explanation]]) => ({
  code,
  name,
  explanation,
}));

/** Undefined for any other code: see programError for the deployed program's. */
export const rfc11Error = (code: number): ProgramError | undefined => RFC11_ERRORS.find((error) => error.code === code);

/** `NotAllowed` for 8, `SlotMismatch` for RFC-11's 173, `unknown(999)` for a code without a name. */
export function programErrorName(code: number): string {
  return (programError(code) ?? rfc11Error(code))?.name ?? `unknown(${code})`;
}

/**
 * Why a transaction failed, as reported by preflight, simulation or a signature's status.
 * - program-error: an instruction's program returned one of its own codes (`Custom`), named as if the program were serviceability.
 * - instruction-error: the runtime stopped an instruction.
 * - transaction-error: the transaction as a whole was refused.
 * - unrecognized: any other JSON.
 * Indices count from 0 and include compute-budget instructions.
 */
export type TransactionFailure =
  | { readonly kind: 'program-error'; readonly instructionIndex: number; readonly code: number; readonly name: string }
  | { readonly kind: 'instruction-error'; readonly instructionIndex: number; readonly name: string; readonly detail?: string }
  | { readonly kind: 'transaction-error'; readonly name: string; readonly accountIndex?: number; readonly instructionIndex?: number }
  | { readonly kind: 'unrecognized'; readonly json: unknown };

const MAX_TEXT = 200;

/** Reads the error of a transaction in Solana's JSON shapes, such as `{"InstructionError":[3,{"Custom":8}]}`. Accepts any JSON; never throws. */
export function parseTransactionFailure(json: unknown): TransactionFailure {
  const variant = parseVariant(json);
  if (variant === undefined) return { kind: 'unrecognized', json };
  const { name, payload } = variant;
  const failure = name === 'InstructionError' ? parseInstructionError(payload) : parseTransactionError(name, payload);
  return failure ?? { kind: 'unrecognized', json };
}

/** One line for people. */
export function describeTransactionFailure(failure: TransactionFailure): string {
  switch (failure.kind) {
    case 'program-error': {
      const explanation = (programError(failure.code) ?? rfc11Error(failure.code))?.explanation ?? 'this software does not know the code';
      return `instruction ${failure.instructionIndex} failed with ${failure.name} (${failure.code}): ${explanation}`;
    }
    case 'instruction-error':
      return `instruction ${failure.instructionIndex} failed with ${failure.name}${failure.detail === undefined ? '' : `: ${failure.detail}`}`;
    case 'transaction-error': {
      const account = failure.accountIndex === undefined ? '' : ` (account ${failure.accountIndex})`;
      const instruction = failure.instructionIndex === undefined ? '' : ` (instruction ${failure.instructionIndex})`;
      return `the transaction was refused with ${failure.name}${account}${instruction}`;
    }
    case 'unrecognized':
      return `the transaction failed with an unknown error: ${shortJson(failure.json)}`;
  }
}

function parseInstructionError(payload: unknown): TransactionFailure | undefined {
  if (!Array.isArray(payload)) return undefined;
  const [instructionIndex, error]: readonly unknown[] = payload;
  const variant = parseVariant(error);
  if (!isCount(instructionIndex) || variant === undefined) return undefined;
  const { name, payload: detail } = variant;
  if (name === 'Custom' && isCount(detail)) {
    return { kind: 'program-error', instructionIndex, code: detail, name: programErrorName(detail) };
  }
  return { kind: 'instruction-error', instructionIndex, name, detail: detail === undefined ? undefined : shortJson(detail) };
}

function parseTransactionError(name: string, payload: unknown): TransactionFailure {
  if (isCount(payload)) return { kind: 'transaction-error', name, instructionIndex: payload };
  const accountIndex = isRecord(payload) ? payload.account_index : undefined;
  return { kind: 'transaction-error', name, accountIndex: isCount(accountIndex) ? accountIndex : undefined };
}

/** An enum value as serde writes it: `"Name"`, or `{"Name": payload}`. */
function parseVariant(json: unknown): { readonly name: string; readonly payload: unknown } | undefined {
  if (typeof json === 'string') return isName(json) ? { name: json, payload: undefined } : undefined;
  if (!isRecord(json)) return undefined;
  const [entry, ...others] = Object.entries(json);
  if (entry === undefined || others.length > 0 || !isName(entry[0])) return undefined;
  return { name: entry[0], payload: entry[1] };
}

function isName(text: string): boolean {
  return /^[A-Z][A-Za-z0-9]{0,63}$/.test(text);
}

/** An index or a code: u8 and u32 on the wire. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
}

function shortJson(value: unknown): string {
  const text = typeof value === 'string' ? value : toJson(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Not JSON after all: a bigint, or an object that contains itself.
    return String(value);
  }
}

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

/** Adds a value to the key's list. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** An IPv4 network as the program stores it; the address is not masked to the network's base. */
export interface NetworkV4 {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

/** Message templates by code; `{name}` is filled from the context. */
const MESSAGES = {
  ADDRESS__INVALID: '{text} is not an address: {problem}',
  IPV4__INVALID: '{text} is not an IPv4 address: expected four numbers from 0 to 255, as in 192.0.2.1',
  NETWORK_V4__INVALID: '{text} is not an IPv4 network: expected an address and a prefix length from 0 to 32, as in 169.254.0.0/31',
  ACCOUNT__EMPTY: 'the account has no data, so it is closed or was never a {expected} account',
  ACCOUNT__WRONG_TYPE: 'the account is of type {actual}, not a {expected} account (type {expectedType})',
  ACCOUNT__INCONSISTENT: 'the account is not {what}: {problem}',
  ENCODING__OUT_OF_RANGE: '{value} is not a valid {type} (field at byte {offset})',
  PDA__BAD_SEEDS: 'no program address can be derived from these seeds: {problem}',
  INSTRUCTION__RTT_WITHOUT_UP: 'status {status} cannot carry a round-trip time of {rttNs} ns: only up can, all others carry 0',
  INSTRUCTION__RTT_OUT_OF_RANGE: 'a round-trip time of {rttNs} ns does not fit a u64',
  PLAN__DUPLICATE_USER: 'user {user} is in the plan twice, and the older status could be confirmed last: plan only the newest',
  RPC__HTTP: '{method} returned HTTP status {status}',
  RPC__ERROR: '{method} returned error {code}: {message}',
  RPC__BAD_ANSWER: 'malformed response to {method}: {problem}',
  RPC__TIMEOUT: '{method} timed out after {timeoutMs} ms',
} as const;

/** The codes of ServiceabilityError; stable, unlike the messages. */
export type ServiceabilityErrorCode = keyof typeof MESSAGES;

type ContextValue = string | number | bigint;

/** The only error class that the SDK throws; `code` is stable, the message is for people. */
export class ServiceabilityError extends Error {
  override readonly name: string = 'ServiceabilityError';

  constructor(
    readonly code: ServiceabilityErrorCode,
    readonly context: Readonly<Record<string, ContextValue>>,
  ) {
    super(MESSAGES[code].replaceAll(/\{(\w+)\}/g, (_, key: string) => String(context[key])));
  }
}

/** The data is not an account of the expected type, or a GlobalState whose list counts lie. Nothing else in an account's bytes is an error. */
export class AccountDataError extends ServiceabilityError {
  override readonly name = 'AccountDataError';

  constructor(
    override readonly code: 'ACCOUNT__EMPTY' | 'ACCOUNT__WRONG_TYPE' | 'ACCOUNT__INCONSISTENT',
    context: Readonly<Record<string, ContextValue>>,
  ) {
    super(code, context);
  }
}

/** Text of any length and content, quoted and shortened for one line of an error. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return value === null ? 'null' : typeof value;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
}

/** Whether the value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The bytes of padded base64 (RFC 4648 section 4); undefined for anything else, which `atob` alone would partly accept. */
export function decodeBase64(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text);
    if (btoa(binary) !== text) return undefined;
    const bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
    return bytes;
  } catch {
    return undefined;
  }
}

/** The order of texts by their code units. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

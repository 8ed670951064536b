import { AccountType } from './account-type.ts';
import { isAddress } from './address.ts';
import { decodeBase64 } from './base64.ts';
import { isRecord } from './json.ts';
import type { RpcCall } from './rpc-call.ts';
import { ServiceabilityError } from './serviceability-error.ts';
import { type Address, type Slot, slot } from './units.ts';
import type { User } from './user.ts';
import { createUserDecoder } from './user-codec.ts';

/** Offset of device_pk in a User account (User account layout): what a memcmp filter compares. */
export const USER_DEVICE_OFFSET = 83;

/** How final what is read must be. */
export type Commitment = 'processed' | 'confirmed' | 'finalized';

/** What readUsers reads, and how. */
export interface ReadUsersOptions {
  readonly rpc: RpcCall;
  readonly programId: Address;
  /** Only the users of this device; absent for those of the whole network. */
  readonly device?: Address;
  /** `confirmed` unless told. */
  readonly commitment?: Commitment;
  /** An answer with more users is an error; 65,536 unless told. */
  readonly maxUsers?: number;
}

/** A user and the base64 of its account, by which an unchanged one is known again. */
export interface UserEntry {
  readonly user: User;
  readonly encoded: string;
}

/** The users at a slot. */
export interface UsersAnswer {
  readonly slot: Slot;
  readonly users: ReadonlyMap<Address, UserEntry>;
}

/** The filters of getProgramAccounts and programSubscribe: the type byte (base58 `8` is the byte 07), and the device. */
export function userFilters(device?: Address): readonly unknown[] {
  const type = { memcmp: { offset: 0, bytes: '8' } };
  return device === undefined ? [type] : [type, { memcmp: { offset: USER_DEVICE_OFFSET, bytes: device } }];
}

/**
 * Reads the users of a device or a network (getProgramAccounts with filters). All or nothing: an answer with one account that is no User of
 * this program and device is ServiceabilityError `RPC__BAD_ANSWER`, never a shorter list, so that a missing user is a removed one. What
 * `rpc` rejects with is passed on. Entries of `before` with the same bytes are taken over as they are.
 */
export async function readUsers(
  options: ReadUsersOptions,
  signal: AbortSignal,
  before: ReadonlyMap<Address, UserEntry> = new Map(),
): Promise<UsersAnswer> {
  const { rpc, programId, device, commitment = 'confirmed', maxUsers = 65_536 } = options;
  const config = { encoding: 'base64', commitment, withContext: true, filters: userFilters(device) };
  const result = await rpc('getProgramAccounts', [programId, config], signal);
  const context = isRecord(result) ? result.context : undefined;
  const at = isRecord(context) ? context.slot : undefined;
  const value = isRecord(result) ? result.value : undefined;
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) throw malformed('it has no context with a slot');
  if (!Array.isArray(value)) throw malformed('its value is not a list');
  if (value.length > maxUsers) throw malformed(`it has ${value.length} users, and at most ${maxUsers} are expected`);
  const users = new Map<Address, UserEntry>();
  const decode = createUserDecoder();
  for (const item of value as readonly unknown[]) {
    const pubkey = isRecord(item) ? item.pubkey : undefined;
    const known = typeof pubkey === 'string' ? before.get(pubkey as Address) : undefined;
    if (known === undefined && !isAddress(pubkey)) throw malformed('an account has no address');
    const address = pubkey as Address;
    if (users.has(address)) throw malformed(`account ${address} is listed twice`);
    const encoded = encodedData(item, programId, address);
    users.set(address, known?.encoded === encoded ? known : { encoded, user: decodeOne(encoded, address, device, decode) });
  }
  return { slot: slot(at), users };
}

function encodedData(item: unknown, programId: Address, address: Address): string {
  const account = isRecord(item) ? item.account : undefined;
  if (!isRecord(account) || account.owner !== programId) throw malformed(`account ${address} does not belong to the program`);
  const { data } = account;
  if (!Array.isArray(data) || typeof data[0] !== 'string' || data[1] !== 'base64') throw malformed(`account ${address} is not in base64`);
  return data[0];
}

function decodeOne(encoded: string, address: Address, device: Address | undefined, decode: (data: Uint8Array) => User): User {
  const data = decodeBase64(encoded);
  if (data === undefined) throw malformed(`account ${address} is not in base64`);
  if (data[0] !== AccountType.user) throw malformed(`account ${address} is not a user`);
  const user = decode(data);
  if (device !== undefined && user.devicePk !== device) throw malformed(`account ${address} is a user of another device`);
  return user;
}

function malformed(problem: string): ServiceabilityError {
  return new ServiceabilityError('RPC__BAD_ANSWER', { method: 'getProgramAccounts', problem });
}

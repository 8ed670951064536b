import { AgentError } from '../lib/index.ts';
import { AccountType, type Address, addressBytes, isAddress, type Slot } from '../serviceability/index.ts';
import { asArray, asBase64Data, asSlotted, isRecord, Malformed } from './json.ts';

/** Offset of device_pk in a User account, and what the memcmp filter compares. */
export const USER_DEVICE_OFFSET = 83;
const KEY_LENGTH = 32;

export interface UserAccountsQuery {
  readonly programId: Address;
  readonly device: Address;
}

export interface UserAccounts {
  readonly slot: Slot;
  readonly accounts: ReadonlyMap<Address, Uint8Array>;
}

/** getProgramAccounts' two filters: byte 0 is the User type (base58 `8` is the byte 07), and the device's key at its offset. */
export function userFilters(device: Address): readonly unknown[] {
  return [{ memcmp: { offset: 0, bytes: '8' } }, { memcmp: { offset: USER_DEVICE_OFFSET, bytes: device } }];
}

/**
 * Reads getProgramAccounts (base64, withContext) by hand, account by account, and pauses after each: the usual decoders block the event loop for 150 ms at 3,600
 * accounts. Whatever is not a User of this device and program is an error that names the account, because an endpoint that sends one wrong
 * account cannot be trusted to have sent all the right ones.
 *
 * `known` are addresses that an earlier answer has proven to be some; checking base58 is half of the work.
 */
export function* readUserAccounts(
  result: unknown,
  endpoint: string,
  { programId, device }: UserAccountsQuery,
  known: ReadonlyMap<Address, unknown>,
): Generator<void, UserAccounts, void> {
  const { slot, value } = asSlotted(result);
  const deviceKey = addressBytes(device);
  const accounts = new Map<Address, Uint8Array>();
  const isKnown = (text: unknown): text is Address => known.has(text as Address);
  for (const entry of asArray(value, 'the list of accounts')) {
    const pubkey = isRecord(entry) ? entry.pubkey : undefined;
    if (!isKnown(pubkey) && !isAddress(pubkey)) throw new Malformed('an account without an address');
    const data = readUserData(entry, programId, deviceKey);
    if (typeof data === 'string') throw new AgentError('LEDGER__BAD_ACCOUNT', { endpoint, account: pubkey, problem: data });
    if (accounts.has(pubkey)) throw new AgentError('LEDGER__BAD_ACCOUNT', { endpoint, account: pubkey, problem: 'it is listed twice' });
    accounts.set(pubkey, data);
    yield;
  }
  return { slot, accounts };
}

/** The bytes of one User, or what is wrong with it. */
function readUserData(entry: unknown, programId: Address, deviceKey: Uint8Array): Uint8Array | string {
  const account = isRecord(entry) ? entry.account : undefined;
  if (!isRecord(account)) return 'it has no account';
  if (account.owner !== programId) return `it belongs to ${isAddress(account.owner) ? account.owner : 'no program'}, not to ${programId}`;
  let data: Buffer;
  try {
    data = asBase64Data(account.data, 'its data');
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
  if (data.length < USER_DEVICE_OFFSET + KEY_LENGTH) return `its ${data.length} bytes are too few for a user`;
  if (data[0] !== AccountType.user) return `it is of type ${data[0]}, not a user`;
  const differs = data.compare(deviceKey, 0, KEY_LENGTH, USER_DEVICE_OFFSET, USER_DEVICE_OFFSET + KEY_LENGTH) !== 0;
  return differs ? 'it is a user of another device' : data;
}

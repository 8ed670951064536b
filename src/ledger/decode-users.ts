import { AgentError } from '../lib/index.ts';
import { AccountDataError, type Address, createUserDecoder, type User } from '../serviceability/index.ts';

/** A User with the bytes that it was decoded from. */
export interface DecodedUser {
  readonly data: Uint8Array;
  readonly user: User;
}

/**
 * Decodes the accounts of one answer, and pauses after each. Most users have not changed since the answer before: those with the same bytes are
 * taken over from it. Throws AgentError LEDGER__BAD_ACCOUNT for an account that is no User.
 */
export function* decodeUsers(
  accounts: ReadonlyMap<Address, Uint8Array>,
  before: ReadonlyMap<Address, DecodedUser>,
): Generator<void, ReadonlyMap<Address, DecodedUser>, void> {
  const users = new Map<Address, DecodedUser>();
  const decode = createUserDecoder();
  for (const [pubkey, data] of accounts) {
    const former = before.get(pubkey);
    const isSame = former !== undefined && Buffer.compare(former.data, data) === 0;
    // With the new bytes, though they are the same: the old ones would hold on to all the memory that was set aside for their answer.
    users.set(pubkey, { data, user: isSame ? former.user : decodeOne(pubkey, data, decode) });
    yield;
  }
  return users;
}

function decodeOne(account: Address, data: Uint8Array, decode: (data: Uint8Array) => User): User {
  try {
    return decode(data);
  } catch (error) {
    if (!(error instanceof AccountDataError)) throw error;
    throw new AgentError('LEDGER__BAD_ACCOUNT', { endpoint: 'in use', account, problem: error.message }, { cause: error });
  }
}

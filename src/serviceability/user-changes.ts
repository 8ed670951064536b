import type { UserEntry } from './read-users.ts';
import type { Address, Slot } from './units.ts';
import type { User } from './user.ts';

/** One difference between what was known of the users and what an answer of `slot` says. */
export type UserChange =
  | { readonly kind: 'added'; readonly address: Address; readonly user: User; readonly slot: Slot }
  | {
      readonly kind: 'changed';
      readonly address: Address;
      readonly user: User;
      readonly before: User;
      /** The fields that differ, in the order of the account; never empty. */
      readonly fields: readonly (keyof User)[];
      readonly slot: Slot;
    }
  | { readonly kind: 'removed'; readonly address: Address; readonly before: User; readonly slot: Slot };

/** The differences from one answer to the next: first what was removed, then what is new or changed in the order of the answer. */
export function userChanges(
  before: ReadonlyMap<Address, UserEntry>,
  after: ReadonlyMap<Address, UserEntry>,
  slot: Slot,
): readonly UserChange[] {
  const changes: UserChange[] = [];
  for (const [address, { user }] of before) {
    if (!after.has(address)) changes.push({ kind: 'removed', address, before: user, slot });
  }
  for (const [address, entry] of after) {
    const former = before.get(address);
    if (former === undefined) changes.push({ kind: 'added', address, user: entry.user, slot });
    else if (former !== entry) {
      const fields = changedFields(former.user, entry.user);
      // Bytes behind the last field that this SDK knows can change alone.
      if (fields.length > 0) changes.push({ kind: 'changed', address, user: entry.user, before: former.user, fields, slot });
    }
  }
  return changes;
}

/** The fields in which two states of a user differ, in the order of the account. */
export function changedFields(before: User, after: User): readonly (keyof User)[] {
  const fields = Object.keys(after) as readonly (keyof User)[];
  return fields.filter((field) => !isSame(before[field], after[field]));
}

function isSame(one: User[keyof User], other: User[keyof User]): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((key, index) => key === other[index]);
  if (typeof one !== 'object' || typeof other !== 'object' || !('prefixLength' in one) || !('prefixLength' in other)) return false;
  return one.address === other.address && one.prefixLength === other.prefixLength;
}

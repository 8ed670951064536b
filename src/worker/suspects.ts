import type { Address } from '../serviceability/index.ts';

export type SuspectVerdict =
  /** Its users go again in smaller groups. */
  | 'split'
  /** A user alone; whether it is to blame, only a ledger that lands others can tell. */
  | 'alone'
  /** Alone, it failed again although others have landed meanwhile: it is to blame. */
  | 'guilty';

export interface Suspects {
  /** A transaction of these users failed and nobody said whose fault it was. */
  accuse(users: readonly Address[]): SuspectVerdict;
  /** A transaction of these users landed, or they are no longer wanted. */
  clear(users: readonly Address[]): void;
  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void;
  /** Some transaction landed: the ledger works. */
  ledgerWorks(): void;
  /** Of those that wait, the ones that may share the next transaction: those under no suspicion first, then a group, at last one alone. */
  select<T>(waiting: Iterable<T>, userOf: (one: T) => Address): Iterable<T>;
}

/**
 * Finds the user that fails a transaction when the endpoint hides the instruction's index: halves go again, and halves of the half that fails.
 * At most log2(20) rounds, in which everybody else gets through.
 */
export function createSuspects(): Suspects {
  /** Each suspected user's group. */
  const groups = new Map<Address, number>();
  /** Users that failed alone, and whether anything has landed since. */
  const alone = new Map<Address, { landedSince: boolean }>();
  let nextGroup = 0;

  const assign = (users: readonly Address[]): void => {
    nextGroup += 1;
    for (const user of users) groups.set(user, nextGroup);
  };
  return {
    accuse(users) {
      const [only] = users;
      if (users.length === 1 && only !== undefined) {
        const before = alone.get(only);
        if (before?.landedSince === true) {
          alone.delete(only);
          groups.delete(only);
          return 'guilty';
        }
        if (before === undefined) alone.set(only, { landedSince: false });
        assign(users);
        return 'alone';
      }
      const half = Math.ceil(users.length / 2);
      assign(users.slice(0, half));
      assign(users.slice(half));
      return 'split';
    },
    clear(users) {
      for (const user of users) {
        groups.delete(user);
        alone.delete(user);
      }
    },
    keepOnly(isKnown) {
      for (const user of groups.keys()) {
        if (isKnown(user)) continue;
        groups.delete(user);
        alone.delete(user);
      }
    },
    ledgerWorks() {
      for (const entry of alone.values()) entry.landedSince = true;
    },
    select(all, userOf) {
      if (groups.size === 0) return all;
      const waiting = [...all];
      const innocent = waiting.filter((one) => !groups.has(userOf(one)));
      if (innocent.length > 0) return innocent;
      const rank = (user: Address): number => (alone.has(user) ? nextGroup : 0) + (groups.get(user) ?? 0);
      const first = waiting.map(userOf).sort((a, b) => rank(a) - rank(b))[0];
      return waiting.filter((one) => first !== undefined && groups.get(userOf(one)) === groups.get(first));
    },
  };
}

import type { ReportableStatus, StatusIntent } from '../bgp/index.ts';
import type { AgentError, Clock, MonotonicMs } from '../lib/index.ts';
import type { WaitingIntent } from '../publisher/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';

export interface DesiredStates {
  /**
   * Replaces all that was wanted by what the newest tick wants: the newest status of each user, and nothing that a tick no longer stands
   * behind (rules 17 and 18). Bounded by the users of the device.
   */
  replace(intents: readonly StatusIntent[], viewSlot: Slot): void;
  /** What may go out now: users in flight wait for their outcome. Not copied: thousands may wait, and each transaction looks through them. */
  waiting(isInFlight: (user: Address) => boolean): Iterable<WaitingIntent>;
  /** The slot of the view that the newest tick decided on: a node from before it may not know a user that exists. */
  readonly viewSlot: Slot | undefined;
  /** Whether any of what is wanted, in the air or not, is like this. */
  some(isSo: (wanted: WaitingIntent) => boolean): boolean;
  /** This status of this user is on the ledger as of `slot`. */
  confirmed(user: Address, status: ReportableStatus, slot: Slot): void;
  remove(user: Address): void;
  has(user: Address): boolean;
}

/** The newest status that each user should have on the ledger, and what has landed there since the view that asked for it was read. */
export function createDesiredStates(clock: Pick<Clock, 'monotonic'>): DesiredStates {
  let wanted = new Map<Address, WaitingIntent & { readonly since: MonotonicMs }>();
  let decidedAt: Slot | undefined;
  /** Landed after the view of the newest tick was read: that view can't know of them. */
  const confirmations = new Map<Address, { readonly status: ReportableStatus; readonly slot: Slot }>();
  return {
    get viewSlot() {
      return decidedAt;
    },
    replace(intents, viewSlot) {
      // Views go back only with the ledger itself: what had landed may have gone with it.
      if (decidedAt !== undefined && viewSlot < decidedAt) confirmations.clear();
      decidedAt = viewSlot;
      for (const [user, { slot }] of confirmations) {
        if (slot <= viewSlot) confirmations.delete(user);
      }
      const next: typeof wanted = new Map();
      for (const intent of intents) {
        if (confirmations.get(intent.user)?.status === intent.to) continue;
        const before = wanted.get(intent.user);
        next.set(intent.user, { intent, since: before?.intent.to === intent.to ? before.since : clock.monotonic() });
      }
      wanted = next;
    },
    *waiting(isInFlight) {
      for (const each of wanted.values()) if (!isInFlight(each.intent.user)) yield each;
    },
    some(isSo) {
      for (const each of wanted.values()) if (isSo(each)) return true;
      return false;
    },
    confirmed(user, status, slot) {
      confirmations.set(user, { status, slot });
      if (wanted.get(user)?.intent.to === status) wanted.delete(user);
    },
    remove(user) {
      wanted.delete(user);
    },
    has: (user) => wanted.has(user),
  };
}

/** Users whose status the program rejected: left alone until their account changes, or until it is time for another try (rule 20). */
export interface BackedOffUsers {
  backOff(intent: StatusIntent, error: AgentError): void;
  /** Whether this intent must wait; a user whose account has changed since is let go. */
  holds(intent: StatusIntent): boolean;
  /** A status of this user has landed: it is not to blame for anything. */
  release(user: Address): void;
  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void;
  all(): ReadonlyMap<Address, AgentError>;
}

/**
 * A rejection may have had a cause outside of the account: a publisher that was changed for a minute, or an account that was gone between two
 * looks and came back just the same. So a user is tried again after a minute, and each time it is rejected anew after twice as long.
 */
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;

interface Entry {
  readonly accountState: string;
  readonly error: AgentError;
  readonly until: number;
  readonly waitMs: number;
}

export function createBackedOffUsers(clock: Pick<Clock, 'monotonic'>): BackedOffUsers {
  const backedOffUsers = new Map<Address, Entry>();
  return {
    backOff({ user, accountState }, error) {
      const before = backedOffUsers.get(user);
      const waitMs = before?.accountState === accountState ? Math.min(LONGEST_RETRY_MS, 2 * before.waitMs) : FIRST_RETRY_MS;
      backedOffUsers.set(user, { accountState, error, waitMs, until: clock.monotonic() + waitMs });
    },
    holds({ user, accountState }) {
      const entry = backedOffUsers.get(user);
      if (entry === undefined) return false;
      if (entry.accountState === accountState) return clock.monotonic() < entry.until;
      backedOffUsers.delete(user);
      return false;
    },
    release(user) {
      backedOffUsers.delete(user);
    },
    keepOnly(isKnown) {
      for (const user of backedOffUsers.keys()) {
        if (!isKnown(user)) backedOffUsers.delete(user);
      }
    },
    all: () => new Map([...backedOffUsers].map(([user, { error }]) => [user, error])),
  };
}

type SuspectVerdict =
  /** Its users go again in smaller groups. */
  | 'split'
  /** A user alone; whether it is to blame, only a ledger that lands others can tell. */
  | 'alone'
  /** Alone, it failed again although others have landed meanwhile: it is to blame. */
  | 'guilty';

export interface FailureBisector {
  /** A transaction of these users failed and nobody said whose fault it was. */
  isolate(users: readonly Address[]): SuspectVerdict;
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
export function createFailureBisector(): FailureBisector {
  /** Each suspected user's group. */
  const groups = new Map<Address, number>();
  /** Users that failed alone, and whether anything has landed since. */
  const alone = new Map<Address, { confirmedSince: boolean }>();
  let nextGroup = 0;

  const assign = (users: readonly Address[]): void => {
    nextGroup += 1;
    for (const user of users) groups.set(user, nextGroup);
  };
  return {
    isolate(users) {
      const [only] = users;
      if (users.length === 1 && only !== undefined) {
        const before = alone.get(only);
        if (before?.confirmedSince === true) {
          alone.delete(only);
          groups.delete(only);
          return 'guilty';
        }
        if (before === undefined) alone.set(only, { confirmedSince: false });
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
      for (const entry of alone.values()) entry.confirmedSince = true;
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

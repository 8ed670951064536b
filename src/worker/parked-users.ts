import type { StatusIntent } from '../bgp/index.ts';
import type { AgentError, Clock } from '../platform/index.ts';
import type { Address } from '../serviceability/index.ts';

/** Users whose status the program rejected: left alone until their account changes, or until it is time for another try (rule 20). */
export interface ParkedUsers {
  park(intent: StatusIntent, error: AgentError): void;
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

export function createParkedUsers(clock: Pick<Clock, 'monotonic'>): ParkedUsers {
  const parked = new Map<Address, Entry>();
  return {
    park({ user, accountState }, error) {
      const before = parked.get(user);
      const waitMs = before?.accountState === accountState ? Math.min(LONGEST_RETRY_MS, 2 * before.waitMs) : FIRST_RETRY_MS;
      parked.set(user, { accountState, error, waitMs, until: clock.monotonic() + waitMs });
    },
    holds({ user, accountState }) {
      const entry = parked.get(user);
      if (entry === undefined) return false;
      if (entry.accountState === accountState) return clock.monotonic() < entry.until;
      parked.delete(user);
      return false;
    },
    release(user) {
      parked.delete(user);
    },
    keepOnly(isKnown) {
      for (const user of parked.keys()) {
        if (!isKnown(user)) parked.delete(user);
      }
    },
    all: () => new Map([...parked].map(([user, { error }]) => [user, error])),
  };
}

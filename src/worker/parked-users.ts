import type { StatusIntent } from '../bgp/index.ts';
import type { AgentError } from '../platform/index.ts';
import type { Address } from '../serviceability/index.ts';

/** Users whose status the program rejected for a reason that only a change of their account can take away (rule 20). */
export interface ParkedUsers {
  park(intent: StatusIntent, error: AgentError): void;
  /** Whether this intent must wait; a user whose account has changed since is let go. */
  holds(intent: StatusIntent): boolean;
  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void;
  all(): ReadonlyMap<Address, AgentError>;
}

export function createParkedUsers(): ParkedUsers {
  const parked = new Map<Address, { readonly accountState: string; readonly error: AgentError }>();
  return {
    park({ user, accountState }, error) {
      parked.set(user, { accountState, error });
    },
    holds({ user, accountState }) {
      const entry = parked.get(user);
      if (entry === undefined) return false;
      if (entry.accountState === accountState) return true;
      parked.delete(user);
      return false;
    },
    keepOnly(isKnown) {
      for (const user of parked.keys()) {
        if (!isKnown(user)) parked.delete(user);
      }
    },
    all: () => new Map([...parked].map(([user, { error }]) => [user, error])),
  };
}

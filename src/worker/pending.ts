import type { ReportableStatus, StatusIntent } from '../bgp/index.ts';
import type { AgentError, Clock, MonotonicMs } from '../lib/index.ts';
import { isEarlyRefresh, type WaitingIntent } from '../publisher/index.ts';
import type { Address, Slot } from '../serviceability/index.ts';
import type { Confirmations } from './in-flight.ts';

/** The newest status that each user should have on the ledger and does not have yet. Bounded by the users of the device. */
export class DesiredStatuses {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #byUser = new Map<Address, WaitingIntent & { readonly since: MonotonicMs }>();
  #viewSlot: Slot | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The slot of the view that the newest tick decided on: a node that lags behind it may not know a user that exists. */
  get viewSlot(): Slot | undefined {
    return this.#viewSlot;
  }

  /** Replaces everything by what the newest tick desires: what it no longer desires is withdrawn (rules 17 and 18). */
  replace(intents: readonly StatusIntent[], viewSlot: Slot): void {
    const before = this.#byUser;
    this.#viewSlot = viewSlot;
    this.#byUser = new Map();
    for (const intent of intents) {
      const same = before.get(intent.user);
      const since = same?.intent.to === intent.to ? same.since : this.#clock.monotonic();
      this.#byUser.set(intent.user, { intent, since });
    }
  }

  /** Every user's newest intent, in flight or not. Not copied: thousands may wait, and each transaction goes through them. */
  all(): Iterable<WaitingIntent> {
    return this.#byUser.values();
  }

  /** Whether the newest tick took one of them for settled, as it was in flight then: after a failure it needs a new decision. */
  lacksAny(intents: readonly StatusIntent[]): boolean {
    return intents.some(({ user }) => !this.#byUser.has(user));
  }

  /** The ledger has this status now. */
  confirmed(user: Address, status: ReportableStatus): void {
    if (this.#byUser.get(user)?.intent.to === status) this.#byUser.delete(user);
  }

  remove(user: Address): void {
    this.#byUser.delete(user);
  }
}

/**
 * A rejection may have a cause outside of the account: a publisher that was changed for a minute, or an account that was deleted and created
 * again between two views. So a user is retried after half a minute, and after twice as long each time it is rejected again.
 */
const FIRST_RETRY_MS = 30_000;
const LONGEST_RETRY_MS = 3_600_000;

interface Backoff {
  readonly accountState: string;
  readonly error: AgentError;
  readonly until: number;
  readonly waitMs: number;
}

/** Users whose status the program rejected: not written until their account changes or the retry is due (rule 20). */
export class BackedOffUsers {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #byUser = new Map<Address, Backoff>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  backOff({ user, accountState }: StatusIntent, error: AgentError): void {
    const before = this.#byUser.get(user);
    const waitMs = before?.accountState === accountState ? Math.min(LONGEST_RETRY_MS, 2 * before.waitMs) : FIRST_RETRY_MS;
    this.#byUser.set(user, { accountState, error, waitMs, until: this.#clock.monotonic() + waitMs });
  }

  /** Whether this intent must wait; a user whose account has changed is released. */
  holds({ user, accountState }: StatusIntent): boolean {
    const backoff = this.#byUser.get(user);
    if (backoff === undefined) return false;
    if (backoff.accountState === accountState) return this.#clock.monotonic() < backoff.until;
    this.#byUser.delete(user);
    return false;
  }

  release(user: Address): void {
    this.#byUser.delete(user);
  }

  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void {
    for (const user of this.#byUser.keys()) if (!isKnown(user)) this.#byUser.delete(user);
  }

  all(): ReadonlyMap<Address, AgentError> {
    return new Map([...this.#byUser].map(([user, { error }]) => [user, error]));
  }
}

type Bisection =
  /** The users are sent again in two groups. */
  | 'split'
  /** One user failed alone; only a confirmation of others can show that the user is the cause, and not the ledger. */
  | 'alone'
  /** Alone, the user failed again after others were confirmed: it is the cause. */
  | 'isolated';

/**
 * Finds the user that fails a transaction when the endpoint hides the instruction's index: each half is sent again, then halves of the half that
 * fails. It takes at most log2(20) rounds, in which all other users are written.
 */
export class FailureBisector {
  readonly #confirmations: Pick<Confirmations, 'transactions'>;
  /** The group that each suspected user is sent with. */
  readonly #groups = new Map<Address, number>();
  /** Users that failed alone, with the number of confirmed transactions at that time. */
  readonly #alone = new Map<Address, number>();
  #lastGroup = 0;

  constructor(confirmations: Pick<Confirmations, 'transactions'>) {
    this.#confirmations = confirmations;
  }

  /** A transaction of these users failed without naming one of them. */
  split(users: readonly Address[]): Bisection {
    const [only] = users;
    if (users.length === 1 && only !== undefined) {
      const failedAt = this.#alone.get(only);
      if (failedAt !== undefined && this.#confirmations.transactions > failedAt) {
        this.clear(users);
        return 'isolated';
      }
      if (failedAt === undefined) this.#alone.set(only, this.#confirmations.transactions);
      this.#assign(users);
      return 'alone';
    }
    const half = Math.ceil(users.length / 2);
    this.#assign(users.slice(0, half));
    this.#assign(users.slice(half));
    return 'split';
  }

  /** A transaction of these users was confirmed. */
  clear(users: readonly Address[]): void {
    for (const user of users) {
      this.#groups.delete(user);
      this.#alone.delete(user);
    }
  }

  /** Forgets users that are no longer on the ledger. */
  keepOnly(isKnown: (user: Address) => boolean): void {
    this.clear([...this.#groups.keys()].filter((user) => !isKnown(user)));
  }

  /** Those of `waiting` that may share the next transaction: users without suspicion first, then one group after the other, single users last. */
  select(waiting: Iterable<WaitingIntent>): Iterable<WaitingIntent> {
    if (this.#groups.size === 0) return waiting;
    const all = [...waiting];
    // Early refreshes alone make no transaction: a group of nothing else, or an unsuspected one, must not hold up the others.
    const required = all.filter(({ intent }) => !isEarlyRefresh(intent));
    if (required.some(({ intent }) => !this.#groups.has(intent.user))) return all.filter(({ intent }) => !this.#groups.has(intent.user));
    const rank = (user: Address): number => (this.#alone.has(user) ? this.#lastGroup : 0) + (this.#groups.get(user) ?? 0);
    const [first] = required.map(({ intent }) => intent.user).sort((a, b) => rank(a) - rank(b));
    return all.filter(({ intent }) => first !== undefined && this.#groups.get(intent.user) === this.#groups.get(first));
  }

  #assign(users: readonly Address[]): void {
    this.#lastGroup += 1;
    for (const user of users) this.#groups.set(user, this.#lastGroup);
  }
}

import { AgentError, type Clock, isAgentError } from '../lib/index.ts';
import type { Address, Lamports } from '../serviceability/index.ts';

interface AuthorityWatchOptions {
  /** Throws the AgentError that says why this key may not write for this device. */
  readonly verify: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly onAuthorized: () => void;
  /** Called at each refusal, repeated ones included. */
  readonly onRefused: (error: AgentError) => void;
}

interface AuthorityWatch {
  /** Whether the key is the device's metrics publisher. False until the account was read. */
  readonly isAuthorized: boolean;
  /** The last refusal or failure to read. */
  readonly problem: AgentError | undefined;
  /** Reads the account when it is due: each interval, and at each call until it was read. One reading at a time. Rejects only on an internal error. */
  check(signal: AbortSignal): Promise<void>;
}

/** Checks that our key is still the device's metrics publisher: the contributor may change it at any time. */
export function createAuthorityWatch({ verify, clock, intervalMs, onAuthorized, onRefused }: AuthorityWatchOptions): AuthorityWatch {
  let isAuthorized = false;
  let problem: AgentError | undefined;

  async function checkOnce(signal: AbortSignal): Promise<boolean> {
    try {
      await verify(signal);
      isAuthorized = true;
      problem = undefined;
      onAuthorized();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!isAgentError(error)) throw error;
      problem = error;
      // An unreadable ledger does not revoke the authority that was verified before.
      if (error.class !== 'fatal') return false;
      isAuthorized = false;
      onRefused(error);
      return true;
    }
  }

  return {
    get isAuthorized() {
      return isAuthorized;
    },
    get problem() {
      return problem;
    },
    check: createPeriodicCheck({ check: checkOnce, clock, intervalMs }),
  };
}

interface PeriodicCheckOptions {
  /** Resolves to whether it succeeded; one that did not is due again at once. */
  readonly check: (signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly intervalMs: number;
}

/** Runs the check when it is due, one run at a time. */
function createPeriodicCheck({ check, clock, intervalMs }: PeriodicCheckOptions): (signal: AbortSignal) => Promise<void> {
  let dueAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    try {
      if (await check(signal)) dueAt = clock.monotonic() + intervalMs;
    } finally {
      running = undefined;
    }
  }

  return (signal) => {
    if (clock.monotonic() < dueAt) return Promise.resolve();
    running ??= run(signal);
    return running;
  };
}

interface BalanceWatchOptions {
  readonly read: (signal: AbortSignal) => Promise<Lamports>;
  readonly publisher: Address;
  /** Writes are halted below this. */
  readonly minBalance: Lamports;
  readonly intervalMs: number;
  /** Lamports per hour that this process spends. */
  readonly spendRate: () => number;
  readonly clock: Clock;
  readonly onBalance: (event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }) => void;
  readonly onTooLow: (error: AgentError) => void;
  readonly onEnough: () => void;
}

interface BalanceWatch {
  /** Reads the balance when it is due. Rejects only on an internal error: the ledger cache reports an unreadable ledger. */
  check(signal: AbortSignal): Promise<void>;
}

/** Watches the balance of the metrics publisher. */
export function createBalanceWatch(options: BalanceWatchOptions): BalanceWatch {
  const { read, publisher, minBalance, intervalMs, spendRate, clock, onBalance, onTooLow, onEnough } = options;

  async function checkOnce(signal: AbortSignal): Promise<boolean> {
    try {
      const lamports = await read(signal);
      const spendable = Number(lamports > minBalance ? lamports - minBalance : 0n);
      onBalance({ lamports, publisher, hoursToEmpty: spendRate() > 0 ? spendable / spendRate() : Number.POSITIVE_INFINITY });
      if (lamports < minBalance) onTooLow(new AgentError('WRITE__BALANCE_LOW', { publisher, lamports, minBalance }));
      else onEnough();
      return true;
    } catch (error) {
      if (!signal.aborted && !isAgentError(error)) throw error;
      return false;
    }
  }

  return { check: createPeriodicCheck({ check: checkOnce, clock, intervalMs }) };
}

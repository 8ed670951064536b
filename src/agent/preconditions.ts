import type { LedgerView } from '../bgp/index.ts';
import { AgentError, type Clock, type EpochMs, isAgentError } from '../lib/index.ts';
import type { Address, Lamports, Slot } from '../serviceability/index.ts';
import { LAMPORTS_PER_TRANSACTION } from '../worker/index.ts';

interface AuthorityWatchOptions {
  /** Throws the AgentError that says why this key may not write for this device. */
  readonly verify: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** While writes are halted, checks are due after half of the interval: the end of the cause is found by them. */
  readonly isHalted: () => boolean;
  readonly onAuthorized: () => void;
  /** Called at each refusal, repeated ones included. */
  readonly onRefused: (error: AgentError) => void;
}

/** Checks that our key is still the device's metrics publisher: the contributor may change it at any time. */
export class AuthorityWatch {
  /** Reads the account when it is due: each interval, and at each call until it was read. One reading at a time. Rejects only on an internal error. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  readonly #options: AuthorityWatchOptions;
  #isAuthorized = false;
  #problem: AgentError | undefined;

  constructor(options: AuthorityWatchOptions) {
    this.#options = options;
    this.check = createPeriodicCheck((signal) => this.#checkOnce(signal), options);
  }

  /** Whether the key is the device's metrics publisher. False until the account was read. */
  get isAuthorized(): boolean {
    return this.#isAuthorized;
  }

  /** The last refusal or failure to read. */
  get problem(): AgentError | undefined {
    return this.#problem;
  }

  async #checkOnce(signal: AbortSignal): Promise<boolean> {
    const { verify, onAuthorized, onRefused } = this.#options;
    try {
      await verify(signal);
      this.#isAuthorized = true;
      this.#problem = undefined;
      onAuthorized();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!isAgentError(error)) throw error;
      this.#problem = error;
      // An unreadable ledger does not revoke the authority that was verified before.
      if (error.class !== 'fatal') return false;
      this.#isAuthorized = false;
      onRefused(error);
      return true;
    }
  }
}

interface BalanceCheckOptions {
  /** Undefined for a key that is not the device's metrics publisher: it needs no funds. */
  readonly read: (signal: AbortSignal) => Promise<Lamports | undefined>;
  readonly publisher: Address;
  /** Writes are halted below this, and below the fee of one transaction. */
  readonly minBalance: Lamports;
  readonly intervalMs: number;
  /** As of the authority. */
  readonly isHalted: () => boolean;
  /** Lamports per hour that this process spends; undefined until the users are known. Then the balance is read again at the next call. */
  readonly spendRate: () => number | undefined;
  readonly clock: Clock;
  readonly onBalance: (event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }) => void;
  readonly onTooLow: (error: AgentError) => void;
  readonly onEnough: () => void;
}

/**
 * Watches the balance of the metrics publisher: each call reads it when it is due. Rejects only on an internal error: the ledger cache reports an
 * unreadable ledger.
 */
export function createBalanceCheck(options: BalanceCheckOptions): (signal: AbortSignal) => Promise<void> {
  const { read, publisher, minBalance, spendRate, onBalance, onTooLow, onEnough } = options;
  return createPeriodicCheck(async (signal) => {
    try {
      const lamports = await read(signal);
      if (lamports === undefined) return true;
      const spendable = Number(lamports > minBalance ? lamports - minBalance : 0n);
      const rate = spendRate();
      onBalance({ lamports, publisher, hoursToEmpty: rate !== undefined && rate > 0 ? spendable / rate : Number.POSITIVE_INFINITY });
      if (lamports < minBalance) onTooLow(new AgentError('WRITE__BALANCE_LOW', { publisher, lamports, minBalance }));
      else if (lamports < LAMPORTS_PER_TRANSACTION) {
        const problem = `it holds ${lamports} lamports, and a transaction costs ${LAMPORTS_PER_TRANSACTION}`;
        onTooLow(new AgentError('WRITE__NO_FUNDS', { publisher, problem }));
      } else onEnough();
      return rate !== undefined;
    } catch (error) {
      if (!signal.aborted && !isAgentError(error)) throw error;
      return false;
    }
  }, options);
}

interface LagCheckOptions {
  /** The last reading of the users. */
  readonly latest: () => Pick<LedgerView, 'slot' | 'readAt'> | undefined;
  readonly blockTime: (slot: Slot, signal: AbortSignal) => Promise<EpochMs | undefined>;
  readonly clock: Clock;
  /** Undefined where no endpoint has a block time for the slot. */
  readonly onLag: (event: { readonly slot: Slot; readonly behindMs: number | undefined }) => void;
}

/** Often enough to report a lag within a minute. */
const LAG_INTERVAL_MS = 15_000;

/**
 * Compares the block time of the slot of each new reading with this host's clock. A node that cannot answer is not asked again for the same reading.
 * Rejects only on an internal error.
 */
export function createLagCheck({ latest, blockTime, clock, onLag }: LagCheckOptions): (signal: AbortSignal) => Promise<void> {
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checked: unknown;
  return async (signal) => {
    const view = latest();
    const now = clock.monotonic();
    if (view === undefined || view === checked || now - checkedAt < LAG_INTERVAL_MS) return;
    checked = view;
    checkedAt = now;
    const readAt = clock.wall() - (now - view.readAt);
    try {
      const time = await blockTime(view.slot, signal);
      onLag({ slot: view.slot, behindMs: time === undefined ? undefined : readAt - time });
    } catch (error) {
      if (signal.aborted) return;
      if (!isAgentError(error)) throw error;
      onLag({ slot: view.slot, behindMs: undefined });
    }
  };
}

/** Runs the check when it is due, one run at a time. `check` resolves to whether it succeeded; one that did not is due again at once. */
function createPeriodicCheck(
  check: (signal: AbortSignal) => Promise<boolean>,
  { clock, intervalMs, isHalted }: Pick<AuthorityWatchOptions, 'clock' | 'intervalMs' | 'isHalted'>,
): (signal: AbortSignal) => Promise<void> {
  let checkedAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    try {
      if (await check(signal)) checkedAt = clock.monotonic();
    } finally {
      running = undefined;
    }
  }

  return (signal) => {
    if (clock.monotonic() - checkedAt < (isHalted() ? intervalMs / 2 : intervalMs)) return Promise.resolve();
    running ??= run(signal);
    return running;
  };
}

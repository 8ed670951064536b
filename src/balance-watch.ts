import { AgentError, type Clock, isAgentError } from './lib/index.ts';
import type { Address, Lamports } from './serviceability/index.ts';

export interface BalanceWatchOptions {
  readonly read: (signal: AbortSignal) => Promise<Lamports>;
  readonly publisher: Address;
  /** Below this nothing is written. */
  readonly minBalance: Lamports;
  readonly intervalMs: number;
  /** Lamports an hour that this process spends. */
  readonly spendRate: () => number;
  readonly clock: Clock;
  readonly onBalance: (event: { readonly lamports: Lamports; readonly hoursToEmpty: number; readonly publisher: Address }) => void;
  readonly onTooLow: (error: AgentError) => void;
  readonly onEnough: () => void;
}

export interface BalanceWatch {
  /** Reads the balance when it is due. Rejects only for a defect: a ledger that can't be read is told of elsewhere. */
  check(signal: AbortSignal): Promise<void>;
}

/** Watches what the metrics publisher can still pay for. */
export function createBalanceWatch(options: BalanceWatchOptions): BalanceWatch {
  const { read, publisher, minBalance, intervalMs, spendRate, clock, onBalance, onTooLow, onEnough } = options;
  let dueAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  async function checkOnce(signal: AbortSignal): Promise<void> {
    try {
      const lamports = await read(signal);
      dueAt = clock.monotonic() + intervalMs;
      const spendable = Number(lamports > minBalance ? lamports - minBalance : 0n);
      onBalance({ lamports, publisher, hoursToEmpty: spendRate() > 0 ? spendable / spendRate() : Number.POSITIVE_INFINITY });
      if (lamports < minBalance) onTooLow(new AgentError('WRITE__BALANCE_LOW', { publisher, lamports, minBalance }));
      else onEnough();
    } catch (error) {
      if (!signal.aborted && !isAgentError(error)) throw error;
    }
  }

  return {
    check(signal) {
      if (clock.monotonic() < dueAt) return Promise.resolve();
      checking ??= checkOnce(signal).finally(() => {
        checking = undefined;
      });
      return checking;
    },
  };
}

import { type AgentError, type Clock, isAgentError } from './lib/index.ts';

export interface AuthorityWatchOptions {
  /** Throws the AgentError that tells why this key may not write for this device. */
  readonly verify: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly onAuthorized: () => void;
  /** Called with each refusal; the same one may come again. */
  readonly onRefused: (error: AgentError) => void;
}

export interface AuthorityWatch {
  /** Whether the key is known to be the device's metrics publisher. False until the account was read. */
  readonly isAuthorized: boolean;
  /** The last refusal or failure to read. */
  readonly problem: AgentError | undefined;
  /** Reads the account when it is due: each interval, and at each call while nothing is known. One reading at a time. Rejects only for a defect. */
  check(signal: AbortSignal): Promise<void>;
}

/** Is our key still the device's metrics publisher? The contributor may change it at any time. */
export function createAuthorityWatch({ verify, clock, intervalMs, onAuthorized, onRefused }: AuthorityWatchOptions): AuthorityWatch {
  let isAuthorized = false;
  let problem: AgentError | undefined;
  let dueAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;
  return {
    get isAuthorized() {
      return isAuthorized;
    },
    get problem() {
      return problem;
    },
    check(signal) {
      if (clock.monotonic() < dueAt) return Promise.resolve();
      checking ??= checkOnce(signal).finally(() => {
        checking = undefined;
      });
      return checking;
    },
  };

  async function checkOnce(signal: AbortSignal): Promise<void> {
    try {
      await verify(signal);
      isAuthorized = true;
      problem = undefined;
      dueAt = clock.monotonic() + intervalMs;
      onAuthorized();
    } catch (error) {
      if (signal.aborted) return;
      if (!isAgentError(error)) throw error;
      problem = error;
      // A ledger that can't be read takes nothing away from a key that was good a minute ago.
      if (error.class !== 'agent-never') return;
      isAuthorized = false;
      dueAt = clock.monotonic() + intervalMs;
      onRefused(error);
    }
  }
}

import type { AgentError } from '../platform/index.ts';
import type { WorkerReporter } from './reporter.ts';

/**
 * Who stops the writing, and lets it go on: the watch over the device's account, the one over the balance, or a failed transaction. What the two
 * watches release is over. What a transaction failed for is tried again whenever the authority is confirmed, and over when something lands.
 */
export type HaltHolder = HaltWatch | 'failure';
export type HaltWatch = 'authority' | 'balance';

export interface Halts {
  /** Why nothing may be written, where that is so. */
  readonly current: AgentError | undefined;
  /** Told once a cause, however often it is found again. */
  hold(error: AgentError, holder: HaltHolder): void;
  /** This holder's cause is gone; a halt that another one holds goes on, and is told again. */
  release(holder: HaltWatch): void;
  /** Something landed: what transactions failed for is over, unless it was found again since. */
  landed(): void;
}

export function createHalts(reporter: Pick<WorkerReporter, 'halted' | 'resumed'>): Halts {
  const held = new Map<HaltHolder, AgentError>();
  /** What was said to be so, and not yet to be over. */
  const told = new Map<HaltHolder, AgentError>();

  function tellOver(holder: HaltHolder): void {
    const over = told.get(holder);
    if (over === undefined) return;
    // One cause may have been found by a watch and by a transaction.
    for (const [other, error] of told) if (error.code === over.code) told.delete(other);
    const [rest] = [...told.values()].slice(-1);
    if (rest === undefined) reporter.resumed();
    else reporter.halted(rest);
  }

  return {
    get current() {
      return held.values().next().value;
    },
    hold(error, holder) {
      held.set(holder, error);
      const isTold = [...told.values()].some(({ code }) => code === error.code);
      told.set(holder, error);
      if (!isTold) reporter.halted(error);
    },
    release(holder) {
      held.delete(holder);
      if (holder === 'authority') held.delete('failure');
      tellOver(holder);
    },
    landed() {
      if (!held.has('failure')) tellOver('failure');
    },
  };
}

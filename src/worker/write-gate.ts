import { type AgentError, backoffDelays, type Clock, type Random } from '../platform/index.ts';
import type { WorkerReporter } from './reporter.ts';

/** Whether new transactions may go out: closed for a while after the ledger failed, closed until resumed after a halt. */
export interface WriteGate {
  readonly isOpen: boolean;
  /** Milliseconds until a pause ends; 0 when there is none. */
  readonly pausedForMs: number;
  readonly halted: AgentError | undefined;
  /** The ledger failed us: wait, longer each time in a row. */
  pause(): void;
  /** The ledger works: the next pause is a short one again. */
  answered(): void;
  /** Told once a cause, however often it is found again. */
  halt(error: AgentError, holder?: HaltHolder): void;
  /** Lets writing be tried again, as far as this holder is concerned; that the cause is gone is known, and told, when something lands. */
  resume(holder?: HaltHolder): void;
  landed(): void;
}

/** Who closed the gate is who opens it: the watch over the device's account (and failures that it may cure), or the one over the balance. */
export type HaltHolder = 'authority' | 'balance';

const PAUSES = { baseMs: 200, maxMs: 2_000 };

export function createWriteGate({
  clock,
  random,
  reporter,
}: {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly random: Random;
  readonly reporter: Pick<WorkerReporter, 'halted' | 'resumed'>;
}): WriteGate {
  const freshDelays = () => backoffDelays({ ...PAUSES, random });
  let delays = freshDelays();
  let pausedUntil = Number.NEGATIVE_INFINITY;
  const halts = new Map<HaltHolder, AgentError>();
  const halted = (): AgentError | undefined => halts.values().next().value;
  let told: string | undefined;
  return {
    get isOpen() {
      return halts.size === 0 && clock.monotonic() >= pausedUntil;
    },
    get pausedForMs() {
      return Math.max(0, pausedUntil - clock.monotonic());
    },
    get halted() {
      return halted();
    },
    pause() {
      pausedUntil = clock.monotonic() + delays.next().value;
    },
    answered() {
      delays = freshDelays();
    },
    halt(error, holder = 'authority') {
      halts.set(holder, error);
      if (told === error.code) return;
      told = error.code;
      reporter.halted(error);
    },
    resume(holder = 'authority') {
      halts.delete(holder);
    },
    landed() {
      if (told === undefined) return;
      told = undefined;
      reporter.resumed();
    },
  };
}

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
  halt(error: AgentError): void;
  /** Lets writing be tried again; whether the cause is gone is known, and told, when something lands. */
  resume(): void;
  landed(): void;
}

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
  let halted: AgentError | undefined;
  let told: string | undefined;
  return {
    get isOpen() {
      return halted === undefined && clock.monotonic() >= pausedUntil;
    },
    get pausedForMs() {
      return Math.max(0, pausedUntil - clock.monotonic());
    },
    get halted() {
      return halted;
    },
    pause() {
      pausedUntil = clock.monotonic() + delays.next().value;
    },
    answered() {
      delays = freshDelays();
    },
    halt(error) {
      halted = error;
      if (told === error.code) return;
      told = error.code;
      reporter.halted(error);
    },
    resume() {
      halted = undefined;
    },
    landed() {
      if (told === undefined) return;
      told = undefined;
      reporter.resumed();
    },
  };
}

import { type AgentError, backoffDelays, type Clock, type Random } from '../platform/index.ts';
import { createHalts, type HaltHolder, type HaltWatch } from './halts.ts';
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
  /** Closes it until its holder, see Halts, opens it again. */
  halt(error: AgentError, holder: HaltHolder): void;
  resume(holder: HaltWatch): void;
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
  const halts = createHalts(reporter);
  return {
    get isOpen() {
      return halts.current === undefined && clock.monotonic() >= pausedUntil;
    },
    get pausedForMs() {
      return Math.max(0, pausedUntil - clock.monotonic());
    },
    get halted() {
      return halts.current;
    },
    pause() {
      pausedUntil = clock.monotonic() + delays.next().value;
    },
    answered() {
      delays = freshDelays();
    },
    halt: halts.hold,
    resume: halts.release,
    landed: halts.landed,
  };
}

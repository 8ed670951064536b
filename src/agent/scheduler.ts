import { type Clock, createWakeUp, lifeController, Stopped } from '../lib/index.ts';

interface TickLoopOptions {
  readonly tick: (signal: AbortSignal) => Promise<unknown>;
  readonly intervalMs: number;
  /** Sooner than the interval while this is true: something that failed is being tried again. */
  readonly isImpatient: () => boolean;
  readonly clock: Clock;
  /** A tick threw what is no abort: a defect, told and survived. */
  readonly onError: (error: unknown) => void;
}

interface TickLoop {
  start(): void;
  /** Waits for the tick that goes on. */
  stop(): Promise<void>;
  /** Asks for a tick at once; any number of wake-ups make one early tick per `MIN_GAP_MS`. */
  trigger(): void;
}

/** Wake-ups are coalesced to one tick in this time, so that no storm of hints can starve the switch. */
const MIN_GAP_MS = 250;
const IMPATIENT_MS = 1_000;

/** Runs ticks one after the other, never two at once, each `intervalMs` after the last one began. */
export function createTickLoop({ tick, intervalMs, isImpatient, clock, onError }: TickLoopOptions): TickLoop {
  const controller = lifeController();
  const notifier = createWakeUp(clock);
  let running: Promise<void> | undefined;

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      try {
        await tick(signal);
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
      }
      const interval = isImpatient() ? Math.min(intervalMs, IMPATIENT_MS) : intervalMs;
      const elapsed = clock.monotonic() - startedAt;
      if (elapsed < MIN_GAP_MS) await clock.sleep(Math.min(MIN_GAP_MS, interval) - elapsed, signal);
      await notifier.wait(Math.max(0, interval - (clock.monotonic() - startedAt)), signal);
    }
  }

  return {
    start() {
      running ??= loop(controller.signal).catch((error: unknown) => {
        if (!controller.signal.aborted) onError(error);
      });
    },
    async stop() {
      controller.abort(new Stopped('the agent stops'));
      await running;
    },
    trigger: () => notifier.signal(),
  };
}

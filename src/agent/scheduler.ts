import { type Clock, createAbortController, createNotifier, Stopped } from '../lib/index.ts';

interface TickLoopOptions {
  readonly tick: (signal: AbortSignal) => Promise<unknown>;
  readonly intervalMs: number;
  /** While true, ticks come each second, to retry what failed. */
  readonly isRetrying: () => boolean;
  readonly clock: Clock;
  /** A tick threw without being aborted: an internal error. */
  readonly onError: (error: unknown) => void;
}

interface TickLoop {
  start(): void;
  /** Waits for the current tick. */
  stop(): Promise<void>;
  /** Asks for a tick at once; any number of triggers make one early tick per `MIN_GAP_MS`. */
  trigger(): void;
}

/** Triggers are coalesced to one tick in this time, so that a storm of them cannot starve the switch. */
const MIN_GAP_MS = 250;
const RETRY_MS = 1_000;

/** Runs ticks one after the other, each `intervalMs` after the last one began. */
export function createTickLoop({ tick, intervalMs, isRetrying, clock, onError }: TickLoopOptions): TickLoop {
  const controller = createAbortController();
  const notifier = createNotifier(clock);
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
      const interval = isRetrying() ? Math.min(intervalMs, RETRY_MS) : intervalMs;
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

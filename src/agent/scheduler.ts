import { type Clock, createAbortController, createNotifier, type MonotonicMs, Stopped } from '../lib/index.ts';

interface TickLoopOptions {
  /** Resolves to when the next tick is due at the latest, where that is before the interval ends. */
  readonly tick: (signal: AbortSignal) => Promise<{ readonly nextDueAt?: MonotonicMs }>;
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

/**
 * Runs ticks one after the other, each `intervalMs` after the last one began, or when it is due before that (rule 9). A switch that answers slowly
 * gets as long a rest before a tick that is due early, so that it is never polled without a pause.
 */
export function createTickLoop({ tick, intervalMs, isRetrying, clock, onError }: TickLoopOptions): TickLoop {
  const controller = createAbortController();
  const notifier = createNotifier(clock);
  let running: Promise<void> | undefined;

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      let dueAt = Number.POSITIVE_INFINITY;
      try {
        dueAt = (await tick(signal)).nextDueAt ?? dueAt;
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
      }
      const interval = isRetrying() ? Math.min(intervalMs, RETRY_MS) : intervalMs;
      const endedAt = clock.monotonic();
      const elapsed = endedAt - startedAt;
      const nextAt = Math.min(startedAt + interval, Math.max(dueAt, endedAt + elapsed));
      if (elapsed < MIN_GAP_MS) await clock.sleep(Math.min(MIN_GAP_MS, interval) - elapsed, signal);
      await notifier.wait(Math.max(0, nextAt - clock.monotonic()), signal);
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

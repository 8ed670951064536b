import { type AgentError, backoffDelays, type Clock, lifeController, type Random, Stopped } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { SnapshotReporter } from './snapshot-reporter.ts';
import type { SnapshotSink } from './snapshot-sink.ts';
import { asAgentError, type Collect, createTakeSnapshots } from './take-snapshots.ts';
import type { WantedState } from './wanted-state.ts';

export interface SnapshotterOptions {
  readonly device: Address;
  readonly sink: SnapshotSink;
  readonly collect: Collect;
  /** From the start of one round to the start of the next, milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: SnapshotReporter;
  /** A round threw what no round should: a defect, told and survived. */
  readonly onDefect: (error: unknown) => void;
  /** Ends what `collect` uses. */
  readonly close?: () => Promise<void>;
}

export interface Snapshotter {
  /** Takes a round of snapshots at once, and one each interval. */
  start(): void;
  /** Gives up what goes on, and closes connections. Idempotent. */
  stop(): Promise<void>;
}

/** The longest pause between two tries of a place that takes nothing. */
const MAX_PAUSE_MS = 15 * 60_000;

/**
 * Takes raw snapshots beside the ticks, which know nothing of it.
 *
 *   sink.wanted ─► items ─► [collect ─► makeSnapshot ─► sink.store]   two at a time, the switch asked for one
 *        │                        └ a kind that fails is told, and the others go on
 *        └ a place that takes nothing ends the round, and is tried again later and later
 */
export function createSnapshotter(options: SnapshotterOptions): Snapshotter {
  const { sink, intervalMs, clock, random, reporter, onDefect } = options;
  const life = lifeController();
  const take = createTakeSnapshots(options);
  const freshPauses = (): Generator<number, never> =>
    backoffDelays({ baseMs: intervalMs * 2, maxMs: Math.max(MAX_PAUSE_MS, intervalMs), random });
  let pauses = freshPauses();
  let lostBy: string | undefined;
  let toldRefusals = '';
  let running: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;

  /** Resolves with the time until the next round. */
  async function round(signal: AbortSignal): Promise<number> {
    const startedAt = clock.monotonic();
    try {
      const wanted = await sink.wanted(signal);
      tellRefusals(wanted);
      await take(wanted.items, signal);
    } catch (error) {
      signal.throwIfAborted();
      return lose(asAgentError(error));
    }
    pauses = freshPauses();
    if (lostBy !== undefined) reporter.snapshotPlace({ place: sink.place, state: 'back' });
    lostBy = undefined;
    return Math.max(0, intervalMs - (clock.monotonic() - startedAt));
  }

  function lose(error: AgentError): number {
    if (lostBy !== error.code) reporter.snapshotPlace({ place: sink.place, state: 'lost', error });
    lostBy = error.code;
    const pause = pauses.next().value;
    return typeof error.context.retryAfterMs === 'number' ? error.context.retryAfterMs : pause;
  }

  function tellRefusals({ refused }: WantedState): void {
    const text = refused.map(({ message }) => message).join('\n');
    if (text !== toldRefusals && refused.length > 0) reporter.snapshotRefused({ errors: refused });
    toldRefusals = text;
  }

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        pauseMs = await round(signal);
      } catch (error) {
        if (signal.aborted) return;
        onDefect(error);
      }
      await clock.sleep(pauseMs, signal);
    }
  }

  return {
    start() {
      // What ends the loop is stopping; there is nothing to be told of that.
      if (!life.signal.aborted) running ??= loop(life.signal).catch(() => undefined);
    },
    stop() {
      stopping ??= (async () => {
        life.abort(new Stopped('the agent stops'));
        await running;
        await Promise.allSettled([sink.close(), options.close?.()]);
      })();
      return stopping;
    },
  };
}

import PQueue from 'p-queue';
import type { ShowRunner } from '../collector/index.ts';
import {
  AgentError,
  backoffDelays,
  type Clock,
  createAbortController,
  describeError,
  isAgentError,
  type Random,
  Stopped,
} from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import {
  makeSnapshot,
  problemOfShowCommand,
  type SnapshotReporter,
  type SnapshotSink,
  type WantedItem,
  type WantedState,
} from './snapshot.ts';

/** Collects the JSON of one item, as the switch wrote it. Throws AgentError, or the signal's reason. */
export type Collect = (item: WantedItem, signal: AbortSignal) => Promise<Uint8Array>;

/** While one kind is stored, the next is collected. */
const CONCURRENCY = 2;

/** Errors that concern all kinds, since the next kind would fail in the same way. */
const CONCERNS_ALL_KINDS: ReadonlySet<string> = new Set([
  'SNAPSHOT__SERVER_UNREACHABLE',
  'SNAPSHOT__SERVER_BUSY',
  'SNAPSHOT__UNAUTHORIZED',
  'SNAPSHOT__CLOCK_SKEW',
  'SNAPSHOT__FOLDER',
]);

function asAgentError(error: unknown): AgentError {
  if (isAgentError(error)) return error;
  return new AgentError('SNAPSHOT__DEFECT', { problem: describeError(error) }, { cause: error });
}

interface SnapshotterOptions {
  readonly device: Address;
  readonly sink: SnapshotSink;
  readonly collect: Collect;
  /** From the start of one round to the start of the next, milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: SnapshotReporter;
  /** Called with an error that no round should throw; the next round goes on. */
  readonly onInternalError: (error: unknown) => void;
  /** Closes the connections of `collect`. */
  readonly close?: () => Promise<void>;
}

export type Snapshotter = ReturnType<typeof createSnapshotter>;

/** The longest pause between two attempts at a server or a folder that fails. */
const MAX_PAUSE_MS = 15 * 60_000;

/**
 * Takes raw snapshots, independently of the ticks.
 *
 *   sink.wanted ─► items ─► [collect ─► makeSnapshot ─► sink.store]   two at a time, one of them at the switch
 *        │                        └ a kind that fails is reported, and the others go on
 *        └ a server or a folder that fails ends the round, and is retried with growing pauses
 */
export function createSnapshotter(options: SnapshotterOptions) {
  const { device, sink, collect, intervalMs, clock, random, reporter, onInternalError } = options;
  const stopping = createAbortController();
  /** Rounds in a row that a kind has failed. */
  const failures = new Map<string, number>();
  /** The switch answers one command after the other: with one at a time, a poll never waits for more than one. */
  const collecting = new PQueue({ concurrency: 1 });
  const newPauses = (): Generator<number, never> =>
    backoffDelays({ baseMs: intervalMs * 2, maxMs: Math.max(MAX_PAUSE_MS, intervalMs), random });
  let pauses = newPauses();
  let lostCode: string | undefined;
  let reportedRefusals = '';
  let running: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  /** Throws an error that concerns all kinds; reports one that concerns this one. */
  async function takeOne(item: WantedItem, signal: AbortSignal): Promise<void> {
    const { kind } = item;
    const startedAt = clock.monotonic();
    const before = failures.get(kind) ?? 0;
    try {
      const { data, takenAt } = await collecting.add(async () => ({ takenAt: clock.wall(), data: await collect(item, signal) }));
      const snapshot = makeSnapshot({ kind, device, takenAt, data });
      await sink.store(snapshot, signal);
      failures.delete(kind);
      reporter.snapshotStored({ kind, bytes: snapshot.bytes.byteLength, durationMs: clock.monotonic() - startedAt, failures: before });
    } catch (error) {
      signal.throwIfAborted();
      const agentError = asAgentError(error);
      if (CONCERNS_ALL_KINDS.has(agentError.code)) throw agentError;
      failures.set(kind, before + 1);
      reporter.snapshotFailed({ kind, error: agentError, failures: before + 1 });
    }
  }

  async function takeAll(items: readonly WantedItem[], signal: AbortSignal): Promise<void> {
    const kinds = new Set(items.map(({ kind }) => kind));
    // Kinds come from outside, so those that are no longer wanted are dropped.
    for (const kind of failures.keys()) if (!kinds.has(kind)) failures.delete(kind);
    const errors: unknown[] = [];
    const taking = new PQueue({ concurrency: CONCURRENCY });
    for (const item of items) {
      void taking.add(() =>
        takeOne(item, signal).catch((error: unknown) => {
          errors.push(error);
          taking.clear();
        }),
      );
    }
    await taking.onIdle();
    if (errors.length > 0) throw errors[0];
  }

  /** Resolves with the time until the next round. */
  async function round(signal: AbortSignal): Promise<number> {
    const startedAt = clock.monotonic();
    try {
      const wanted = await sink.wanted(signal);
      reportRefusals(wanted);
      await takeAll(wanted.items, signal);
    } catch (error) {
      signal.throwIfAborted();
      return fail(asAgentError(error));
    }
    pauses = newPauses();
    if (lostCode !== undefined) reporter.snapshotPlace({ place: sink.place, state: 'back' });
    lostCode = undefined;
    return Math.max(0, intervalMs - (clock.monotonic() - startedAt));
  }

  function fail(error: AgentError): number {
    if (lostCode !== error.code) reporter.snapshotPlace({ place: sink.place, state: 'lost', error });
    lostCode = error.code;
    const pause = pauses.next().value;
    return typeof error.context.retryAfterMs === 'number' ? error.context.retryAfterMs : pause;
  }

  function reportRefusals({ refused }: WantedState): void {
    const text = refused.map(({ message }) => message).join('\n');
    if (text !== reportedRefusals && refused.length > 0) reporter.snapshotRefused({ errors: refused });
    reportedRefusals = text;
  }

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        pauseMs = await round(signal);
      } catch (error) {
        if (signal.aborted) return;
        onInternalError(error);
      }
      await clock.sleep(pauseMs, signal);
    }
  }

  return {
    /** Takes a round of snapshots at once, and one each interval. */
    start(): void {
      // Only stopping ends the loop, which needs no report.
      if (!stopping.signal.aborted) running ??= loop(stopping.signal).catch(() => undefined);
    },
    /** Aborts the round, and closes connections. Idempotent. */
    stop(): Promise<void> {
      stopped ??= (async () => {
        stopping.abort(new Stopped('the agent stops'));
        await running;
        await Promise.allSettled([sink.close(), options.close?.()]);
      })();
      return stopped;
    },
  };
}

/** Collects an item: a show command through eAPI, or the sockets from the kernel. `shows` is absent where no source can run a show command. */
export function createCollectItem({
  shows,
  readBgpSockets,
}: {
  readonly shows?: Pick<ShowRunner, 'run'>;
  readonly readBgpSockets: (signal: AbortSignal) => Promise<Uint8Array>;
}): Collect {
  return async (item, signal) => {
    if (item.type === 'bgp-sockets') return readBgpSockets(signal);
    const { command } = item;
    const problem = problemOfShowCommand(command);
    // The lists were checked in the same way; this is the last check before the switch.
    if (problem !== undefined) throw new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry: `\`${command}\``, problem });
    if (shows === undefined) throw new AgentError('SNAPSHOT__NO_SHOW_SOURCE', { command });
    return shows.run(command, signal);
  };
}

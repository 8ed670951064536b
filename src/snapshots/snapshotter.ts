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
} from './types.ts';

/** Collects one thing: its JSON, byte for byte. Throws AgentError, or the signal's reason. */
export type Collect = (item: WantedItem, signal: AbortSignal) => Promise<Uint8Array>;

interface TakeSnapshotsOptions {
  readonly device: Address;
  readonly sink: Pick<SnapshotSink, 'store'>;
  readonly collect: Collect;
  readonly clock: Clock;
  readonly reporter: SnapshotReporter;
}

/** Takes and stores one snapshot of each. Throws what is wrong with the place as a whole; a kind that fails alone is told. */
type TakeSnapshots = (items: readonly WantedItem[], signal: AbortSignal) => Promise<void>;

/** So many kinds at once: while one is being stored, another is asked for. */
const LANES = 2;

/** Errors of the place as a whole: the next kind would meet with the same. */
const OF_THE_PLACE: ReadonlySet<string> = new Set([
  'SNAPSHOT__SERVER_UNREACHABLE',
  'SNAPSHOT__SERVER_BUSY',
  'SNAPSHOT__UNAUTHORIZED',
  'SNAPSHOT__CLOCK_SKEW',
]);

function createTakeSnapshots({ device, sink, collect, clock, reporter }: TakeSnapshotsOptions): TakeSnapshots {
  /** Rounds in a row that a kind has failed. */
  const failures = new Map<string, number>();
  let asking: Promise<unknown> = Promise.resolve();

  /** The switch answers one command after the other anyway; asked for one at a time, it never has more than one before a poll. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = asking.then(work);
    asking = mine.catch(() => undefined);
    return mine;
  }

  async function takeOne(item: WantedItem, signal: AbortSignal): Promise<void> {
    const { kind } = item;
    const startedAt = clock.monotonic();
    const before = failures.get(kind) ?? 0;
    try {
      const { data, takenAt } = await inTurn(async () => ({ takenAt: clock.wall(), data: await collect(item, signal) }));
      const snapshot = await makeSnapshot({ kind, device, takenAt, data });
      await sink.store(snapshot, signal);
      failures.delete(kind);
      reporter.snapshotStored({ kind, bytes: snapshot.bytes.byteLength, durationMs: clock.monotonic() - startedAt, failures: before });
    } catch (error) {
      signal.throwIfAborted();
      const told = asAgentError(error);
      if (OF_THE_PLACE.has(told.code)) throw told;
      failures.set(kind, before + 1);
      reporter.snapshotFailed({ kind, error: told, failures: before + 1 });
    }
  }

  return async (items, signal) => {
    const kinds = new Set(items.map(({ kind }) => kind));
    // Kinds come from outside: what is wanted no more is not remembered.
    for (const kind of failures.keys()) if (!kinds.has(kind)) failures.delete(kind);
    const left = [...items];
    const wrong: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) {
        try {
          await takeOne(item, signal);
        } catch (error) {
          wrong.push(error);
          left.length = 0;
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (wrong.length > 0) throw wrong[0];
  };
}

function asAgentError(error: unknown): AgentError {
  if (isAgentError(error)) return error;
  return new AgentError('SNAPSHOT__DEFECT', { problem: describeError(error) }, { cause: error });
}

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
  readonly onInternalError: (error: unknown) => void;
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
  const { sink, intervalMs, clock, random, reporter, onInternalError } = options;
  const life = createAbortController();
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
        onInternalError(error);
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

export interface CollectItemOptions {
  /** Absent where no source can run a show command. */
  readonly shows?: Pick<ShowRunner, 'run'>;
  readonly readBgpSockets: (signal: AbortSignal) => Promise<Uint8Array>;
}

/** Collects whatever can be wanted, from where it is to be had. */
export function createCollectItem({ shows, readBgpSockets }: CollectItemOptions): Collect {
  return async (item, signal) => {
    if (item.type === 'bgp-sockets') return readBgpSockets(signal);
    const { command } = item;
    const problem = problemOfShowCommand(command);
    // Lists are read with the same eyes; this is the last door before the switch.
    if (problem !== undefined) throw new AgentError('SNAPSHOT__ENTRY_REFUSED', { entry: `\`${command}\``, problem });
    if (shows === undefined) throw new AgentError('SNAPSHOT__NO_SHOW_SOURCE', { command });
    return shows.run(command, signal);
  };
}

import { AgentError, type Clock, describeError, isAgentError } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import { makeSnapshot } from './snapshot.ts';
import type { SnapshotReporter } from './snapshot-reporter.ts';
import type { SnapshotSink } from './snapshot-sink.ts';
import type { WantedItem } from './wanted-state.ts';

/** Collects one thing: its JSON, byte for byte. Throws AgentError, or the signal's reason. */
export type Collect = (item: WantedItem, signal: AbortSignal) => Promise<Uint8Array>;

export interface TakeSnapshotsOptions {
  readonly device: Address;
  readonly sink: Pick<SnapshotSink, 'store'>;
  readonly collect: Collect;
  readonly clock: Clock;
  readonly reporter: SnapshotReporter;
}

/** Takes and stores one snapshot of each. Throws what is wrong with the place as a whole; a kind that fails alone is told. */
export type TakeSnapshots = (items: readonly WantedItem[], signal: AbortSignal) => Promise<void>;

/** So many kinds at once: while one is being stored, another is asked for. */
const LANES = 2;

/** Errors of the place as a whole: the next kind would meet with the same. */
const OF_THE_PLACE: ReadonlySet<string> = new Set([
  'SNAPSHOT__SERVER_UNREACHABLE',
  'SNAPSHOT__SERVER_BUSY',
  'SNAPSHOT__UNAUTHORIZED',
  'SNAPSHOT__CLOCK_SKEW',
]);

export function createTakeSnapshots({ device, sink, collect, clock, reporter }: TakeSnapshotsOptions): TakeSnapshots {
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

export function asAgentError(error: unknown): AgentError {
  if (isAgentError(error)) return error;
  return new AgentError('SNAPSHOT__DEFECT', { problem: describeError(error) }, { cause: error });
}

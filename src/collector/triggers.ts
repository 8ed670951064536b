import {
  type AgentError,
  backoffDelays,
  type Clock,
  createAbortController,
  type MonotonicMs,
  type Random,
  Stopped,
  withSignals,
} from '../lib/index.ts';
import { sourceError } from './collector.ts';

/**
 * Receives hints from the switch that a session may have changed: traps, a stream. A hint brings the next poll at once and is never an
 * observation by itself; an agent without any only notices a little later.
 */
export interface TriggerSource {
  /** Its name in the configuration, for logs and metrics. */
  readonly name: string;
  /**
   * Listens until the signal aborts or it is closed, and retries with growing pauses while it cannot. It may call `onTrigger` any number of
   * times: the caller coalesces and bounds. Never throws; `onState` reports failures.
   */
  start(onTrigger: () => void, signal: AbortSignal, onState?: (event: TriggerState) => void): void;
  /** What it received and dropped since it was made, by reason, always the same ones; only sources that count it have this. */
  dropCounters?(): Readonly<Record<string, number>>;
  /** Ends sockets and streams. Idempotent. */
  close(): Promise<void>;
}

/** Reported once when a source can no longer listen, and once when it listens again; the first success is not reported. */
export type TriggerState = { readonly state: 'lost'; readonly error: AgentError } | { readonly state: 'back' };

interface ListenerOptions {
  /** The name of the source, for errors. */
  readonly name: string;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly random: Random;
  /** Calls `onListening`, once or more often, while it listens. Rejects when it can no longer listen, and when the signal aborts. */
  listen(onListening: () => void, onTrigger: () => void, signal: AbortSignal): Promise<never>;
}

const RETRY = { baseMs: 1_000, maxMs: 30_000 };

/** Keeps a source listening, with backoff after failures. A recovery is one trigger, for all that was missed. */
export function createListener({ name, clock, random, listen }: ListenerOptions): Pick<TriggerSource, 'start' | 'close'> {
  const closing = createAbortController();
  let running: Promise<void> | undefined;

  async function run(onTrigger: () => void, onState: (event: TriggerState) => void, signal: AbortSignal): Promise<void> {
    let isLost = false;
    let delays = backoffDelays({ ...RETRY, random });
    const onListening = (): void => {
      delays = backoffDelays({ ...RETRY, random });
      if (!isLost) return;
      isLost = false;
      onState({ state: 'back' });
      onTrigger();
    };
    while (!signal.aborted) {
      try {
        await listen(onListening, onTrigger, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isLost) onState({ state: 'lost', error: sourceError(name, error) });
        isLost = true;
        await clock.sleep(delays.next().value, signal).catch(() => undefined);
      }
    }
  }

  return {
    start(onTrigger, signal, onState = () => undefined) {
      running ??= withSignals([signal, closing.signal], (either) => run(onTrigger, onState, either));
    },
    async close() {
      closing.abort(new Stopped(`the source ${name} is closed`));
      await running;
    },
  };
}

/** What happens to triggers, each reported once, where it happens. */
export type TriggerEvent =
  /** A hint within the rate limit: a poll comes at once. */
  | { readonly kind: 'woke'; readonly source: string }
  /** A hint over the rate limit: the next poll comes at its interval. */
  | { readonly kind: 'held-back'; readonly source: string }
  /** The rate limit is reached; reported once until there was none over it for a minute. */
  | { readonly kind: 'storm'; readonly source: string; readonly maxPerMinute: number }
  | { readonly kind: 'lost'; readonly source: string; readonly error: AgentError }
  | { readonly kind: 'back'; readonly source: string };

export interface TriggerReporter {
  trigger(event: TriggerEvent): void;
}

interface TriggersOptions {
  readonly sources: readonly TriggerSource[];
  readonly maxPerMinute: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onTrigger: () => void;
  readonly reporter: TriggerReporter;
}

const MINUTE_MS = 60_000;
/** Hints this close together make one poll, and count as one. */
const COALESCE_MS = 250;

/**
 * All trigger sources as one, bounded: a mass flap is thousands of hints in a second, a session that flaps for ever is a hint each second, and
 * neither makes the agent poll the switch more than `maxPerMinute` times a minute beyond its interval.
 */
export function createTriggers({ sources, maxPerMinute, clock, onTrigger, reporter }: TriggersOptions) {
  const stopping = createAbortController();
  /** When the counted hints of the last minute came, the oldest first; never more than `maxPerMinute`. */
  const counted: MonotonicMs[] = [];
  let heldBackAt: MonotonicMs | undefined;
  let isStarted = false;

  function hint(source: string): void {
    if (stopping.signal.aborted) return;
    const now = clock.monotonic();
    while (counted[0] !== undefined && now - counted[0] >= MINUTE_MS) counted.shift();
    const last = counted.at(-1);
    const coalesces = last !== undefined && now - last < COALESCE_MS;
    if (!coalesces && counted.length >= maxPerMinute) {
      if (heldBackAt === undefined || now - heldBackAt >= MINUTE_MS) reporter.trigger({ kind: 'storm', source, maxPerMinute });
      heldBackAt = now;
      reporter.trigger({ kind: 'held-back', source });
      return;
    }
    if (!coalesces) {
      counted.push(now);
      reporter.trigger({ kind: 'woke', source });
    }
    onTrigger();
  }

  return {
    /** Listens to all sources. Idempotent. */
    start(): void {
      if (isStarted || stopping.signal.aborted) return;
      isStarted = true;
      for (const source of sources) {
        const { name } = source;
        source.start(
          () => hint(name),
          stopping.signal,
          (event) =>
            reporter.trigger(event.state === 'back' ? { kind: 'back', source: name } : { kind: 'lost', source: name, error: event.error }),
        );
      }
    },
    async stop(): Promise<void> {
      stopping.abort(new Stopped('the triggers are stopped'));
      await Promise.allSettled(sources.map((source) => source.close()));
    },
  };
}

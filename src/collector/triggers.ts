import { type AgentError, type Clock, createAbortController, type MonotonicMs, Stopped } from '../lib/index.ts';

/**
 * Something that hears from the switch that a session may have changed: a trap, a stream. It is a hint that the next poll should come at
 * once, never an observation by itself; an agent without any only notices a little later.
 */
export interface TriggerSource {
  /** Its name in the configuration, for logs and metrics. */
  readonly name: string;
  /**
   * Listens until the signal aborts or it is closed, and by itself tries again, with growing pauses, when it can't. `onWake` may be called
   * any number of times: whoever started it coalesces and bounds. Never throws; what goes wrong is told by `onState`.
   */
  start(onTrigger: () => void, signal: AbortSignal, onState?: (event: TriggerState) => void): void;
  /** What came in since it was made and was no hint, by the reason, always the same ones; only sources that count it have it. */
  dropCounters?(): Readonly<Record<string, number>>;
  /** Ends sockets and streams. Idempotent. */
  close(): Promise<void>;
}

/** Told once when a source can't listen any more, with the reason, and once when it listens again; the first success is not told. */
export type TriggerState = { readonly state: 'lost'; readonly error: AgentError } | { readonly state: 'back' };

/** What happens to wake-ups, each told once, where it happens. */
export type TriggerEvent =
  /** A hint that was let through: a poll comes at once. */
  | { readonly kind: 'woke'; readonly source: string }
  /** A hint over the bound: the next poll comes at its interval. */
  | { readonly kind: 'held-back'; readonly source: string }
  /** The first that was held back in a long while; told once a storm. */
  | { readonly kind: 'storm'; readonly source: string; readonly maxPerMinute: number }
  | { readonly kind: 'lost'; readonly source: string; readonly error: AgentError }
  | { readonly kind: 'back'; readonly source: string };

export interface TriggerReporter {
  trigger(event: TriggerEvent): void;
}

export interface TriggersOptions {
  readonly sources: readonly TriggerSource[];
  readonly maxPerMinute: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onTrigger: () => void;
  readonly reporter: TriggerReporter;
}

export interface Triggers {
  /** Listens to all sources. Idempotent. */
  start(): void;
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;
/** Hints this close together make one poll, and count as one. */
const TOGETHER_MS = 250;

/**
 * All wake-up sources as one, bounded: a mass flap is thousands of hints in a second, and a session that flaps for ever is a hint each second,
 * and neither may make the agent poll the switch more than `maxPerMinute` times a minute beyond its interval.
 */
export function createTriggers({ sources, maxPerMinute, clock, onTrigger, reporter }: TriggersOptions): Triggers {
  const life = createAbortController();
  /** When the last ones were let through that counted, the oldest first; never more than `maxPerMinute`. */
  const passed: MonotonicMs[] = [];
  let heldBackAt: MonotonicMs | undefined;
  let started = false;

  function hint(source: string): void {
    if (life.signal.aborted) return;
    const now = clock.monotonic();
    while (passed[0] !== undefined && now - passed[0] >= MINUTE_MS) passed.shift();
    const last = passed.at(-1);
    const together = last !== undefined && now - last < TOGETHER_MS;
    if (!together && passed.length >= maxPerMinute) {
      if (heldBackAt === undefined || now - heldBackAt >= MINUTE_MS) reporter.trigger({ kind: 'storm', source, maxPerMinute });
      heldBackAt = now;
      reporter.trigger({ kind: 'held-back', source });
      return;
    }
    if (!together) {
      passed.push(now);
      reporter.trigger({ kind: 'woke', source });
    }
    onTrigger();
  }

  return {
    start() {
      if (started || life.signal.aborted) return;
      started = true;
      for (const source of sources) {
        const { name } = source;
        source.start(
          () => hint(name),
          life.signal,
          (event) =>
            reporter.trigger(event.state === 'back' ? { kind: 'back', source: name } : { kind: 'lost', source: name, error: event.error }),
        );
      }
    },
    async stop() {
      life.abort(new Stopped('wake-ups end'));
      await Promise.allSettled(sources.map((source) => source.close()));
    },
  };
}

import type { AgentError } from '../lib/index.ts';

/**
 * Something that hears from the switch that a session may have changed: a trap, a stream. It is a hint that the next poll should come at
 * once, never an observation by itself; an agent without any only notices a little later.
 */
export interface WakeUpSource {
  /** Its name in the configuration, for logs and metrics. */
  readonly name: string;
  /**
   * Listens until the signal aborts or it is closed, and by itself tries again, with growing pauses, when it can't. `onWake` may be called
   * any number of times: whoever started it coalesces and bounds. Never throws; what goes wrong is told by `onState`.
   */
  start(onWake: () => void, signal: AbortSignal, onState?: (event: WakeUpState) => void): void;
  /** What came in since it was made and was no hint, by the reason, always the same ones; only sources that count it have it. */
  leftOut?(): Readonly<Record<string, number>>;
  /** Ends sockets and streams. Idempotent. */
  close(): Promise<void>;
}

/** Told once when a source can't listen any more, with the reason, and once when it listens again; the first success is not told. */
export type WakeUpState = { readonly state: 'lost'; readonly error: AgentError } | { readonly state: 'back' };

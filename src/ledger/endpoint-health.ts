import { type AgentError, backoffDelays, type Clock, type MonotonicMs, monotonicMs, type Random } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { EndpointFault } from './faults.ts';

/** Told once when an endpoint is set aside and once when it serves again, not at every failure between. */
export type EndpointEvent =
  | { readonly endpoint: string; readonly state: 'lost'; readonly error: AgentError }
  | { readonly endpoint: string; readonly state: 'back' };

export interface EndpointHealthOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEndpoint: (event: EndpointEvent) => void;
}

/** First and longest time for which a failing endpoint is set aside. */
const BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** A wait that an endpoint asks for is honoured, up to this. */
const LONGEST_RETRY_AFTER_MS = 300_000;
/** How soon a failed endpoint may be tried again when no other is left. */
const LAST_RESORT_MS = 250;
/** An endpoint that fails again within this time of its return goes on with the waits where it had stopped. */
const PROVEN_AFTER_MS = 60_000;

/** Whether one endpoint may be asked, and since when. It decides nothing about other endpoints and starts nothing. */
export class EndpointHealth {
  readonly #options: EndpointHealthOptions;
  #delays: Iterator<number, never>;
  #lost:
    | { readonly error: AgentError; readonly failedAt: MonotonicMs; readonly until: MonotonicMs; readonly notBefore: MonotonicMs }
    | undefined;
  #backAt: MonotonicMs | undefined;
  #heardAt: MonotonicMs | undefined;
  #slot: Slot | undefined;

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
    this.#delays = this.#newDelays();
  }

  get healthy(): boolean {
    return this.#lost === undefined;
  }

  /** Why it is set aside. */
  get error(): AgentError | undefined {
    return this.#lost?.error;
  }

  /** The newest slot that it has reported since it was last found healthy. */
  get slot(): Slot | undefined {
    return this.#slot;
  }

  /** Whether the time for which it was set aside is over, so that it should be probed. */
  get due(): boolean {
    return this.#lost !== undefined && this.#now() >= this.#lost.until;
  }

  /** Whether it may be asked although it is set aside, because no other endpoint is left. A wait that it asked for is still honoured. */
  get lastResort(): boolean {
    if (this.#lost === undefined) return false;
    return this.#now() >= this.#lost.notBefore && this.#now() >= Math.min(this.#lost.until, this.#lost.failedAt + LAST_RESORT_MS);
  }

  get dueAt(): number {
    return this.#lost?.until ?? 0;
  }

  quietFor(ms: number): boolean {
    return this.#heardAt === undefined || this.#now() - this.#heardAt >= ms;
  }

  reported(slot: Slot): void {
    if (this.#slot === undefined || slot > this.#slot) this.#slot = slot;
  }

  succeeded(): void {
    this.#heardAt = this.#now();
    if (this.#lost === undefined) return;
    this.#lost = undefined;
    this.#backAt = this.#now();
    this.#options.onEndpoint({ endpoint: this.#options.name, state: 'back' });
  }

  failed({ error, retryAfterMs = 0 }: EndpointFault): void {
    const now = this.#now();
    const wasHealthy = this.#lost === undefined;
    // Failures of requests that were under way together are one failure; only a later one is a step of the backoff.
    if (!wasHealthy && !this.due && !this.lastResort && retryAfterMs === 0) return;
    if (wasHealthy && (this.#backAt === undefined || now - this.#backAt >= PROVEN_AFTER_MS)) this.#delays = this.#newDelays();
    const notBefore = monotonicMs(now + Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
    const until = monotonicMs(Math.max(notBefore, now + this.#delays.next().value));
    this.#lost = { error, failedAt: now, until, notBefore };
    this.#slot = undefined;
    if (wasHealthy) this.#options.onEndpoint({ endpoint: this.#options.name, state: 'lost', error });
  }

  #now(): MonotonicMs {
    return this.#options.clock.monotonic();
  }

  #newDelays(): Iterator<number, never> {
    return backoffDelays({ ...BACKOFF, random: this.#options.random });
  }
}

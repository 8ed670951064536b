import { type AgentError, backoffDelays, type Clock, type MonotonicMs, monotonicMs, type Random } from '../lib/index.ts';
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
/** An endpoint that serves this long without failing is proven: its waits begin at the shortest again. */
const PROVEN_AFTER_MS = 60_000;

/** Why and until when an endpoint is set aside. */
interface Loss {
  readonly error: AgentError;
  /** What has to work again before the endpoint is said to be back. */
  readonly topic: string;
  readonly failedAt: MonotonicMs;
  /** When it should be probed. */
  readonly until: MonotonicMs;
  /** Until when it has asked to be left alone. */
  readonly notBefore: MonotonicMs;
  /** Since when it has been serving again, on trial. */
  trialSince?: MonotonicMs;
}

/**
 * Whether one endpoint may be asked, and since when. It decides nothing about other endpoints and starts nothing.
 *
 *   healthy ── failed ──► lost ── anything succeeds ──► on trial (serves) ── what had failed succeeds ──► healthy
 *                          ▲                                │
 *                          └──────────── failed ────────────┘
 *
 * The trial is there for endpoints that answer every probe and still fail at one method: they are told of as lost once, not each time.
 */
export class EndpointHealth {
  readonly #options: EndpointHealthOptions;
  #delays: Iterator<number, never>;
  #loss: Loss | undefined;
  #servingSince: MonotonicMs | undefined;
  #heardAt: MonotonicMs | undefined;

  constructor(options: EndpointHealthOptions) {
    this.#options = options;
    this.#delays = this.#newDelays();
  }

  /** Whether it is asked like any other; on trial it is. */
  get healthy(): boolean {
    return this.#loss === undefined || this.#loss.trialSince !== undefined;
  }

  /** Its last trouble, until it is back. */
  get error(): AgentError | undefined {
    return this.#loss?.error;
  }

  /** Whether the time for which it was set aside is over, so that it should be probed. */
  get due(): boolean {
    return !this.healthy && this.now >= this.dueAt;
  }

  get dueAt(): number {
    return this.#loss?.until ?? 0;
  }

  /** Whether it may be asked although it is set aside, because no other endpoint is left. A wait that it asked for is still honoured. */
  get lastResort(): boolean {
    if (this.#loss === undefined || this.healthy) return false;
    const { notBefore, until, failedAt } = this.#loss;
    return this.now >= notBefore && this.now >= Math.min(until, failedAt + LAST_RESORT_MS);
  }

  /** Whether nothing was heard from it for so long. */
  quietFor(ms: number): boolean {
    return this.#heardAt === undefined || this.now - this.#heardAt >= ms;
  }

  /** When a request is being made, for `succeeded`. */
  get now(): MonotonicMs {
    return this.#options.clock.monotonic();
  }

  /**
   * A method was served, or its slots were found good (see `EndpointFault.topic`). An answer to a request made before the last failure says
   * nothing new, or it would cut short the wait that the endpoint has asked for meanwhile.
   */
  succeeded(topic: string, askedAt: MonotonicMs): void {
    const now = this.now;
    this.#heardAt = now;
    if (this.#loss === undefined || askedAt < this.#loss.failedAt) return;
    this.#loss.trialSince ??= now;
    if (topic !== this.#loss.topic && now - this.#loss.trialSince < PROVEN_AFTER_MS) return;
    this.#servingSince = this.#loss.trialSince;
    this.#loss = undefined;
    this.#options.onEndpoint({ endpoint: this.#options.name, state: 'back' });
  }

  failed({ error, topic, more: { retryAfterMs = 0 } }: EndpointFault): void {
    const now = this.now;
    const before = this.#loss;
    // Failures of requests that were under way together are one failure; only a later one is a step of the backoff.
    if (!this.healthy && !this.due && !this.lastResort && retryAfterMs === 0) return;
    const wasProven = this.#servingSince === undefined || now - this.#servingSince >= PROVEN_AFTER_MS;
    if (before === undefined && wasProven) this.#delays = this.#newDelays();
    const notBefore = monotonicMs(now + Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
    const until = monotonicMs(Math.max(notBefore, now + this.#delays.next().value));
    this.#loss = { error, topic, failedAt: now, until, notBefore };
    if (before === undefined) this.#options.onEndpoint({ endpoint: this.#options.name, state: 'lost', error });
  }

  #newDelays(): Iterator<number, never> {
    return backoffDelays({ ...BACKOFF, random: this.#options.random });
  }
}

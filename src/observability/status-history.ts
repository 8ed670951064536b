import type { StatusIntent } from '../bgp/index.ts';
import type { AgentError, Clock } from '../lib/index.ts';
import type { Address } from '../serviceability/index.ts';
import type { AgentState, FlapMinute, PartReport, TransactionReport } from './status.ts';

const MINUTE_MS = 60_000;
const MINUTES_KEPT = 60;

/** Counts transitions per minute for the last hour. It counts a mass flap in full, which a bounded list of events could not do. */
export class FlapHistory {
  readonly #clock: Pick<Clock, 'wall'>;
  #minutes: { readonly at: number; up: number; down: number }[] = [];

  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
  }

  /** Adds transitions of one session, of which the last led to `kind`. */
  add(kind: 'up' | 'down', transitions: number): void {
    const at = this.#dropOld();
    const last = this.#minutes.at(-1);
    const minute = last?.at === at ? last : { at, up: 0, down: 0 };
    if (minute !== last) this.#minutes.push(minute);
    minute[kind] += Math.ceil(transitions / 2);
    minute[kind === 'up' ? 'down' : 'up'] += Math.floor(transitions / 2);
  }

  /** The minutes of the last hour with transitions, the newest last. */
  list(): readonly FlapMinute[] {
    this.#dropOld();
    return this.#minutes.map((minute) => ({ ...minute }));
  }

  /** Returns the current minute. */
  #dropOld(): number {
    const now = Math.floor(this.#clock.wall() / MINUTE_MS) * MINUTE_MS;
    this.#minutes = this.#minutes.filter(({ at }) => at > now - MINUTES_KEPT * MINUTE_MS && at <= now);
    return now;
  }
}

/** The states of the sources, or of the endpoints. Parts report changes only, so a part is ok until it reports a failure. */
export class PartStates {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #parts: Map<string, PartReport>;

  constructor(names: readonly string[], clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
    this.#parts = new Map(names.map((name) => [name, this.#ok(name)]));
  }

  #ok(name: string): PartReport {
    return { name, state: 'ok', since: this.#clock.wall(), latencyMs: null, problem: null, remedy: null, lastProblem: null };
  }

  responded(name: string, latencyMs: number): void {
    const part = this.#parts.get(name);
    if (part !== undefined) this.#parts.set(name, { ...part, latencyMs });
  }

  changed(name: string, state: 'lost' | 'back', error?: AgentError): void {
    const before = this.#parts.get(name) ?? this.#ok(name);
    const at = this.#clock.wall();
    this.#parts.set(name, {
      ...before,
      state: state === 'lost' ? 'lost' : 'ok',
      // An endpoint may fail at its reads and then at its sends, a source for one reason after the other.
      since: state === 'lost' && before.state === 'lost' ? before.since : at,
      problem: error?.message ?? null,
      remedy: error?.remedy ?? null,
      lastProblem: error === undefined ? before.lastProblem : { at, text: error.message },
    });
  }

  /** In the order of the configuration. */
  list(): readonly PartReport[] {
    return [...this.#parts.values()];
  }
}

/** More than the worker ever has in flight at once. */
const MOST_KEPT = 100;

/** Keeps the transactions in flight until they are resolved, however long that takes, and the outcomes of the last ones. */
export class TransactionLog {
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #inFlight = new Map<string, { readonly report: TransactionReport; readonly intents: readonly StatusIntent[] }>();
  readonly #resolved: TransactionReport[] = [];
  readonly #counts = { sent: 0, landed: 0, expired: 0, failed: 0 };

  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
  }

  sent(signature: string, intents: readonly StatusIntent[]): void {
    this.#counts.sent += 1;
    const sentAt = this.#clock.wall();
    this.#inFlight.set(signature, {
      report: { signature, users: intents.length, sentAt, state: 'in-flight', tookMs: null, problem: null },
      intents,
    });
  }

  /** Only the first outcome of a signature counts. */
  resolved(signature: string, state: 'landed' | 'expired' | 'failed', problem: string | null = null): void {
    const report = this.#inFlight.get(signature)?.report;
    if (report === undefined) return;
    this.#inFlight.delete(signature);
    this.#counts[state] += 1;
    this.#resolved.push({ ...report, state, tookMs: this.#clock.wall() - report.sentAt, problem });
    if (this.#resolved.length > MOST_KEPT) this.#resolved.shift();
  }

  counts(): AgentState['transactions'] {
    return { ...this.#counts };
  }

  /** The newest last. */
  list(): readonly TransactionReport[] {
    const unresolved = [...this.#inFlight.values()].map(({ report }) => report);
    return [...this.#resolved, ...unresolved].sort((a, b) => a.sentAt - b.sentAt);
  }

  /** The status in flight, by user. */
  inFlight(): ReadonlyMap<Address, string> {
    return new Map([...this.#inFlight.values()].flatMap(({ intents }) => intents).map(({ user, to }) => [user, to]));
  }
}

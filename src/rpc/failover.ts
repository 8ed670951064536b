import {
  AgentError,
  type Clock,
  DeadlineExceeded,
  isAgentError,
  type MonotonicMs,
  type Random,
  Stopped,
  systemClock,
  withDeadline,
} from '../lib/index.ts';
import type { Slot } from '../serviceability/index.ts';
import {
  type AskedEndpoint,
  Endpoint,
  EndpointError,
  type EndpointEvent,
  type EndpointWork,
  RateLimitedRpc,
  type RateLimiterCounts,
} from './endpoint.ts';
import { readEpochInfo, readGenesisHash } from './responses.ts';
import { type SlotProgress, SlotProgressWatch } from './slots.ts';
import { HttpJsonRpc, type JsonRpc, type JsonRpcOptions, parseEndpointUrls, type Resolve, SEND, STATUSES } from './transport.ts';

export interface EndpointsOptions {
  /** RPC URLs in order of preference, http or https, at least one. Their paths are treated as secrets. */
  readonly urls: readonly string[];
  readonly random: Random;
  readonly clock?: Clock;
  /** Upper bound for one request to one endpoint, milliseconds; 8,000 by default. */
  readonly requestTimeoutMs?: number;
  /** Upper bound for one call with all its failovers, milliseconds; 20,000 by default. */
  readonly callTimeoutMs?: number;
  /** Most sockets to one endpoint; 8 by default. */
  readonly connections?: number;
  /** Most bytes of an answer to getProgramAccounts, unpacked; by default 5 MiB, which 4,096 users with 13 multicast groups each have. */
  readonly maxResponseBytes?: number;
  /** Most requests a second to one endpoint, all methods together; 150 by default, Infinity for no limit. */
  readonly requestsPerSecond?: number;
  /** Most of them that send a transaction; 100 by default. */
  readonly sendsPerSecond?: number;
  /** How host names become addresses; the host's own resolver by default. */
  readonly resolve?: Resolve;
  /** Called once when an endpoint is lost and once when it is back. */
  readonly onEndpoint?: (event: EndpointEvent) => void;
  /** What carries the requests to an endpoint; HTTP by default. A simulation has a network of its own. */
  readonly openTransport?: (options: JsonRpcOptions) => JsonRpc;
}

/** The requests to one endpoint since it was opened, and the effect of its rate limits. */
export interface EndpointTraffic extends RateLimiterCounts {
  readonly endpoint: string;
}

/** Most requests that wait for one endpoint. */
const MOST_WAITING = 1024;
/** A healthy endpoint that nothing is asked of is probed this often, so that a lagging one is found before it is needed. */
const PROBE_INTERVAL_MS = 10_000;

/**
 * Several RPC endpoints as one. An endpoint that fails or lags is quarantined, probed in the background once its backoff is over, and used
 * again when a probe succeeds. Nothing runs between calls: they start the probes that are due.
 */
export class Endpoints {
  readonly #clock: Clock;
  readonly #callTimeoutMs: number;
  readonly #all: readonly Endpoint[];
  readonly #slots: SlotComparison;
  readonly #progress = new SlotProgressWatch();
  readonly #cluster: ClusterCheck;
  /** Work in the background, by endpoint. */
  readonly #probes = new Map<Endpoint, Promise<void>>();
  readonly #closing = new AbortController();

  /** Throws TypeError for an invalid URL. */
  constructor(options: EndpointsOptions) {
    const { urls, random, clock = systemClock, requestTimeoutMs: timeoutMs = 8_000, callTimeoutMs = 20_000, resolve } = options;
    const { connections = 8, maxResponseBytes = 5 << 20, requestsPerSecond = 150, sendsPerSecond = 100 } = options;
    const { onEndpoint = () => undefined, openTransport = (to: JsonRpcOptions) => new HttpJsonRpc(to) } = options;
    this.#clock = clock;
    this.#callTimeoutMs = callTimeoutMs;
    this.#all = parseEndpointUrls(urls).map((url) => {
      const transport = openTransport({
        url,
        clock,
        connections,
        maxWaiting: MOST_WAITING,
        timeoutMs,
        maxResponseBytes,
        resolve,
      });
      const rates = { requestsPerSecond, sendsPerSecond };
      const rpc = new RateLimitedRpc(transport, { rates, clock, timeoutMs, maxWaiting: MOST_WAITING });
      return new Endpoint(url, rpc, { clock, random, onEndpoint }, (endpoint, slot, method) => {
        // A ledger that confirms nothing may still make blocks.
        if (method !== STATUSES) this.#progress.note(endpoint, slot, clock.monotonic());
        this.#slots.note(endpoint, slot);
      });
    });
    this.#slots = new SlotComparison({ clock, all: this.#all });
    this.#cluster = new ClusterCheck(this.#all, async (endpoint, work) => {
      await this.#probes.get(endpoint);
      if (!this.#closing.signal.aborted) await this.#probe(endpoint, work);
    });
  }

  /**
   * Does the work on the first healthy endpoint that succeeds, within the deadline of one call. Throws the AgentError of the endpoint, or
   * LEDGER__NO_ENDPOINT with all their problems. An endpoint whose answer a later one contradicts is quarantined.
   */
  async onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const failures: Failure[] = [];
    const tryAll = async (inner: AbortSignal): Promise<T> => {
      const attempt = (endpoint: Endpoint) => this.#attempt(endpoint, work, inner, signal);
      const served = await firstOf(this.#healthy(), attempt, failures, inner);
      if (served !== undefined) return served.value;
      // A quarantined endpoint does not outvote all that serve.
      const allAgree = failures.length > 0 && failures.every(({ error }) => error.options.ifContradicted !== undefined);
      const late = allAgree ? undefined : await firstOf(this.#fallbacks('reads'), attempt, failures, inner);
      if (late === undefined) throw noEndpointError(failures, this.#all, 'reads');
      return late.value;
    };
    try {
      return await withDeadline(this.#callTimeoutMs, signal, tryAll, this.#clock);
    } catch (error) {
      signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      throw error instanceof DeadlineExceeded ? noEndpointError(failures, this.#all, 'reads') : error;
    }
  }

  /** Sends to every endpoint that takes sends at once; to the fallbacks when none does; to none once closed. */
  onEvery<T>(work: EndpointWork<T>, signal: AbortSignal): readonly Promise<T | EndpointError>[] {
    if (this.#closing.signal.aborted) return [];
    this.#beginDueProbes();
    const healthy = this.#all.filter(({ takesSends }) => takesSends);
    return (healthy.length > 0 ? healthy : this.#fallbacks('sends')).map((endpoint) =>
      this.#attempt(endpoint, work, signal).catch((error: unknown) => {
        if (error instanceof EndpointError) return error;
        throw error;
      }),
    );
  }

  /** Why a transaction can be sent to none of them. */
  noEndpointError(): AgentError {
    return noEndpointError([], this.#all, 'sends');
  }

  /** This endpoint has our device. Compares the clusters of the others with its own, in the background. */
  verifyCluster(endpoint: AskedEndpoint): void {
    this.#cluster.verify(endpoint);
  }

  slotProgress(): SlotProgress | undefined {
    return this.#progress.progress;
  }

  /** A write was confirmed. */
  noteConfirmation(): void {
    this.#progress.confirmed(this.#clock.monotonic());
  }

  traffic(): readonly EndpointTraffic[] {
    return this.#all.map((endpoint) => ({ endpoint: endpoint.url.name, ...endpoint.counts() }));
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort(new Stopped('the connection to the ledger is closed'));
    await Promise.all(this.#all.map((endpoint) => endpoint.close()));
    await Promise.all(this.#probes.values());
  }

  #healthy(): readonly Endpoint[] {
    this.#closing.signal.throwIfAborted();
    this.#beginDueProbes();
    return this.#all.filter(({ serves }) => serves);
  }

  /** Quarantined endpoints that may be asked while no other one is left. */
  #fallbacks(kind: 'reads' | 'sends'): readonly Endpoint[] {
    return this.#all.filter((endpoint) => endpoint.isFallbackFor(kind)).sort((a, b) => a[kind].dueAt - b[kind].dueAt);
  }

  /** `caller` aborts when the caller gives up. `signal` may also abort because the endpoint exceeded a deadline. */
  async #attempt<T>(endpoint: Endpoint, work: EndpointWork<T>, signal: AbortSignal, caller: AbortSignal = signal): Promise<T> {
    const askedAt = endpoint.reads.now;
    try {
      return await work(endpoint, signal);
    } catch (error) {
      // A call that its caller gave up, or that closing cut off, says nothing about the endpoint.
      const counts = !caller.aborted && !this.#closing.signal.aborted;
      if (counts && error instanceof EndpointError) {
        if (error.topic !== SEND) this.#slots.forget(endpoint);
        if (error.options.quarantine !== false) endpoint.quarantine(error, askedAt);
        else if (isRefusal(error) && error.topic !== SEND) this.#probeIfSilent(endpoint);
      }
      throw error;
    }
  }

  #beginDueProbes(): void {
    // The first one that serves is about to be asked anyway; without any, the call itself tries the fallbacks.
    const first = this.#all.find(({ serves }) => serves);
    for (const endpoint of this.#all) {
      const { reads, pendingRecheck } = endpoint;
      if (this.#probes.has(endpoint) || (first === undefined && pendingRecheck === undefined)) continue;
      const isDue = endpoint.serves ? endpoint !== first && reads.quietFor(PROBE_INTERVAL_MS) : reads.due;
      if (isDue) void this.#probe(endpoint, pendingRecheck === undefined ? readSlot : recheckOf(endpoint));
    }
  }

  /** An endpoint may refuse one method and serve the others. One that refuses its slot as well serves nothing. */
  #probeIfSilent(endpoint: Endpoint): void {
    if (endpoint.serves && endpoint.reads.quietFor(PROBE_INTERVAL_MS) && !this.#probes.has(endpoint)) void this.#probe(endpoint, readSlot);
  }

  /** Does the work in the background; an error quarantines the endpoint. Never rejects. */
  #probe(endpoint: Endpoint, work: EndpointWork<unknown>): Promise<void> {
    const probe = this.#attempt(endpoint, work, this.#closing.signal)
      .catch(() => undefined)
      .then(() => void this.#probes.delete(endpoint));
    this.#probes.set(endpoint, probe);
    return probe;
  }
}

/** An endpoint that failed a call. */
interface Failure {
  readonly endpoint: Endpoint;
  readonly error: EndpointError;
}

/**
 * The value of the first endpoint that succeeds; undefined when each has failed. Adds to `failures`, and quarantines the failed endpoints that the
 * success contradicts.
 */
async function firstOf<T>(
  endpoints: readonly Endpoint[],
  attempt: (endpoint: Endpoint) => Promise<T>,
  failures: Failure[],
  signal: AbortSignal,
): Promise<{ readonly value: T } | undefined> {
  for (const endpoint of endpoints) {
    try {
      const value = await attempt(endpoint);
      for (const { endpoint: other, error } of failures)
        if (error.options.ifContradicted !== undefined) other.quarantine(error.options.ifContradicted);
      return { value };
    } catch (error) {
      if (!(error instanceof EndpointError)) throw error;
      failures.push({ endpoint, error });
      signal.throwIfAborted();
    }
  }
  return undefined;
}

/** One error for a call that no endpoint could serve: the endpoint's own where that says more, else all problems in one line. */
function noEndpointError(failures: readonly Pick<Failure, 'error'>[], all: readonly Endpoint[], kind: 'reads' | 'sends'): AgentError {
  const errors =
    failures.length > 0
      ? failures.map(({ error }) => error.error)
      : all.flatMap((endpoint) => (kind === 'sends' ? endpoint.sends.error : undefined) ?? endpoint.reads.error ?? []);
  const [first, ...rest] = errors;
  if (first === undefined) return new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none can be asked' });
  const alike = rest.every((error) => error.class === first.class);
  if (rest.length === 0 || (alike && first.class !== 'retry-later')) return first;
  return new AgentError(
    'LEDGER__NO_ENDPOINT',
    { problems: errors.map(({ message }) => message).join('; ') },
    { cause: new AggregateError(errors) },
  );
}

/** The endpoint answered that it does not serve the request. */
function isRefusal({ error: { code } }: EndpointError): boolean {
  return code === 'LEDGER__UNSUPPORTED' || code === 'LEDGER__REQUEST_REFUSED' || code === 'LEDGER__NODE_ERROR';
}

/** The cheapest request: an endpoint that refuses it is quarantined, until it answers for a slot. */
const readSlot: EndpointWork<unknown> = async (endpoint, signal) => {
  try {
    await endpoint.ask({ method: 'getEpochInfo', params: [{ commitment: 'confirmed' }] }, readEpochInfo, signal);
  } catch (error) {
    throw error instanceof EndpointError && isRefusal(error) ? new EndpointError(error.error, SLOTS) : error;
  }
};

/** Repeats the work at which the endpoint failed. An error that a second endpoint had to contradict stands when it recurs. */
const recheckOf =
  (endpoint: Endpoint): EndpointWork<void> =>
  async (asked, signal) => {
    try {
      await endpoint.pendingRecheck?.options.recheck?.(asked, signal);
    } catch (error) {
      throw error instanceof EndpointError ? (error.options.ifContradicted ?? error) : error;
    }
    endpoint.release();
  };

/**
 * Work whose result shows whether the endpoint has our device as it should. A result that `verifyAccounts` rejects may be what the ledger
 * holds; once another endpoint's result passes, it was the endpoint's error.
 */
export function verified<T>(
  work: EndpointWork<T>,
  verifyAccounts: (result: T) => void,
  onVerified: (endpoint: AskedEndpoint) => void,
): EndpointWork<T> {
  const verifiedWork: EndpointWork<T> = async (endpoint, signal) => {
    const result = await work(endpoint, signal);
    try {
      verifyAccounts(result);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      const own = new AgentError('LEDGER__WITHOUT_DEVICE', { endpoint: endpoint.url.name, problem: error.message }, { cause: error });
      const ifContradicted = new EndpointError(own, 'device', { recheck: verifiedWork });
      throw new EndpointError(error, 'device', { quarantine: false, ifContradicted });
    }
    onVerified(endpoint);
    return result;
  };
  return verifiedWork;
}

/**
 * Compares genesis hashes. No configuration is needed: the first endpoint that has our device sets the reference. A single endpoint is not
 * asked, since there is nothing to compare with.
 */
class ClusterCheck {
  readonly #all: readonly Endpoint[];
  readonly #inBackground: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<void>;
  readonly #identified = new Set<AskedEndpoint>();
  #reference: { readonly hash: string; readonly of: string } | undefined;
  #isAsking = false;

  constructor(all: readonly Endpoint[], inBackground: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<void>) {
    this.#all = all;
    this.#inBackground = inBackground;
  }

  /** `reference` has our device. Asks the endpoints whose cluster is not known yet; an error quarantines them. */
  verify(reference: AskedEndpoint): void {
    if (this.#isAsking || this.#all.length === 1 || this.#identified.size === this.#all.length) return;
    this.#isAsking = true;
    void this.#askAll(reference).finally(() => {
      this.#isAsking = false;
    });
  }

  async #askAll(reference: AskedEndpoint): Promise<void> {
    for (const endpoint of this.#all.toSorted((a, b) => Number(b === reference) - Number(a === reference))) {
      // Without the one to compare with, the others would have to be asked twice.
      if (endpoint !== reference && this.#reference === undefined) return;
      if (endpoint.serves && !this.#identified.has(endpoint)) await this.#inBackground(endpoint, this.#identify(reference));
    }
  }

  #identify(reference: AskedEndpoint): EndpointWork<void> {
    return async (endpoint, signal) => {
      const hash = await endpoint.ask({ method: 'getGenesisHash', params: [] }, readGenesisHash, signal);
      this.#identified.add(endpoint);
      if (endpoint === reference) this.#reference ??= { hash, of: endpoint.url.name };
      if (this.#reference === undefined || this.#reference.hash === hash) return;
      const { hash: expected, of } = this.#reference;
      const error = new AgentError('LEDGER__OTHER_CLUSTER', { endpoint: endpoint.url.name, actual: hash, reference: of, expected });
      throw new EndpointError(error, 'cluster', { recheck: this.#identify(reference) });
    };
  }
}

/** More slots than this behind another endpoint, and the answers are too old to decide by. */
export const MAX_LAG_SLOTS = 50n;
/** Older answers of an endpoint do not count. */
const RECENT_MS = 60_000;
const SLOTS = 'slots';

/**
 * Finds the endpoints that lag: the newest slot of the healthy ones counts. After a rollback of the ledger each endpoint in turn replaces its
 * own slot by an older one, so the comparison settles by itself. The agent's view goes back only after two minutes: see RollbackWatch.
 */
export class SlotComparison {
  readonly #clock: Clock;
  readonly #all: readonly Endpoint[];
  readonly #latest = new Map<Endpoint, { readonly slot: Slot; readonly at: MonotonicMs }>();

  constructor({ clock, all }: { readonly clock: Clock; readonly all: readonly Endpoint[] }) {
    this.#clock = clock;
    this.#all = all;
  }

  /** The endpoint failed: until it answers again, no other one lags behind it. */
  forget(endpoint: Endpoint): void {
    this.#latest.delete(endpoint);
  }

  /** Notes the slot of an answer. Throws EndpointError when another healthy endpoint is more than 50 slots ahead. */
  note(endpoint: Endpoint, slot: Slot): void {
    const now = this.#clock.monotonic();
    this.#latest.set(endpoint, { slot, at: now });
    let newest: Slot = slot;
    for (const other of this.#all) {
      const latest = other.serves ? this.#latest.get(other) : undefined;
      if (latest !== undefined && now - latest.at < RECENT_MS && latest.slot > newest) newest = latest.slot;
    }
    const slots = newest - slot;
    if (slots > MAX_LAG_SLOTS) {
      const error = new AgentError('LEDGER__LAGGING', { endpoint: endpoint.url.name, slots });
      throw new EndpointError(error, SLOTS);
    }
    if (endpoint.reads.healthy) endpoint.reads.succeeded(SLOTS, now);
  }
}

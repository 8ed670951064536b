import {
  AgentError,
  type Clock,
  DeadlineExceeded,
  isAgentError,
  type MonotonicMs,
  type Random,
  Stopped,
  withDeadline,
} from '../lib/index.ts';
import { isAddress, type Slot } from '../serviceability/index.ts';
import { type AskedEndpoint, Endpoint, EndpointError, type EndpointEvent, type EndpointWork } from './endpoint.ts';
import { Malformed } from './json.ts';
import { RateLimitedRpc, type RateLimiterCounts, type RequestRates } from './rate-limit.ts';
import { readEpochInfo } from './responses.ts';
import { createJsonRpc, type JsonRpc, type JsonRpcOptions, parseEndpointUrls, type Resolve } from './transport.ts';

/** Whether all endpoints belong to the cluster on which our device lives. */
interface ClusterCheck {
  /** This endpoint has our device, so its cluster is the right one. Those that have not told theirs yet are asked, in the background. */
  verifyCluster(endpoint: AskedEndpoint): void;
}

interface ClusterCheckOptions {
  readonly all: readonly Endpoint[];
  /** Does the work on an endpoint beside whatever else goes on; what it throws sets the endpoint aside. Never rejects. */
  readonly inBackground: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<void>;
}

/**
 * Compares genesis hashes. Nobody has to configure one: the first endpoint that has our device gives it. A single endpoint is not asked, since
 * there is nothing to compare with.
 */
function createClusterCheck({ all, inBackground }: ClusterCheckOptions): ClusterCheck {
  const told = new Set<AskedEndpoint>();
  let right: { readonly hash: string; readonly of: string } | undefined;
  let asking = false;

  const identify =
    (reference: AskedEndpoint): EndpointWork<void> =>
    async (endpoint, _, signal) => {
      const hash = await endpoint.ask({ method: 'getGenesisHash', params: [] }, readGenesisHash, signal);
      told.add(endpoint);
      if (endpoint === reference) right ??= { hash, of: endpoint.url.name };
      if (right === undefined || right.hash === hash) return;
      const error = new AgentError('LEDGER__OTHER_CLUSTER', {
        endpoint: endpoint.url.name,
        actual: hash,
        reference: right.of,
        expected: right.hash,
      });
      const verdict = { quarantine: true, tryNext: true, mayHaveActed: false };
      throw new EndpointError(error, verdict, 'cluster', { recheck: identify(reference) });
    };

  async function askAll(reference: AskedEndpoint): Promise<void> {
    for (const endpoint of all.toSorted((a, b) => Number(b === reference) - Number(a === reference))) {
      // Without the one to compare with, the others would have to be asked twice.
      if (endpoint !== reference && right === undefined) return;
      if (endpoint.serves && !told.has(endpoint)) await inBackground(endpoint, identify(reference));
    }
  }

  return {
    verifyCluster(endpoint) {
      if (asking || all.length === 1 || told.size === all.length) return;
      asking = true;
      void askAll(endpoint).finally(() => {
        asking = false;
      });
    },
  };
}

/** getGenesisHash: 32 bytes of base58. */
export function readGenesisHash(result: unknown): string {
  if (!isAddress(result)) throw new Malformed('the genesis hash is not 32 bytes of base58');
  return result;
}

/** One error for a call that no endpoint could serve: the endpoint's own where that says more, else all problems in one line. */
function noEndpoint(faults: readonly EndpointError[], all: readonly Endpoint[]): AgentError {
  const errors = faults.length > 0 ? faults.map(({ error }) => error) : all.flatMap(({ health }) => health.error ?? []);
  const [first, ...rest] = errors;
  if (first === undefined) return new AgentError('LEDGER__NO_ENDPOINT', { problems: 'none answered in time' });
  const alike = rest.every((error) => error.class === first.class);
  if (rest.length === 0 || (alike && first.class !== 'retry-later')) return first;
  return new AgentError(
    'LEDGER__NO_ENDPOINT',
    { problems: errors.map(({ message }) => message).join('; ') },
    { cause: new AggregateError(errors) },
  );
}

/** What is asked of endpoints beside the calls, to know in time which of them are good. */
interface Probes {
  /** Begins the probes that are due. */
  beginDue(): void;
  /** Does the work beside the calls; what it throws sets the endpoint aside. Never rejects. */
  begin(endpoint: Endpoint, work: EndpointWork<unknown>): Promise<void>;
  /** The end of what goes on at this endpoint, if anything does. */
  of(endpoint: Endpoint): Promise<void> | undefined;
  ended(): Promise<void>;
}

interface ProbesOptions {
  readonly all: readonly Endpoint[];
  /** Does the work, and sets the endpoint aside for what it throws. */
  readonly attempt: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<unknown>;
}

/** A healthy endpoint that nobody asks is probed this often, so that one that lags is found out before it is needed. */
const PROBE_QUIET_AFTER_MS = 10_000;

function createProbes({ all, attempt }: ProbesOptions): Probes {
  const underWay = new Map<Endpoint, Promise<void>>();

  function begin(endpoint: Endpoint, work: EndpointWork<unknown>): Promise<void> {
    const probe = attempt(endpoint, work)
      .catch(() => undefined)
      .then(() => void underWay.delete(endpoint));
    underWay.set(endpoint, probe);
    return probe;
  }

  return {
    beginDue() {
      // The first one that serves is about to be asked anyway; without any, the call itself tries those that it may.
      const serving = all.find(({ serves }) => serves);
      for (const endpoint of all) {
        const { health, doubt } = endpoint;
        if (underWay.has(endpoint) || (serving === undefined && doubt === undefined)) continue;
        const wanted = endpoint.serves ? endpoint !== serving && health.quietFor(PROBE_QUIET_AFTER_MS) : health.due;
        if (wanted) void begin(endpoint, doubt === undefined ? probeWork : recheckOf(endpoint));
      }
    },
    begin,
    of: (endpoint) => underWay.get(endpoint),
    async ended() {
      await Promise.all(underWay.values());
    },
  };
}

const probeWork: EndpointWork<void> = async (endpoint, note, signal) => {
  const { slot } = await endpoint.ask({ method: 'getEpochInfo', params: [{ commitment: 'confirmed' }] }, readEpochInfo, signal);
  note(slot);
};

/** Has it repeat what it failed at. A fault that needs a second endpoint to be one stands while it is repeated. */
const recheckOf =
  (endpoint: Endpoint): EndpointWork<void> =>
  async (asked, note, signal) => {
    try {
      await endpoint.doubt?.more.recheck?.(asked, note, signal);
    } catch (error) {
      throw error instanceof EndpointError ? (error.more.ifContradicted ?? error) : error;
    }
    endpoint.release();
  };

/**
 * Work whose result shows whether the endpoint has our device as it should. A result that fails `prove` may be the truth, or the endpoint's
 * own: it is the endpoint's fault as soon as another one passes.
 */
export function verified<T>(
  work: EndpointWork<T>,
  verifyAccounts: (result: T) => void,
  onVerified: (endpoint: AskedEndpoint) => void,
): EndpointWork<T> {
  const verifiedWork: EndpointWork<T> = async (endpoint, note, signal) => {
    const result = await work(endpoint, note, signal);
    try {
      verifyAccounts(result);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      const own = new AgentError('LEDGER__WITHOUT_DEVICE', { endpoint: endpoint.url.name, problem: error.message }, { cause: error });
      const ifContradicted = new EndpointError(own, { quarantine: true, tryNext: true, mayHaveActed: false }, 'device', {
        recheck: verifiedWork,
      });
      throw new EndpointError(error, { quarantine: false, tryNext: true, mayHaveActed: false }, 'device', { ifContradicted });
    }
    onVerified(endpoint);
    return result;
  };
  return verifiedWork;
}

/** More slots than this behind another endpoint, and the answers are too old to decide by. */
const MAX_LAG_SLOTS = 50n;
/** What an endpoint answered longer ago does not count. */
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
      throw new EndpointError(error, { quarantine: true, tryNext: true, mayHaveActed: false }, SLOTS);
    }
    if (endpoint.health.healthy) endpoint.health.succeeded(SLOTS, now);
  }
}

interface EndpointsOptions {
  /** In order of preference. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** Upper bound for one request to one endpoint, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Upper bound for one call, whatever number of endpoints it has to try, milliseconds. */
  readonly callTimeoutMs: number;
  /** Most sockets to one endpoint. */
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly onEndpoint: (event: EndpointEvent) => void;
  readonly rates: RequestRates;
  readonly resolve?: Resolve | undefined;
  /** What carries the requests to an endpoint; HTTP without it. */
  readonly openTransport?: ((options: JsonRpcOptions) => JsonRpc) | undefined;
}

interface Endpoints {
  /**
   * Does the work on the first healthy endpoint that manages it, within the deadline of one call. Throws the AgentError of the endpoint, or
   * LEDGER__NO_ENDPOINT with all their problems. An endpoint whose answer a later one contradicts is set aside.
   */
  onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T>;
  /** Does the work on every healthy endpoint at once; on those that may be tried as a last resort when none is; on none once closed. */
  onEvery<T>(work: EndpointWork<T>, signal: AbortSignal): readonly Promise<T | EndpointError>[];
  /** This endpoint has our device: those of other clusters are found out, in the background, and set aside. */
  verifyCluster(endpoint: AskedEndpoint): void;
  traffic(): readonly EndpointTraffic[];
  close(): Promise<void>;
}

/** What was asked of one endpoint since it was opened, and what its rates did to it. */
export interface EndpointTraffic extends RateLimiterCounts {
  readonly endpoint: string;
}

/** Most requests that wait for a free connection to one endpoint. */
const MOST_WAITING = 1024;

/**
 * Several RPC endpoints as one. An endpoint that fails or lags is set aside, probed in the background once its backoff is over, and used
 * again when a probe succeeds. Nothing runs between calls: they start the probes that are due.
 */
export function createEndpoints(options: EndpointsOptions): Endpoints {
  const { clock, random, onEndpoint, openTransport = createJsonRpc } = options;
  const all = parseEndpointUrls(options.urls).map((url) => {
    const { connections, maxResponseBytes, requestTimeoutMs: timeoutMs, rates, resolve } = options;
    const transport = openTransport({ url, clock, connections, maxWaiting: MOST_WAITING, timeoutMs, maxResponseBytes, resolve });
    const rpc = new RateLimitedRpc(transport, { rates, clock, timeoutMs, maxWaiting: MOST_WAITING });
    return new Endpoint(url, rpc, { clock, random, onEndpoint });
  });
  const closing = new AbortController();
  const slots = new SlotComparison({ clock, all });

  const attempt = async <T>(endpoint: Endpoint, work: EndpointWork<T>, signal: AbortSignal, isCancelled: () => boolean): Promise<T> => {
    try {
      return await work(endpoint, (slot) => slots.note(endpoint, slot), signal);
    } catch (error) {
      // A call that its caller gave up, or that we cut off ourselves, says nothing about the endpoint.
      const isTelling = !isCancelled() && !closing.signal.aborted;
      if (isTelling && error instanceof EndpointError && error.verdict.quarantine) endpoint.quarantine(error);
      throw error;
    }
  };

  const probes = createProbes({ all, attempt: (endpoint, work) => attempt(endpoint, work, closing.signal, () => false) });
  const cluster = createClusterCheck({
    all,
    inBackground: async (endpoint, work) => {
      await probes.of(endpoint);
      if (!closing.signal.aborted) await probes.begin(endpoint, work);
    },
  });

  const candidates = (): readonly Endpoint[] => {
    closing.signal.throwIfAborted();
    probes.beginDue();
    return all.filter(({ serves }) => serves);
  };
  const fallbacks = (): readonly Endpoint[] =>
    all.filter(({ health, doubt }) => health.lastResort && doubt === undefined).sort((a, b) => a.health.dueAt - b.health.dueAt);

  return {
    async onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T> {
      signal.throwIfAborted();
      const faults: EndpointError[] = [];
      const contradictable: (() => void)[] = [];
      const firstToManage = async (endpoints: readonly Endpoint[], inner: AbortSignal): Promise<{ readonly value: T } | undefined> => {
        for (const endpoint of endpoints) {
          try {
            const value = await attempt(endpoint, work, inner, () => signal.aborted);
            for (const contradict of contradictable) contradict();
            return { value };
          } catch (error) {
            if (!(error instanceof EndpointError)) throw error;
            if (!error.verdict.tryNext) throw error.error;
            faults.push(error);
            const { ifContradicted } = error.more;
            if (ifContradicted !== undefined) contradictable.push(() => endpoint.quarantine(ifContradicted));
            inner.throwIfAborted();
          }
        }
        return undefined;
      };
      try {
        const tryAll = async (inner: AbortSignal): Promise<T> => {
          const done = await firstToManage(candidates(), inner);
          if (done !== undefined) return done.value;
          // Who was set aside has no say against all those that serve.
          const agreed = faults.length > 0 && faults.length === contradictable.length;
          const late = agreed ? undefined : await firstToManage(fallbacks(), inner);
          if (late === undefined) throw noEndpoint(faults, all);
          return late.value;
        };
        return await withDeadline(options.callTimeoutMs, signal, tryAll, clock);
      } catch (error) {
        signal.throwIfAborted();
        closing.signal.throwIfAborted();
        throw error instanceof DeadlineExceeded ? noEndpoint(faults, all) : error;
      }
    },

    onEvery(work, signal) {
      if (closing.signal.aborted) return [];
      const healthy = candidates();
      return (healthy.length > 0 ? healthy : fallbacks()).map(async (endpoint) => {
        try {
          return await attempt(endpoint, work, signal, () => signal.aborted);
        } catch (error) {
          if (error instanceof EndpointError) return error;
          throw error;
        }
      });
    },

    verifyCluster: cluster.verifyCluster,
    traffic: () => all.map((endpoint) => ({ endpoint: endpoint.url.name, ...endpoint.counts() })),

    async close() {
      if (!closing.signal.aborted) closing.abort(new Stopped('the connection to the ledger is closed'));
      await Promise.all(all.map((endpoint) => endpoint.close()));
      await probes.ended();
    },
  };
}

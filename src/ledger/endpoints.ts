import { AgentError, type Clock, DeadlineExceeded, type Random, Stopped, withDeadline } from '../platform/index.ts';
import type { Slot } from '../serviceability/index.ts';
import type { Resolve } from './address-book.ts';
import { createEndpoint, type Endpoint, noteSlot } from './endpoint.ts';
import type { EndpointEvent } from './endpoint-health.ts';
import { parseEndpointUrls } from './endpoint-url.ts';
import { EndpointFault } from './faults.ts';
import { createJsonRpc, type JsonRpc, type JsonRpcOptions } from './json-rpc.ts';
import { paceRpc } from './paced-rpc.ts';
import type { RateLimiterCounts, RequestRates } from './rate-limiter.ts';
import { readEpochInfo } from './read-results.ts';

export interface EndpointsOptions {
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

/** How work on one endpoint tells for which slot it was answered. Throws EndpointFault when that slot lies too far behind the others. */
export type NoteSlot = (slot: Slot) => void;
export type EndpointWork<T> = (endpoint: Endpoint, noteSlot: NoteSlot, signal: AbortSignal) => Promise<T>;

export interface Endpoints {
  /**
   * Does the work on the first healthy endpoint that manages it, within the deadline of one call. Throws the AgentError of the endpoint, or
   * LEDGER__NO_ENDPOINT with all their problems.
   */
  onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T>;
  /** Does the work on every healthy endpoint at once; on those that may be tried as a last resort when none is; on none once closed. */
  onEvery<T>(work: EndpointWork<T>, signal: AbortSignal): readonly Promise<T | EndpointFault>[];
  traffic(): readonly EndpointTraffic[];
  close(): Promise<void>;
}

/** What was asked of one endpoint since it was opened, and what its rates did to it. */
export interface EndpointTraffic extends RateLimiterCounts {
  readonly endpoint: string;
}

/** Most requests that wait for a free connection to one endpoint. */
const MOST_WAITING = 1024;
/** A healthy endpoint that nobody asks is probed this often, so that one that lags is found out before it is needed. */
const PROBE_QUIET_AFTER_MS = 10_000;

/**
 * Several RPC endpoints as one. An endpoint that fails or lags is set aside, probed in the background once its backoff is over, and used
 * again when a probe succeeds. Nothing runs between calls: they start the probes that are due.
 */
export function createEndpoints(options: EndpointsOptions): Endpoints {
  const { clock, random, onEndpoint, openTransport = createJsonRpc } = options;
  const all = parseEndpointUrls(options.urls).map((url) => {
    const { connections, maxResponseBytes, requestTimeoutMs: timeoutMs, rates, resolve } = options;
    const transport = openTransport({ url, clock, connections, maxWaiting: MOST_WAITING, timeoutMs, maxResponseBytes, resolve });
    const rpc = paceRpc(transport, { rates, clock, timeoutMs, maxWaiting: MOST_WAITING });
    return createEndpoint(url, rpc, { clock, random, onEndpoint });
  });
  const probes = new Map<Endpoint, Promise<void>>();
  const closing = new AbortController();

  const attempt = async <T>(endpoint: Endpoint, work: EndpointWork<T>, signal: AbortSignal, isCancelled: () => boolean): Promise<T> => {
    try {
      return await work(endpoint, (slot) => noteSlot(endpoint, slot, all), signal);
    } catch (error) {
      // A call that its caller gave up, or that we cut off ourselves, says nothing about the endpoint.
      const isTelling = !isCancelled() && !closing.signal.aborted;
      if (isTelling && error instanceof EndpointFault && error.verdict.setAside) endpoint.health.failed(error);
      throw error;
    }
  };

  const startProbes = (): void => {
    // The first healthy one is about to be asked anyway; without any, the call itself tries the others.
    const serving = all.find(({ health }) => health.healthy);
    if (serving === undefined) return;
    for (const endpoint of all) {
      const { health } = endpoint;
      const wanted = health.healthy ? endpoint !== serving && health.quietFor(PROBE_QUIET_AFTER_MS) : health.due;
      if (!wanted || probes.has(endpoint)) continue;
      const probe = attempt(endpoint, probeWork, closing.signal, () => false)
        .catch(() => undefined)
        .then(() => void probes.delete(endpoint));
      probes.set(endpoint, probe);
    }
  };

  const candidates = (): readonly Endpoint[] => {
    closing.signal.throwIfAborted();
    startProbes();
    return all.filter(({ health }) => health.healthy);
  };
  const lastResorts = (): readonly Endpoint[] =>
    all.filter(({ health }) => health.lastResort).sort((a, b) => a.health.dueAt - b.health.dueAt);

  return {
    async onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T> {
      signal.throwIfAborted();
      const faults: EndpointFault[] = [];
      const firstToManage = async (endpoints: readonly Endpoint[], inner: AbortSignal): Promise<{ readonly value: T } | undefined> => {
        for (const endpoint of endpoints) {
          try {
            return { value: await attempt(endpoint, work, inner, () => signal.aborted) };
          } catch (error) {
            if (!(error instanceof EndpointFault)) throw error;
            if (!error.verdict.tryNext) throw error.error;
            faults.push(error);
            inner.throwIfAborted();
          }
        }
        return undefined;
      };
      try {
        const tryAll = async (inner: AbortSignal): Promise<T> => {
          const done = (await firstToManage(candidates(), inner)) ?? (await firstToManage(lastResorts(), inner));
          if (done === undefined) throw noEndpoint(faults, all);
          return done.value;
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
      return (healthy.length > 0 ? healthy : lastResorts()).map(async (endpoint) => {
        try {
          return await attempt(endpoint, work, signal, () => signal.aborted);
        } catch (error) {
          if (error instanceof EndpointFault) return error;
          throw error;
        }
      });
    },

    traffic: () => all.map((endpoint) => ({ endpoint: endpoint.url.name, ...endpoint.counts() })),

    async close() {
      if (!closing.signal.aborted) closing.abort(new Stopped('the connection to the ledger is closed'));
      await Promise.all(all.map((endpoint) => endpoint.close()));
      await Promise.all(probes.values());
    },
  };
}

async function probeWork(endpoint: Endpoint, note: NoteSlot, signal: AbortSignal): Promise<void> {
  const { slot } = await endpoint.ask({ method: 'getEpochInfo', params: [{ commitment: 'confirmed' }] }, readEpochInfo, signal);
  note(slot);
}

/** One error for a call that no endpoint could serve: the endpoint's own where that says more, else all problems in one line. */
function noEndpoint(faults: readonly EndpointFault[], all: readonly Endpoint[]): AgentError {
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

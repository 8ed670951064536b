import { type Clock, DeadlineExceeded, type Random, Stopped, withDeadline } from '../lib/index.ts';
import type { Resolve } from './address-book.ts';
import { createClusterCheck } from './cluster-check.ts';
import { createEndpoint, type Endpoint } from './endpoint.ts';
import type { EndpointEvent } from './endpoint-health.ts';
import { parseEndpointUrls } from './endpoint-url.ts';
import type { AskedEndpoint, EndpointWork } from './endpoint-work.ts';
import { EndpointFault } from './faults.ts';
import { createJsonRpc, type JsonRpc, type JsonRpcOptions } from './json-rpc.ts';
import { noEndpoint } from './no-endpoint.ts';
import { paceRpc } from './paced-rpc.ts';
import { createProbes } from './probes.ts';
import type { RateLimiterCounts, RequestRates } from './rate-limiter.ts';
import { createSlotAgreement } from './slot-agreement.ts';

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

export interface Endpoints {
  /**
   * Does the work on the first healthy endpoint that manages it, within the deadline of one call. Throws the AgentError of the endpoint, or
   * LEDGER__NO_ENDPOINT with all their problems. An endpoint whose answer a later one contradicts is set aside.
   */
  onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T>;
  /** Does the work on every healthy endpoint at once; on those that may be tried as a last resort when none is; on none once closed. */
  onEvery<T>(work: EndpointWork<T>, signal: AbortSignal): readonly Promise<T | EndpointFault>[];
  /** This endpoint has our device: those of other clusters are found out, in the background, and set aside. */
  vouchFor(endpoint: AskedEndpoint): void;
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
    const rpc = paceRpc(transport, { rates, clock, timeoutMs, maxWaiting: MOST_WAITING });
    return createEndpoint(url, rpc, { clock, random, onEndpoint });
  });
  const closing = new AbortController();
  const slots = createSlotAgreement({ clock, all });

  const attempt = async <T>(endpoint: Endpoint, work: EndpointWork<T>, signal: AbortSignal, isCancelled: () => boolean): Promise<T> => {
    try {
      return await work(endpoint, (slot) => slots.note(endpoint, slot), signal);
    } catch (error) {
      // A call that its caller gave up, or that we cut off ourselves, says nothing about the endpoint.
      const isTelling = !isCancelled() && !closing.signal.aborted;
      if (isTelling && error instanceof EndpointFault && error.verdict.setAside) endpoint.setAside(error);
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
  const lastResorts = (): readonly Endpoint[] =>
    all.filter(({ health, doubt }) => health.lastResort && doubt === undefined).sort((a, b) => a.health.dueAt - b.health.dueAt);

  return {
    async onOne<T>(work: EndpointWork<T>, signal: AbortSignal): Promise<T> {
      signal.throwIfAborted();
      const faults: EndpointFault[] = [];
      const contradictable: (() => void)[] = [];
      const firstToManage = async (endpoints: readonly Endpoint[], inner: AbortSignal): Promise<{ readonly value: T } | undefined> => {
        for (const endpoint of endpoints) {
          try {
            const value = await attempt(endpoint, work, inner, () => signal.aborted);
            for (const contradict of contradictable) contradict();
            return { value };
          } catch (error) {
            if (!(error instanceof EndpointFault)) throw error;
            if (!error.verdict.tryNext) throw error.error;
            faults.push(error);
            const { ifContradicted } = error.more;
            if (ifContradicted !== undefined) contradictable.push(() => endpoint.setAside(ifContradicted));
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
          const late = agreed ? undefined : await firstToManage(lastResorts(), inner);
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
      return (healthy.length > 0 ? healthy : lastResorts()).map(async (endpoint) => {
        try {
          return await attempt(endpoint, work, signal, () => signal.aborted);
        } catch (error) {
          if (error instanceof EndpointFault) return error;
          throw error;
        }
      });
    },

    vouchFor: cluster.vouchFor,
    traffic: () => all.map((endpoint) => ({ endpoint: endpoint.url.name, ...endpoint.counts() })),

    async close() {
      if (!closing.signal.aborted) closing.abort(new Stopped('the connection to the ledger is closed'));
      await Promise.all(all.map((endpoint) => endpoint.close()));
      await probes.ended();
    },
  };
}

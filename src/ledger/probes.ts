import type { Endpoint } from './endpoint.ts';
import type { EndpointWork } from './endpoint-work.ts';
import { EndpointFault } from './faults.ts';
import { readEpochInfo } from './read-results.ts';

/** What is asked of endpoints beside the calls, to know in time which of them are good. */
export interface Probes {
  /** Begins the probes that are due. */
  beginDue(): void;
  /** Does the work beside the calls; what it throws sets the endpoint aside. Never rejects. */
  begin(endpoint: Endpoint, work: EndpointWork<unknown>): Promise<void>;
  /** The end of what goes on at this endpoint, if anything does. */
  of(endpoint: Endpoint): Promise<void> | undefined;
  ended(): Promise<void>;
}

export interface ProbesOptions {
  readonly all: readonly Endpoint[];
  /** Does the work, and sets the endpoint aside for what it throws. */
  readonly attempt: (endpoint: Endpoint, work: EndpointWork<unknown>) => Promise<unknown>;
}

/** A healthy endpoint that nobody asks is probed this often, so that one that lags is found out before it is needed. */
const PROBE_QUIET_AFTER_MS = 10_000;

export function createProbes({ all, attempt }: ProbesOptions): Probes {
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
      throw error instanceof EndpointFault ? (error.more.ifContradicted ?? error) : error;
    }
    endpoint.acquit();
  };

import type { AgentCounts, LedgerMeter } from '../../agent-counts.ts';
import { REQUEST_RESULTS } from '../../agent-counts.ts';
import type { AgentReporter } from '../../agent-reporter.ts';
import type { Instruments } from './instruments.ts';

export interface PartMetricsOptions {
  readonly instruments: Instruments;
  /** Names of the configured sources and endpoints. */
  readonly sources: readonly string[];
  readonly endpoints: readonly string[];
  /** Of the agent that runs; undefined until there is one. */
  readonly counts: () => AgentCounts | undefined;
}

export interface PartMetrics {
  readonly reporter: Pick<AgentReporter, 'source' | 'endpoint' | 'wakeUp' | 'defect'>;
  readonly meter: LedgerMeter;
}

const REQUEST_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Whatever the ledger client asks for. */
const METHODS = [
  'getBalance',
  'getEpochInfo',
  'getGenesisHash',
  'getLatestBlockhash',
  'getMultipleAccounts',
  'getProgramAccounts',
  'getRecentPerformanceSamples',
  'getSignatureStatuses',
  'sendTransaction',
  'simulateTransaction',
] as const;

/** What is counted of the parts that speak to others: sources, wake-ups, endpoints. */
export function createPartMetrics({ instruments, sources, endpoints, counts }: PartMetricsOptions): PartMetrics {
  const { counter, histogram, counting } = instruments;
  const sourceLosses = counter('source_losses_total', 'Times that a source was lost.', { source: sources });
  const endpointLosses = counter('endpoint_losses_total', 'Times that a ledger endpoint was lost.', { endpoint: endpoints });
  const wakeUps = counter('wake_ups_total', 'Hints of the switch that a session changed, by whether a poll was brought forward for them.', {
    result: ['woke', 'held-back'],
  });
  const wakeUpLosses = counter('wake_up_losses_total', 'Times that a source of wake-ups was lost.');
  const defects = counter('defects_total', 'Errors that should not happen, survived.');
  counting(
    'left_out_total',
    'What sources and wake-ups received and made nothing of, by the reason: ignored datagrams, duplicate sockets.',
    (set) => {
      for (const { part, counts: reasons } of counts()?.leftOut ?? [])
        for (const [reason, count] of Object.entries(reasons)) set(count, { part, reason });
    },
    ['part', 'reason'],
  );

  const requests = counter('rpc_requests_total', 'Requests to ledger endpoints that ended, by method and result.', {
    endpoint: endpoints,
    method: METHODS,
    result: REQUEST_RESULTS,
  });
  const requestSeconds = histogram(
    'rpc_request_duration_seconds',
    'Time from a request to a ledger endpoint to its answer.',
    REQUEST_BUCKETS,
    { method: METHODS },
  );
  const bytes = counter(
    'rpc_bytes_total',
    'Bodies of requests to ledger endpoints and of their answers, bytes as they went over the wire.',
    {
      endpoint: endpoints,
      direction: ['sent', 'received'],
    },
  );
  /** What the limit on an endpoint's requests did to it. */
  const ofEndpoint = (name: string, help: string, read: (traffic: AgentCounts['endpoints'][number]) => number): void =>
    counting(
      name,
      help,
      (set) => {
        for (const traffic of counts()?.endpoints ?? []) set(read(traffic), { endpoint: traffic.endpoint });
      },
      ['endpoint'],
    );
  ofEndpoint('rpc_delayed_requests_total', 'Requests that waited because of the limit of requests a second.', ({ delayed }) => delayed);
  ofEndpoint('rpc_delay_seconds_total', 'How long requests waited because of that limit.', ({ delayedMs }) => delayedMs / 1_000);
  ofEndpoint('rpc_abandoned_requests_total', 'Requests that gave up while they waited for that limit.', ({ gaveUp }) => gaveUp);
  ofEndpoint('rpc_refusals_total', 'Answers that we ask too often (HTTP 429).', ({ refused }) => refused);
  instruments.reading(
    'rpc_rate_ratio',
    'Share of the configured requests a second that is used now: below 1 after a refusal.',
    (set) => {
      for (const { endpoint, share } of counts()?.endpoints ?? []) set(share, { endpoint });
    },
    ['endpoint'],
  );

  return {
    reporter: {
      source: ({ source, state }) => (state === 'lost' ? sourceLosses.inc({ source }) : undefined),
      endpoint: ({ endpoint, state }) => (state === 'lost' ? endpointLosses.inc({ endpoint }) : undefined),
      wakeUp({ kind }) {
        if (kind === 'woke' || kind === 'held-back') wakeUps.inc({ result: kind });
        if (kind === 'lost') wakeUpLosses.inc();
      },
      defect: () => defects.inc(),
    },
    meter: {
      request({ endpoint, method, result, durationMs }) {
        requests.inc({ endpoint, method, result });
        requestSeconds.observe({ method }, durationMs / 1_000);
      },
      bytes: ({ endpoint, direction, bytes: count }) => bytes.inc({ endpoint, direction }, count),
    },
  };
}

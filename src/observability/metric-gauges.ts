import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Registry } from 'prom-client';
import { type AgentCounts, type LedgerMeter, REQUEST_RESULTS } from '../agent/counts.ts';
import { type AgentListener, createAgentEvents } from '../agent/events.ts';
import { type Clock, systemClock } from '../lib/index.ts';
import { type AgentStatus, FINDING_CODES, HALT_CAUSES, haltCause, type Verdict } from './findings.ts';
import { createInstruments, createSnapshotMetrics, createTickMetrics, createWriteMetrics, type Instruments } from './metric-families.ts';
import { HOLD_REASON_TEXT, UNOBSERVED_REASON_TEXT } from './text.ts';

const REQUEST_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Every method that the ledger client calls. */
const METHODS = [
  'getBalance',
  'getBlockTime',
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

/** Counters of the configured sources, triggers and ledger endpoints. `counts` is undefined before the first agent runs. */
function createPartMetrics(
  instruments: Instruments,
  parts: Pick<AgentStatus, 'sources' | 'endpoints'>,
  counts: () => AgentCounts | undefined,
) {
  const sources = parts.sources.map(({ name }) => name);
  const endpoints = parts.endpoints.map(({ name }) => name);
  const { counter, histogram, counting } = instruments;
  const sourceLosses = counter('source_losses_total', 'Times that a switch source failed.', { source: sources });
  const endpointLosses = counter('endpoint_losses_total', 'Times that a ledger endpoint failed.', { endpoint: endpoints });
  const triggers = counter(
    'wake_ups_total',
    'Triggers from the switch, by whether they started a poll or were dropped by the rate limit.',
    {
      result: ['woke', 'held-back'],
    },
  );
  const triggerLosses = counter('wake_up_losses_total', 'Times that a trigger source failed.');
  const internalErrors = counter('defects_total', 'Internal errors of the agent that it survived.');
  counting(
    'left_out_total',
    'Input that sources and triggers dropped or repaired, by reason: unmatched datagrams, duplicate sockets, flaws in JSON.',
    (set) => {
      for (const { part, counts: reasons } of counts()?.dropCounters ?? [])
        for (const [reason, count] of Object.entries(reasons)) set(count, { part, reason });
    },
    ['part', 'reason'],
  );

  const requests = counter('rpc_requests_total', 'Completed requests to ledger endpoints, by method and result.', {
    endpoint: endpoints,
    method: METHODS,
    result: REQUEST_RESULTS,
  });
  const requestSeconds = histogram(
    'rpc_request_duration_seconds',
    'Time from a request to a ledger endpoint to its response.',
    REQUEST_BUCKETS,
    { method: METHODS },
  );
  const bytes = counter('rpc_bytes_total', 'Bytes of request and response bodies on the wire, by ledger endpoint.', {
    endpoint: endpoints,
    direction: ['sent', 'received'],
  });
  /** Effects of an endpoint's rate limit. */
  const ofEndpoint = (name: string, help: string, read: (traffic: AgentCounts['endpoints'][number]) => number): void =>
    counting(
      name,
      help,
      (set) => {
        for (const traffic of counts()?.endpoints ?? []) set(read(traffic), { endpoint: traffic.endpoint });
      },
      ['endpoint'],
    );
  ofEndpoint('rpc_delayed_requests_total', 'Requests delayed by the limit of requests a second.', ({ delayed }) => delayed);
  ofEndpoint(
    'rpc_delay_seconds_total',
    'Time that requests waited for the limit of requests a second.',
    ({ delayedMs }) => delayedMs / 1_000,
  );
  ofEndpoint(
    'rpc_abandoned_requests_total',
    'Requests canceled while they waited for the limit of requests a second.',
    ({ gaveUp }) => gaveUp,
  );
  ofEndpoint('rpc_refusals_total', 'HTTP 429 responses of a ledger endpoint.', ({ refused }) => refused);
  instruments.reading(
    'rpc_rate_ratio',
    'Deprecated, removed in the next release: always 1. Use dzd_telemetry_rpc_refusals_total.',
    (set) => {
      for (const { endpoint } of counts()?.endpoints ?? []) set(1, { endpoint });
    },
    ['endpoint'],
  );

  return {
    listener: {
      source({ source, state, again }) {
        if (state === 'lost' && again !== true) sourceLosses.inc({ source });
      },
      endpoint({ endpoint, state, again }) {
        if (state === 'lost' && again !== true) endpointLosses.inc({ endpoint });
      },
      trigger({ kind }) {
        if (kind === 'woke' || kind === 'held-back') triggers.inc({ result: kind });
        if (kind === 'lost') triggerLosses.inc();
      },
      internalError: () => internalErrors.inc(),
    } satisfies AgentListener,
    meter: {
      request({ endpoint, method, result, durationMs }) {
        requests.inc({ endpoint, method, result });
        requestSeconds.observe({ method }, durationMs / 1_000);
      },
      bytes: ({ endpoint, direction, bytes: count }) => bytes.inc({ endpoint, direction }, count),
    } satisfies LedgerMeter,
  };
}

/** Readings of the operating system and Node.js about this process. */
const THIS_PROCESS = {
  /** User and system time. */
  cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  },
  memory: (): Pick<NodeJS.MemoryUsage, 'rss' | 'heapUsed' | 'external'> => process.memoryUsage(),
  /** Seconds since 1970. */
  startedAt: performance.timeOrigin / 1_000,
  /** Undefined without /proc. */
  openFiles(): number | undefined {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined;
    }
  },
  /** Time that the event loop has not been idle. */
  busySeconds: (): number => performance.eventLoopUtilization().active / 1_000,
};

export type ProcessReadings = typeof THIS_PROCESS;

/**
 * The standard metrics of a process. prom-client's own set has gauges that end in `_total`, and keeps a timer and an observer of the garbage
 * collector running.
 */
function registerProcessMetrics(registry: Registry, readings: ProcessReadings): void {
  const { value, counting } = createInstruments(registry, '');
  counting('process_cpu_seconds_total', 'User and system processor time of this process.', (set) => set(readings.cpuSeconds()));
  value('process_resident_memory_bytes', 'Resident memory of this process.', () => readings.memory().rss);
  value('process_start_time_seconds', 'When this process started.', () => readings.startedAt);
  value('process_open_fds', 'Open file descriptors of this process.', () => readings.openFiles());
  value('nodejs_heap_size_used_bytes', 'Used heap of JavaScript.', () => readings.memory().heapUsed);
  value('nodejs_external_memory_bytes', 'Memory of JavaScript objects outside the heap.', () => readings.memory().external);
  counting('nodejs_eventloop_busy_seconds_total', 'Time that the event loop was busy.', (set) => set(readings.busySeconds()));
}

interface LastReload {
  readonly successful: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Settings that alerts compare with; a reload may change them. */
interface MeasuredSettings {
  readonly refreshIntervalSeconds: number;
  readonly intervalSeconds: number;
  /** `ledger.viewIdleInterval`; 30 by default. */
  readonly idleIntervalSeconds?: number;
}

const VERDICTS: readonly Verdict[] = ['ok', 'warning', 'critical'];

/** Gauges of the agent's state at the moment of a scrape, read from its status. */
function registerStatusGauges(
  { reading, value, counts }: Instruments,
  status: () => AgentStatus,
  settings: () => MeasuredSettings,
  lastReload: () => LastReload | undefined,
): void {
  const partsUp = (name: string, help: string, label: string, parts: () => AgentStatus['sources']): void =>
    reading<string>(
      name,
      help,
      (set) => {
        for (const part of parts()) set(part.state === 'ok' ? 1 : 0, { [label]: part.name });
      },
      [label],
    );

  reading(
    'build_info',
    'Version, commit (empty in a checkout) and Node.js of the agent, and the network and device that it reports for.',
    (set) => {
      const { version, commit, node, network, device } = status();
      set(1, { version, commit: commit ?? '', node, network: network ?? '', device });
    },
    ['version', 'commit', 'node', 'network', 'device'],
  );
  reading(
    'device_info',
    'Code of the device on the ledger; empty until its account has been read.',
    (set) => set(1, { code: status().deviceCode ?? '' }),
    ['code'],
  );
  value('clock_timestamp_seconds', "Clock of the agent's host, the reference for ages.", () => status().now / 1_000);
  value('start_timestamp_seconds', 'When the agent started.', () => status().startedAt / 1_000);
  value('last_tick_timestamp_seconds', 'When the last tick ended; 0 before the first.', () => (status().lastTick?.at ?? 0) / 1_000);
  value('interval_seconds', 'collector.interval of the configuration.', () => settings().intervalSeconds);
  value('refresh_interval_seconds', 'policy.refreshInterval of the configuration.', () => settings().refreshIntervalSeconds);
  value('ledger_idle_interval_seconds', 'ledger.viewIdleInterval of the configuration.', () => settings().idleIntervalSeconds ?? 30);
  value('ready', '1 once the switch and the ledger have been read.', () => Number(status().ready));
  value('halted', '1 while writes are halted.', () => Number(status().halted !== null));
  counts(
    'halted_by',
    '1 for the cause of a halt: the device names another key, the balance is too low, the program is too old, or another.',
    'cause',
    Object.keys(HALT_CAUSES),
    () => {
      const { halted } = status();
      return halted === null ? [] : [haltCause(halted.code)];
    },
  );
  value('verdict', '0 while the verdict is ok, 1 for warning, 2 for critical.', () => VERDICTS.indexOf(status().verdict));
  counts('findings', 'Findings of the verdict, by code; docs/watching.md lists the codes.', 'code', FINDING_CODES, () =>
    status().findings.map(({ code }) => code),
  );
  value('writes_stalled', '1 while writes do not land although none is halted.', () => Number(status().writesStalled !== null));
  value(
    'writes_stalled_since_timestamp_seconds',
    'Since when writes do not land; 0 while they do.',
    () => (status().writesStalled?.since ?? 0) / 1_000,
  );
  value(
    'oldest_pending_timestamp_seconds',
    'Since when the user that has waited longest has waited for its changed status to be confirmed; 0 when none waits.',
    () => (status().oldestPendingSince ?? 0) / 1_000,
  );
  value(
    'transactions_in_flight',
    'Transactions sent and not resolved yet.',
    () => status().recentTransactions.filter(({ state }) => state === 'in-flight').length,
  );
  partsUp(
    'source_up',
    '1 while the source works, 0 from a failed poll to the next successful one; 1 before the first poll.',
    'source',
    () => status().sources,
  );
  partsUp('endpoint_up', '1 while the ledger endpoint is healthy.', 'endpoint', () => status().endpoints);
  value('payer_balance_lamports', 'Balance of the metrics publisher; absent until it has been read.', () => {
    const { balance } = status();
    return balance === null ? undefined : Number(balance.lamports);
  });
  value(
    'payer_empty_timestamp_seconds',
    'When the balance of the metrics publisher will be used up at the present rate; 0 while unknown.',
    () => {
      const { balance } = status();
      return balance?.hoursToEmpty == null ? 0 : balance.at / 1_000 + balance.hoursToEmpty * 3_600;
    },
  );
  value('config_last_reload_successful', '1 if the last reload of the configuration succeeded, or none was attempted.', () =>
    lastReload()?.successful === false ? 0 : 1,
  );
  value('config_last_reload_timestamp_seconds', 'When a reload was last attempted; 0 if never.', () => (lastReload()?.at ?? 0) / 1_000);
}

const UNOBSERVED = Object.keys(UNOBSERVED_REASON_TEXT);
const HOLDS = Object.keys(HOLD_REASON_TEXT);

/** Numbers of users by state at the moment of a scrape. Labels name no user; the status page and `explain` do. */
function registerUserGauges({ value, counts }: Instruments, status: () => AgentStatus): void {
  const total = (name: string, help: string, isOne: (user: AgentStatus['users'][number]) => boolean): void =>
    value(name, help, () => status().users.filter(isOne).length);

  counts('users', 'Users of the device, by what the last tick observed.', 'state', ['up', 'down', 'unobserved'], () =>
    status().users.map(({ observation }) => observation),
  );
  counts('unobserved_users', 'Activated users that the last tick could not observe, by reason.', 'reason', UNOBSERVED, () =>
    status().users.map(({ accountStatus, because }) => (accountStatus === 'activated' ? (because ?? '') : '')),
  );
  counts('ledger_users', 'Users of the device, by their status on the ledger.', 'status', ['unknown', 'up', 'down'], () =>
    status().users.map(({ ledger }) => ledger.status),
  );
  const skipped = (): readonly string[] =>
    status().users.map(({ decision, decisionReason }) => (decision === 'hold' ? (decisionReason ?? '') : ''));
  counts('skipped_users', 'Users that the last tick skipped, by reason.', 'reason', HOLDS, skipped);
  counts('held_users', 'Deprecated, removed in the next release: use dzd_telemetry_skipped_users.', 'reason', HOLDS, skipped);
  total(
    'pending_users',
    'Users with an unconfirmed change of status, without those that the program rejected.',
    ({ decision, decisionReason, inFlight, parked, ledger }) =>
      parked === null && ((inFlight !== null && inFlight !== ledger.status) || (decision === 'write' && decisionReason === 'change')),
  );
  total('in_flight_users', 'Users with a status in flight.', ({ inFlight }) => inFlight !== null);
  total('parked_users', 'Users whose status the program rejected and has not accepted since.', ({ parked }) => parked !== null);
  total('suppressed_users', 'Users that flap more than damping allows.', ({ suppressed }) => suppressed);
  value(
    'oldest_record_age_seconds',
    'Age of the oldest record of the activated users that are observed and not rejected by the program.',
    () => {
      const ages = status()
        .users.filter(
          ({ observation, accountStatus, parked }) => observation !== 'unobserved' && accountStatus === 'activated' && parked === null,
        )
        .map(({ ledger }) => ledger.ageMs ?? 0);
      return Math.max(0, ...ages) / 1_000;
    },
  );
}

interface MetricsOptions extends MeasuredSettings {
  /** Read at each scrape, for the gauges; counters follow the events. */
  readonly status: () => AgentStatus;
  /** This process by default. */
  readonly process?: ProcessReadings;
  /** This host's by default. */
  readonly clock?: Pick<Clock, 'wall'>;
}

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * The agent's metrics for Prometheus. Label sets are complete from the start, so that the first failure is a rise from 0 and not a new series.
 * No label holds a user.
 *
 *   reporter events ──► tick, write, part, snapshot metrics ──┐
 *   status board ─────► status and user gauges ───────────────┼──► registry ──► text
 *   agent's counts ───► part metrics      process ────────────┘
 */
export function createMetrics(options: MetricsOptions) {
  const { status, clock = systemClock } = options;
  const registry = new Registry();
  const instruments = createInstruments(registry);
  /** One reading for all gauges of a scrape. */
  let scraped: AgentStatus | undefined;
  const current = (): AgentStatus => scraped ?? status();
  const now = (): number => clock.wall();
  let settings: MeasuredSettings = options;
  let counts: (() => AgentCounts) | undefined;
  let lastReload: LastReload | undefined;

  const parts = createPartMetrics(instruments, status(), () => counts?.());
  const ticks = createTickMetrics(instruments, now);
  const writes = createWriteMetrics(instruments, registry);
  const snapshots = createSnapshotMetrics(instruments, now);
  registerStatusGauges(
    instruments,
    current,
    () => settings,
    () => lastReload,
  );
  registerUserGauges(instruments, current);
  registerProcessMetrics(registry, options.process ?? THIS_PROCESS);
  const reloads = instruments.counter('config_reloads_total', 'Reloads of the configuration, by result.', {
    result: ['success', 'failure'],
  });

  return {
    /** Every event that is counted. */
    listener: createAgentEvents(parts.listener, ticks, writes.listener, snapshots.listener).reporter,
    meter: parts.meter,
    contentType: registry.contentType,
    /** The exposition text of Prometheus (version 0.0.4) for this status; for the current one by default. */
    async text(read: AgentStatus = status()): Promise<string> {
      scraped = read;
      try {
        return await registry.metrics();
      } finally {
        // A later scrape may have begun.
        if (scraped === read) scraped = undefined;
      }
    },
    /** An agent runs now, the first or its successor after a reload: from here on the metrics are its own. */
    watch(nextSettings: MeasuredSettings, nextCounts: () => AgentCounts): void {
      settings = nextSettings;
      counts = nextCounts;
      snapshots.replaced();
    },
    /** A reload of the configuration was attempted. */
    reloaded(successful: boolean): void {
      lastReload = { successful, at: now() };
      reloads.inc({ result: successful ? 'success' : 'failure' });
    },
  };
}

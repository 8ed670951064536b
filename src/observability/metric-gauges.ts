import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { type AgentCounts, type LedgerMeter, REQUEST_RESULTS } from '../agent/counts.ts';
import type { AgentReporter } from '../agent/events.ts';
import type { HoldReason, UnobservedReason } from '../bgp/index.ts';
import { createInstruments, type Instruments } from './metric-families.ts';
import type { AgentStatus } from './status.ts';

interface PartMetricsOptions {
  readonly instruments: Instruments;
  /** Names of the configured sources and endpoints. */
  readonly sources: readonly string[];
  readonly endpoints: readonly string[];
  /** Of the agent that runs; undefined until there is one. */
  readonly counts: () => AgentCounts | undefined;
}

interface PartMetrics {
  readonly reporter: Pick<AgentReporter, 'source' | 'endpoint' | 'trigger' | 'internalError'>;
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
      for (const { part, counts: reasons } of counts()?.dropCounters ?? [])
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
      trigger({ kind }) {
        if (kind === 'woke' || kind === 'held-back') wakeUps.inc({ result: kind });
        if (kind === 'lost') wakeUpLosses.inc();
      },
      internalError: () => defects.inc(),
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

/** What the operating system and Node.js know of this process. */
export interface ProcessReadings {
  /** User and system time, seconds. */
  cpuSeconds(): number;
  memory(): { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** Seconds since 1970. */
  readonly startedAt: number;
  /** Undefined where nobody can tell. */
  openFiles(): number | undefined;
  /** Seconds that the event loop has not been idle. */
  busySeconds(): number;
}

export const THIS_PROCESS: ProcessReadings = {
  cpuSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  },
  memory: () => process.memoryUsage(),
  startedAt: performance.timeOrigin / 1_000,
  openFiles() {
    try {
      return readdirSync('/proc/self/fd').length;
    } catch {
      return undefined;
    }
  },
  busySeconds: () => performance.eventLoopUtilization().active / 1_000,
};

/**
 * The metrics of a process, by the names that every exporter gives them. Written here because prom-client's own have gauges that end in
 * `_total`, and keep a timer and an observer of the garbage collector running.
 */
export function registerProcessMetrics(registry: Registry, readings: ProcessReadings): void {
  const { reading, counting } = createInstruments(registry, '');
  counting('process_cpu_seconds_total', 'Processor time of this process, of its own and of the kernel for it.', (set) =>
    set(readings.cpuSeconds()),
  );
  reading('process_resident_memory_bytes', 'Memory of this process that is not paged out.', (set) => set(readings.memory().rss));
  reading('process_start_time_seconds', 'When this process started.', (set) => set(readings.startedAt));
  reading('process_open_fds', 'Files and sockets that this process has open.', (set) => {
    const open = readings.openFiles();
    if (open !== undefined) set(open);
  });
  reading('nodejs_heap_size_used_bytes', 'Memory of JavaScript that is in use.', (set) => set(readings.memory().heapUsed));
  reading('nodejs_external_memory_bytes', 'Memory that JavaScript holds outside of its heap.', (set) => set(readings.memory().external));
  counting('nodejs_eventloop_busy_seconds_total', 'Time that the event loop was not idle.', (set) => set(readings.busySeconds()));
}

export interface LastReload {
  readonly successful: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface StatusGaugesOptions {
  readonly instruments: Instruments;
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: () => number;
  readonly intervalSeconds: () => number;
  readonly idleIntervalSeconds: () => number;
  readonly lastReload: () => LastReload | undefined;
}

/** Whose turn it is when nothing is written. */
const HALT_CAUSES = ['authority', 'funds', 'program', 'other'] as const;
type HaltCause = (typeof HALT_CAUSES)[number];

function haltCause(code: string): HaltCause {
  if (code.startsWith('LEDGER__')) return 'authority';
  if (code === 'WRITE__NO_FUNDS' || code === 'WRITE__BALANCE_LOW') return 'funds';
  return code === 'WRITE__PROGRAM_TOO_OLD' ? 'program' : 'other';
}

/** What is so of the agent at the moment of a scrape, read from its status. */
export function registerStatusGauges(options: StatusGaugesOptions): void {
  const { instruments, status, lastReload } = options;
  const { reading } = instruments;

  reading('build_info', 'Version of the agent.', (set) => set(1, { version: status().version }), ['version']);
  reading(
    'device_info',
    'The device that is reported for, by its code on the ledger; empty until its account was read.',
    (set) => set(1, { code: status().deviceCode ?? '' }),
    ['code'],
  );
  reading('clock_timestamp_seconds', 'What the host of the agent takes the time to be: ages are told by it.', (set) =>
    set(status().now / 1_000),
  );
  reading('start_timestamp_seconds', 'When the agent started.', (set) => set(status().startedAt / 1_000));
  reading('last_tick_timestamp_seconds', 'When the last tick ended; 0 before the first.', (set) =>
    set((status().lastTick?.at ?? 0) / 1_000),
  );
  reading('interval_seconds', 'Configured time between two polls: alerts need not repeat it.', (set) => set(options.intervalSeconds()));
  reading('refresh_interval_seconds', 'Configured age at which a record is repeated: alerts need not repeat it.', (set) =>
    set(options.refreshIntervalSeconds()),
  );
  reading('ledger_idle_interval_seconds', 'Configured time between two readings of the users while there is nothing to write.', (set) =>
    set(options.idleIntervalSeconds()),
  );
  reading('ready', '1 once the switch and the ledger have been read.', (set) => set(status().ready ? 1 : 0));
  reading('halted', '1 while nothing is written until a person acts.', (set) => set(status().halted === null ? 0 : 1));
  reading(
    'halted_by',
    '1 for the cause for which nothing is written: the device names another key, no money, a program that is too old.',
    (set) => {
      const { halted } = status();
      const holds = halted === null ? undefined : haltCause(halted.code);
      for (const cause of HALT_CAUSES) set(cause === holds ? 1 : 0, { cause });
    },
    ['cause'],
  );
  reading('transactions_in_flight', 'Transactions that are sent and not resolved.', (set) => {
    set(status().recentTransactions.filter(({ state }) => state === 'in-flight').length);
  });
  reading(
    'source_up',
    '1 while the source can be read, 0 from a failed poll to the next good one; one that was never asked is 1.',
    (set) => {
      for (const { name, state } of status().sources) set(state === 'ok' ? 1 : 0, { source: name });
    },
    ['source'],
  );
  reading(
    'endpoint_up',
    '1 while the ledger endpoint answers.',
    (set) => {
      for (const { name, state } of status().endpoints) set(state === 'ok' ? 1 : 0, { endpoint: name });
    },
    ['endpoint'],
  );
  reading('payer_balance_lamports', 'What the metrics publisher holds; absent until it was read.', (set) => {
    const { balance } = status();
    if (balance !== null) set(Number(balance.lamports));
  });
  reading(
    'payer_empty_timestamp_seconds',
    'When the metrics publisher will be out of money at the present rate; 0 while that is not known.',
    (set) => {
      const { balance } = status();
      set(balance?.hoursToEmpty == null ? 0 : balance.at / 1_000 + balance.hoursToEmpty * 3_600);
    },
  );
  reading('config_last_reload_successful', '1 when the last reload of the configuration was taken, or none was tried.', (set) =>
    set(lastReload()?.successful === false ? 0 : 1),
  );
  reading('config_last_reload_timestamp_seconds', 'When a reload was last tried; 0 when never.', (set) =>
    set((lastReload()?.at ?? 0) / 1_000),
  );
}

const UNOBSERVED = [
  'switch-not-read',
  'vrf-not-collected',
  'no-neighbors-at-all',
  'tunnel-net-invalid',
  'tunnel-net-shared',
  'neighbor-of-another-user',
  'state-unrecognized',
  'mass-down-unconfirmed',
] as const satisfies readonly UnobservedReason[];

const HOLDS = [
  ...UNOBSERVED,
  'down-unconfirmed',
  'connect-grace',
  'not-activated',
  'write-interval',
  'damped',
  'contested',
] as const satisfies readonly HoldReason[];

interface UserGaugesOptions {
  readonly instruments: Instruments;
  readonly status: () => AgentStatus;
}

/** How many users are in which state at the moment of a scrape. No user is named: the status page and `explain` do that. */
export function registerUserGauges({ instruments, status }: UserGaugesOptions): void {
  const counted = <L extends string>(
    name: string,
    help: string,
    label: L,
    values: readonly string[],
    of: (status: AgentStatus) => readonly string[],
  ): void =>
    instruments.reading<L>(
      name,
      help,
      (set) => {
        const counts = new Map(values.map((value): [string, number] => [value, 0]));
        for (const value of of(status())) if (counts.has(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
        for (const [value, count] of counts) set(count, labelled(label, value));
      },
      [label],
    );
  const total = (name: string, help: string, isOne: (user: AgentStatus['users'][number]) => boolean): void =>
    instruments.reading(name, help, (set) => set(status().users.filter(isOne).length));

  counted('users', 'Users of the device on the ledger, by what the last tick saw.', 'state', ['up', 'down', 'unobserved'], ({ users }) =>
    users.map(({ observation }) => observation),
  );
  counted('unobserved_users', 'Activated users that the last tick could not observe, by the reason.', 'reason', UNOBSERVED, ({ users }) =>
    users.map(({ accountStatus, because }) => (accountStatus === 'activated' ? (because ?? '') : '')),
  );
  counted('ledger_users', 'Users of the device, by what the ledger says.', 'status', ['unknown', 'up', 'down'], ({ users }) =>
    users.map(({ ledger }) => ledger.status),
  );
  counted('held_users', 'Users for which nothing is written, by the reason.', 'reason', HOLDS, ({ users }) =>
    users.map(({ decision, decisionReason }) => (decision === 'hold' ? (decisionReason ?? '') : '')),
  );
  total(
    'pending_users',
    'Users whose record should change and has not yet, but for those that the program refuses.',
    ({ decision, decisionReason, inFlight, parked, ledger }) =>
      parked === null && ((inFlight !== null && inFlight !== ledger.status) || (decision === 'write' && decisionReason === 'change')),
  );
  total('in_flight_users', 'Users whose newest status is sent and not resolved.', ({ inFlight }) => inFlight !== null);
  total('parked_users', 'Users whose status the program rejected and has not taken since.', ({ parked }) => parked !== null);
  total('suppressed_users', 'Users that flap more than damping tolerates.', ({ suppressed }) => suppressed);
  instruments.reading(
    'oldest_record_age_seconds',
    'Age of the oldest record among the activated users that are observed and whose status the program takes.',
    (set) => {
      let oldestMs = 0;
      for (const { observation, accountStatus, parked, ledger } of status().users) {
        if (observation !== 'unobserved' && accountStatus === 'activated' && parked === null && (ledger.ageMs ?? 0) > oldestMs)
          oldestMs = ledger.ageMs ?? 0;
      }
      set(oldestMs / 1_000);
    },
  );
}

const labelled = <L extends string>(label: L, value: string): Record<L, string> => ({ [label]: value }) as Record<L, string>;

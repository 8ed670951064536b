import { Registry } from 'prom-client';
import type { AgentCounts, LedgerMeter } from '../agent/counts.ts';
import { type AgentReporter, SILENT_REPORTER } from '../agent/events.ts';
import { type Clock, systemClock } from '../lib/index.ts';
import { createInstruments, createSnapshotMetrics, createTickMetrics, createWriteMetrics } from './metric-families.ts';
import {
  createPartMetrics,
  type LastReload,
  type ProcessReadings,
  registerProcessMetrics,
  registerStatusGauges,
  registerUserGauges,
  THIS_PROCESS,
} from './metric-gauges.ts';
import type { AgentStatus } from './status.ts';

export interface MetricsOptions {
  /** Read at each scrape, for the gauges; counters follow the events. */
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: number;
  readonly intervalSeconds: number;
  /** `ledger.viewIdleInterval`; 30 by default. */
  readonly idleIntervalSeconds?: number;
  /** This process by default. */
  readonly process?: ProcessReadings;
  /** This host's by default. */
  readonly clock?: Pick<Clock, 'wall'>;
}

/** Settings that a reload may change. */
export type MeasuredSettings = Required<Pick<MetricsOptions, 'refreshIntervalSeconds' | 'intervalSeconds' | 'idleIntervalSeconds'>>;

export interface Metrics {
  readonly reporter: AgentReporter;
  readonly meter: LedgerMeter;
  /** An agent runs now, the first or its successor after a reload: from here on the metrics are its own. */
  watch(settings: MeasuredSettings, counts: () => AgentCounts): void;
  /** A reload of the configuration was attempted. */
  reloaded(successful: boolean): void;
  /** The exposition text of Prometheus (version 0.0.4) for this status; for the current one by default. */
  text(status?: AgentStatus): Promise<string>;
  readonly contentType: string;
}

/**
 * The agent's metrics for Prometheus. Label sets are complete from the start, so that the first failure is a rise from 0 and not a new series.
 * No label holds a user.
 *
 *   reporter events ──► tick, write, part, snapshot metrics ──┐
 *   status board ─────► status and user gauges ───────────────┼──► registry ──► text
 *   agent's counts ───► part metrics      process ────────────┘
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const { status, refreshIntervalSeconds, intervalSeconds, idleIntervalSeconds = 30, clock = systemClock } = options;
  const registry = new Registry();
  const instruments = createInstruments(registry);
  /** One reading serves a whole scrape. */
  let scraped: AgentStatus | undefined;
  const current = (): AgentStatus => scraped ?? status();
  const now = (): number => clock.wall();
  let settings: MeasuredSettings = { refreshIntervalSeconds, intervalSeconds, idleIntervalSeconds };
  let counts: (() => AgentCounts) | undefined;
  let lastReload: LastReload | undefined;

  const { sources, endpoints } = status();
  const parts = createPartMetrics({
    instruments,
    sources: sources.map(({ name }) => name),
    endpoints: endpoints.map(({ name }) => name),
    counts: () => counts?.(),
  });
  const ticks = createTickMetrics({ instruments, now });
  const writes = createWriteMetrics({ instruments, registry });
  const snapshots = createSnapshotMetrics({ instruments, now });
  registerStatusGauges({
    instruments,
    status: current,
    refreshIntervalSeconds: () => settings.refreshIntervalSeconds,
    intervalSeconds: () => settings.intervalSeconds,
    idleIntervalSeconds: () => settings.idleIntervalSeconds,
    lastReload: () => lastReload,
  });
  registerUserGauges({ instruments, status: current });
  registerProcessMetrics(registry, options.process ?? THIS_PROCESS);
  const reloads = instruments.counter('config_reloads_total', 'Reloads of the configuration, by result.', {
    result: ['success', 'failure'],
  });

  return {
    contentType: registry.contentType,
    async text(read) {
      scraped = read ?? status();
      try {
        return await registry.metrics();
      } finally {
        scraped = undefined;
      }
    },
    meter: parts.meter,
    watch(nextSettings, nextCounts) {
      settings = nextSettings;
      counts = nextCounts;
      writes.replaced();
      snapshots.replaced();
    },
    reloaded(successful) {
      lastReload = { successful, at: now() };
      reloads.inc({ result: successful ? 'success' : 'failure' });
    },
    reporter: {
      ...SILENT_REPORTER,
      ...parts.reporter,
      ...snapshots.reporter,
      ...ticks,
      ...writes.reporter,
      confirmed(event) {
        ticks.confirmed(event);
        writes.reporter.confirmed(event);
      },
      rejected(event) {
        ticks.rejected(event);
        writes.reporter.rejected(event);
      },
    },
  };
}

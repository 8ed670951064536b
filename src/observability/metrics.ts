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
  /** Read at each scrape: gauges are what the board says, counters what the events said. */
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: number;
  readonly intervalSeconds: number;
  /** `ledger.viewIdleInterval`; 30 unless told. */
  readonly idleIntervalSeconds?: number;
  /** This process unless told. */
  readonly process?: ProcessReadings;
  /** This host's unless told. */
  readonly clock?: Pick<Clock, 'wall'>;
}

/** What a reload may change. */
export type MeasuredSettings = Required<Pick<MetricsOptions, 'refreshIntervalSeconds' | 'intervalSeconds' | 'idleIntervalSeconds'>>;

export interface Metrics {
  readonly reporter: AgentReporter;
  readonly meter: LedgerMeter;
  /** Another agent runs now, the first or one with other settings: its figures are shown from here on. */
  watch(settings: MeasuredSettings, counts: () => AgentCounts): void;
  /** A reload of the configuration was tried. */
  reloaded(successful: boolean): void;
  /** The exposition text of Prometheus (version 0.0.4), by this status; by the one of this moment unless told. */
  text(status?: AgentStatus): Promise<string>;
  readonly contentType: string;
}

/**
 * What the agent measures of itself, for Prometheus. Label sets are complete from the start, so that the first failure is a rise from 0 and not
 * the birth of a series; no label ever holds a user.
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

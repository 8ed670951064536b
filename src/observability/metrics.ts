import { Registry } from 'prom-client';
import type { AgentCounts } from '../agent/counts.ts';
import { createAgentEvents } from '../agent/events.ts';
import { type Clock, systemClock } from '../lib/index.ts';
import type { AgentStatus } from './findings.ts';
import { createInstruments, createSnapshotMetrics, createTickMetrics, createWriteMetrics } from './metric-families.ts';
import {
  createPartMetrics,
  type LastReload,
  type MeasuredSettings,
  type ProcessReadings,
  registerProcessMetrics,
  registerStatusGauges,
  registerUserGauges,
  THIS_PROCESS,
} from './metric-gauges.ts';

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
      writes.replaced();
      snapshots.replaced();
    },
    /** A reload of the configuration was attempted. */
    reloaded(successful: boolean): void {
      lastReload = { successful, at: now() };
      reloads.inc({ result: successful ? 'success' : 'failure' });
    },
  };
}

import { Counter, Histogram, Registry } from 'prom-client';
import { type AgentReporter, SILENT_REPORTER } from '../../agent-reporter.ts';
import type { StatusIntent } from '../../bgp/index.ts';
import type { AgentStatus } from '../agent-status.ts';
import { createSnapshotMetrics } from './snapshot-metrics.ts';
import { type LastReload, registerStatusGauges } from './status-gauges.ts';

export interface MetricsOptions {
  /** Read at each scrape: gauges are what the board says, counters what the events said. */
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: number;
  readonly intervalSeconds: number;
}

export interface Metrics {
  readonly reporter: AgentReporter;
  /** A reload of the configuration was tried. */
  reloaded(successful: boolean): void;
  /** The exposition text of Prometheus (version 0.0.4). */
  text(): Promise<string>;
  readonly contentType: string;
}

const PREFIX = 'dzd_telemetry_';
const LANDING_BUCKETS = [0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 40, 60];
const TICK_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_BUCKETS = [1, 2, 5, 10, 15, 19, 20];
const REASONS = ['change', 'refresh', 'ride-along'] as const;
/**
 * What the agent measures of itself, for Prometheus. Label sets are complete from the start, so that the first failure is a rise from 0 and not
 * the birth of a series; no label ever holds a user.
 */
export function createMetrics({ status, refreshIntervalSeconds, intervalSeconds }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  /** One reading serves a whole scrape. */
  let scraped: AgentStatus | undefined;
  const current = (): AgentStatus => scraped ?? status();
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `${PREFIX}${name}`, help, labelNames: [...labelNames], registers });
  const ticks = counter('ticks_total', 'Ticks, by whether the switch and the ledger could be read.', ['result']);
  for (const result of ['complete', 'switch-unread', 'ledger-unread']) ticks.inc({ result }, 0);
  const tickSeconds = new Histogram({
    name: `${PREFIX}tick_duration_seconds`,
    help: 'Time that a tick took.',
    buckets: TICK_BUCKETS,
    registers,
  });
  const transactions = counter('transactions_total', 'Transactions, by what became of them.', ['outcome']);
  for (const outcome of ['landed', 'expired', 'failed', 'rejected', 'withdrawn']) transactions.inc({ outcome }, 0);
  const intents = counter('writes_landed_total', 'Statuses that landed, by why they were written.', ['reason']);
  for (const reason of REASONS) intents.inc({ reason }, 0);
  const rejected = counter(
    'users_rejected_total',
    'Statuses that the program rejected; their users are left alone until their account changes.',
  );
  const landing = new Histogram({
    name: `${PREFIX}transaction_landing_seconds`,
    help: 'Time from the first send of a transaction to its confirmation.',
    buckets: LANDING_BUCKETS,
    registers,
  });
  const perTransaction = new Histogram({
    name: `${PREFIX}instructions_per_transaction`,
    help: 'Status writes in one transaction.',
    buckets: BATCH_BUCKETS,
    registers,
  });
  const flaps = counter('flaps_total', 'Transitions of sessions, those hidden between two polls among them.');
  const massDowns = counter('mass_downs_total', 'Ticks in which most sessions read down at once, by what a second poll said.', ['result']);
  for (const result of ['confirmed', 'withheld']) massDowns.inc({ result }, 0);
  const foreign = counter('foreign_writes_total', 'Records of our users that somebody else has written.');
  const sourceLosses = counter('source_losses_total', 'Times that a source was lost.', ['source']);
  const endpointLosses = counter('endpoint_losses_total', 'Times that a ledger endpoint was lost.', ['endpoint']);
  const wakeUps = counter('wake_ups_total', 'Hints of the switch that a session changed, by whether a poll was brought forward for them.', [
    'result',
  ]);
  for (const result of ['woke', 'held-back']) wakeUps.inc({ result }, 0);
  const wakeUpLosses = counter('wake_up_losses_total', 'Times that a source of wake-ups was lost.');
  const defects = counter('defects_total', 'Errors that should not happen, survived.');
  const reloads = counter('config_reloads_total', 'Reloads of the configuration, by result.', ['result']);
  for (const result of ['success', 'failure']) reloads.inc({ result }, 0);
  let lastReload: LastReload | undefined;

  // The names of the agent that this one replaces, so that its dashboards go on working.
  const submissions = new Counter({
    name: 'doublezero_bgpstatus_submissions_total',
    help: 'BGP status submissions, by status and result.',
    labelNames: ['bgp_status', 'result'],
    registers,
  });
  for (const bgp_status of ['unknown', 'up', 'down']) for (const result of ['success', 'error']) submissions.inc({ bgp_status, result }, 0);
  const submissionSeconds = new Histogram({
    name: 'doublezero_bgpstatus_submission_duration_seconds',
    help: 'Time from the first send of a BGP status to its confirmation.',
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60],
    registers,
  });

  registerStatusGauges({
    registry,
    prefix: PREFIX,
    status: current,
    refreshIntervalSeconds,
    intervalSeconds,
    lastReload: () => lastReload,
  });
  const snapshots = createSnapshotMetrics({ registry, prefix: PREFIX, now: () => status().now });
  for (const { name } of status().sources) sourceLosses.inc({ source: name }, 0);
  for (const { name } of status().endpoints) endpointLosses.inc({ endpoint: name }, 0);

  const submitted = (result: 'success' | 'error', writes: readonly StatusIntent[]): void => {
    for (const { to } of writes) submissions.inc({ bgp_status: to, result });
  };
  const landedSignatures = createOnceKeys();
  return {
    contentType: registry.contentType,
    async text() {
      scraped = status();
      try {
        return await registry.metrics();
      } finally {
        scraped = undefined;
      }
    },
    reloaded(successful) {
      lastReload = { successful, at: status().now };
      reloads.inc({ result: successful ? 'success' : 'failure' });
    },
    reporter: {
      ...SILENT_REPORTER,
      ...snapshots,
      tick({ durationMs, switchRead, viewSlot, outcomes }) {
        ticks.inc({ result: !switchRead ? 'switch-unread' : viewSlot === undefined ? 'ledger-unread' : 'complete' });
        tickSeconds.observe(durationMs / 1_000);
        for (const { newFlaps } of outcomes.values()) if (newFlaps > 0) flaps.inc(newFlaps);
      },
      wakeUp({ kind }) {
        if (kind === 'woke' || kind === 'held-back') wakeUps.inc({ result: kind });
        if (kind === 'lost') wakeUpLosses.inc();
      },
      sent: ({ intents: writes }) => perTransaction.observe(writes.length),
      landed({ intent, signature, latencyMs }) {
        intents.inc({ reason: intent.reason });
        submitted('success', [intent]);
        submissionSeconds.observe(latencyMs / 1_000);
        if (!landedSignatures(signature)) return;
        transactions.inc({ outcome: 'landed' });
        landing.observe(latencyMs / 1_000);
      },
      rejected({ intent }) {
        transactions.inc({ outcome: 'rejected' });
        rejected.inc();
        submitted('error', [intent]);
      },
      expired({ intents: writes }) {
        transactions.inc({ outcome: 'expired' });
        submitted('error', writes);
      },
      failed({ intents: writes }) {
        transactions.inc({ outcome: 'failed' });
        submitted('error', writes);
      },
      withdrawn: () => transactions.inc({ outcome: 'withdrawn' }),
      source: ({ source, state }) => (state === 'lost' ? sourceLosses.inc({ source }) : undefined),
      endpoint: ({ endpoint, state }) => (state === 'lost' ? endpointLosses.inc({ endpoint }) : undefined),
      massDown: ({ wentDown, confirmed }) => massDowns.inc({ result: confirmed === wentDown ? 'confirmed' : 'withheld' }),
      foreignWrites: ({ users }) => foreign.inc(users.length),
      defect: () => defects.inc(),
    },
  };
}

/** Tells a signature that is heard for the first time: a transaction lands once, and is told once a user. */
function createOnceKeys(): (key: string) => boolean {
  let last: string | undefined;
  return (key) => {
    const isNew = key !== last;
    last = key;
    return isNew;
  };
}

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AgentListener } from '../agent/events.ts';
import type { StatusIntent } from '../bgp/index.ts';
import { ALLOWANCE_TEXT } from './text.ts';

/** Every value of each label that is known beforehand; an empty list for labels whose values appear with use. */
type LabelValues<L extends string> = Readonly<Record<L, readonly string[]>>;

/** Reads the present values at a scrape. */
type Read<L extends string> = (set: (value: number, labels?: Readonly<Record<L, string>>) => void) => void;

export type Instruments = ReturnType<typeof createInstruments>;

/** Makes metrics in one registry, with complete label sets from the start. `prefix` is empty for names that others have chosen. */
export function createInstruments(registry: Registry, prefix = 'dzd_telemetry_') {
  const registers = [registry];
  /** A gauge that is read at each scrape; a series that `read` no longer sets disappears. */
  function reading<L extends string = never>(name: string, help: string, read: Read<L>, labelNames: readonly L[] = []): void {
    new Gauge<L>({
      name: prefix + name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        if (labelNames.length === 0) this.remove();
        else this.reset();
        read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
      },
    });
  }
  return {
    counter<L extends string = never>(name: string, help: string, labels?: LabelValues<L>): Counter<L> {
      const made = new Counter({ name: prefix + name, help, labelNames: namesOf(labels), registers });
      for (const set of labelSets(labels)) made.inc(set, 0);
      return made;
    },
    histogram<L extends string = never>(name: string, help: string, buckets: readonly number[], labels?: LabelValues<L>): Histogram<L> {
      const made = new Histogram({ name: prefix + name, help, buckets: [...buckets], labelNames: namesOf(labels), registers });
      if (labels !== undefined) for (const set of labelSets(labels)) made.zero(set);
      return made;
    },
    gauge: (name: string, help: string): Gauge => new Gauge({ name: prefix + name, help, registers }),
    reading,
    /** A gauge of how many of the things read have each value of a label. */
    counts: <L extends string>(name: string, help: string, label: L, values: readonly string[], read: () => readonly string[]): void =>
      reading(
        name,
        help,
        (set) => {
          const found = read();
          for (const value of values) set(found.filter((one) => one === value).length, { [label]: value } as Record<L, string>);
        },
        [label],
      ),
    /** A gauge of one number that is read at each scrape; absent while undefined. */
    value: (name: string, help: string, read: () => number | undefined): void =>
      reading(name, help, (set) => {
        const value = read();
        if (value !== undefined) set(value);
      }),
    /** A counter kept elsewhere and read at each scrape. It restarts from 0 with its owner, as Prometheus expects of counters. */
    counting<L extends string = never>(name: string, help: string, read: Read<L>, labelNames: readonly L[] = []): void {
      new Counter<L>({
        name: prefix + name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          this.reset();
          read((value, labels) => (labels === undefined ? this.inc(value) : this.inc(labels, value)));
        },
      });
    },
  };
}

function namesOf<L extends string>(labels: LabelValues<L> | undefined): L[] {
  const names: L[] = [];
  for (const name in labels) names.push(name);
  return names;
}

/** Every combination of the values; none while a label's values are unknown. */
function labelSets<L extends string>(labels: LabelValues<L> | undefined): readonly Partial<Record<L, string>>[] {
  let sets: readonly Partial<Record<L, string>>[] = [{}];
  for (const name in labels) {
    const values = labels[name];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })));
  }
  return sets;
}

const SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counters of raw snapshots; `now` is in milliseconds since 1970. The kind is not a label: a server names kinds, so their number is unbounded. The log has them. */
export function createSnapshotMetrics({ counter, histogram, gauge }: Instruments, now: () => number) {
  const snapshots = counter('snapshots_total', 'Raw snapshots, by result.', {
    result: ['stored', 'failed'],
  });
  const bytes = counter('snapshot_bytes_total', 'Bytes of stored snapshots.');
  const seconds = histogram(
    'snapshot_duration_seconds',
    'Time from the request to the switch to the end of storing the snapshot.',
    SECONDS_BUCKETS,
  );
  const refusals = counter('snapshot_refusals_total', 'Entries of the list of states to collect that were refused.');
  const losses = counter('snapshot_place_losses_total', 'Failures of the snapshot destination, one for each change of cause.');
  const placeUp = gauge('snapshot_place_up', '1 while the snapshot destination accepts snapshots, and before the first attempt.');
  placeUp.set(1);
  const lastStored = gauge('snapshot_last_stored_timestamp_seconds', 'When the last snapshot was stored; 0 before the first.');

  return {
    listener: {
      snapshotStored({ bytes: size, durationMs }) {
        snapshots.inc({ result: 'stored' });
        bytes.inc(size);
        seconds.observe(durationMs / 1_000);
        lastStored.set(now() / 1_000);
      },
      snapshotFailed: () => snapshots.inc({ result: 'failed' }),
      snapshotRefused: ({ errors }) => refusals.inc(errors.length),
      snapshotPlace({ state }) {
        placeUp.set(state === 'back' ? 1 : 0);
        if (state === 'lost') losses.inc();
      },
    } satisfies AgentListener,
    /** Another agent runs now: its destination has not failed yet. */
    replaced: () => placeUp.set(1),
  };
}

const TICK_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counters of ticks: their results, their durations, and what they observed. `now` is in milliseconds since 1970. */
export function createTickMetrics({ counter, histogram, gauge }: Instruments, now: () => number): AgentListener {
  const ticks = counter('ticks_total', 'Ticks, by whether the switch and the ledger could be read.', {
    result: ['complete', 'switch-unread', 'ledger-unread'],
  });
  const seconds = histogram('tick_duration_seconds', 'Duration of a tick.', TICK_BUCKETS);
  const phases = histogram(
    'tick_phase_duration_seconds',
    'Duration of the phases of a tick: reading the switch, reading the ledger in parallel, and the rest.',
    TICK_BUCKETS,
    { phase: ['switch', 'ledger', 'rest'] },
  );
  const lastSuccess = gauge(
    'last_successful_tick_timestamp_seconds',
    'When the last tick ended that read the switch and had ledger data; 0 before the first.',
  );
  const switchRead = gauge('switch_read_timestamp_seconds', 'When the switch was last read; 0 before the first time.');
  const viewRead = gauge('ledger_view_timestamp_seconds', 'When the users in use were read from the ledger; 0 before the first time.');
  const rollbacks = counter('ledger_rollbacks_total', 'Times that the ledger was rolled back to an older slot.');
  const setBacks = counter('ledger_set_backs_total', 'Deprecated, removed in the next release: use dzd_telemetry_ledger_rollbacks_total.');
  const viewLosses = counter('ledger_view_losses_total', 'Times that reading the users from the ledger began to fail.');
  const ambiguous = gauge('ambiguous_users', 'Users that the last tick matched to more than one neighbor.');
  const flaps = counter('flaps_total', 'Session transitions, including those between two polls.');
  const massDowns = counter('mass_downs_total', 'Ticks in which most sessions read down at once, by the result of a second poll.', {
    result: ['confirmed', 'withheld'],
  });
  const foreign = counter('foreign_writes_total', 'User records that another process has written.');

  return {
    tick(report) {
      const { startedAt, durationMs, phases: took, switchRead: isRead, view, viewSlot, outcomes } = report;
      ticks.inc({ result: !isRead ? 'switch-unread' : viewSlot === undefined ? 'ledger-unread' : 'complete' });
      seconds.observe(durationMs / 1_000);
      phases.observe({ phase: 'switch' }, took.switchMs / 1_000);
      phases.observe({ phase: 'ledger' }, took.ledgerMs / 1_000);
      phases.observe({ phase: 'rest' }, Math.max(0, durationMs - Math.max(took.switchMs, took.ledgerMs)) / 1_000);
      const at = now();
      if (isRead) switchRead.set(at / 1_000);
      if (view !== undefined) viewRead.set((at - (startedAt + durationMs - view.readAt)) / 1_000);
      if (isRead && view !== undefined) lastSuccess.set(at / 1_000);
      let newFlaps = 0;
      for (const outcome of outcomes.values()) newFlaps += outcome.newFlaps;
      flaps.inc(newFlaps);
      if (viewSlot !== undefined) ambiguous.set(report.ambiguous.length);
    },
    massDown: ({ wentDown, confirmed }) => massDowns.inc({ result: confirmed === wentDown ? 'confirmed' : 'withheld' }),
    foreignWrites: ({ users }) => foreign.inc(users.length),
    ledgerView({ state, again }) {
      if (state === 'lost' && again !== true) viewLosses.inc();
      if (state === 'rollback') {
        rollbacks.inc();
        setBacks.inc();
      }
    },
  };
}

const CONFIRMATION_BUCKETS = [0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 40, 60];
const BATCH_BUCKETS = [1, 2, 5, 10, 15, 19, 20];
const SUBMISSION_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60];
const REASONS = ['change', 'refresh', 'ride-along'] as const;

/** Counters of transactions and of the statuses in them. */
export function createWriteMetrics(instruments: Instruments, registry: Registry) {
  const { counter, histogram, counts } = instruments;
  const transactions = counter('transactions_total', 'Transactions, by outcome.', {
    outcome: ['landed', 'expired', 'failed', 'rejected', 'withdrawn'],
  });
  const sent = counter('writes_sent_total', 'Statuses sent in a transaction, by the reason of the write.', { reason: REASONS });
  const rebroadcasts = counter('rebroadcasts_total', 'Resends of transactions that were not confirmed yet.');
  const confirmed = counter('writes_landed_total', 'Confirmed statuses, by the reason of the write.', { reason: REASONS });
  const rejected = counter(
    'users_rejected_total',
    'Statuses that the program rejected; each is retried when the account changes, or after a backoff of 30 s to 1 h.',
  );
  const confirmation = histogram(
    'transaction_landing_seconds',
    'Time from the first send of a transaction to its confirmation.',
    CONFIRMATION_BUCKETS,
  );
  const perTransaction = histogram('instructions_per_transaction', 'Status writes in one transaction.', BATCH_BUCKETS);
  let allowance: keyof typeof ALLOWANCE_TEXT = 'all';
  counts(
    'spend_allowance',
    '1 for what the spending limits allow: everything, only changes, or nothing.',
    'allowance',
    Object.values(ALLOWANCE_TEXT),
    () => [ALLOWANCE_TEXT[allowance]],
  );

  // The metric names of the agent that this one replaces, so that existing dashboards keep working.
  const upstream = createInstruments(registry, '');
  const submissions = upstream.counter('doublezero_bgpstatus_submissions_total', 'BGP status submissions, by status and result.', {
    bgp_status: ['unknown', 'up', 'down'],
    result: ['success', 'error'],
  });
  const submissionSeconds = upstream.histogram(
    'doublezero_bgpstatus_submission_duration_seconds',
    'Time from the first send of a BGP status to its confirmation.',
    SUBMISSION_BUCKETS,
  );
  const submitted = (result: 'success' | 'error', writes: readonly StatusIntent[]): void => {
    for (const { to } of writes) submissions.inc({ bgp_status: to, result });
  };
  let lastConfirmed: string | undefined;

  return {
    listener: {
      sent({ intents }) {
        perTransaction.observe(intents.length);
        for (const { reason } of intents) sent.inc({ reason });
      },
      rebroadcast: () => rebroadcasts.inc(),
      confirmed({ intent, signature, latencyMs }) {
        confirmed.inc({ reason: intent.reason });
        submitted('success', [intent]);
        submissionSeconds.observe(latencyMs / 1_000);
        // Emitted once a user; the transaction counts once.
        if (signature === lastConfirmed) return;
        lastConfirmed = signature;
        transactions.inc({ outcome: 'landed' });
        confirmation.observe(latencyMs / 1_000);
      },
      rejected({ intent }) {
        transactions.inc({ outcome: 'rejected' });
        rejected.inc();
        submitted('error', [intent]);
      },
      expired({ intents }) {
        transactions.inc({ outcome: 'expired' });
        submitted('error', intents);
      },
      failed({ intents }) {
        transactions.inc({ outcome: 'failed' });
        submitted('error', intents);
      },
      withdrawn: () => transactions.inc({ outcome: 'withdrawn' }),
      budget(event) {
        allowance = event.allowance;
      },
    } satisfies AgentListener,
  };
}

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AgentReporter, TickReport } from '../agent/events.ts';
import { ledgerStatus, type StatusIntent, type UserOutcome } from '../bgp/index.ts';
import type { Address } from '../serviceability/index.ts';

/** Every value of each label that is known beforehand; an empty list where only use can tell. */
type LabelValues<L extends string> = Readonly<Record<L, readonly string[]>>;

type SetGauge<L extends string> = (value: number, labels?: Readonly<Record<L, string>>) => void;

/** Makes metrics in one registry, their names prefixed, their label sets complete from the start. */
export interface Instruments {
  counter<L extends string = never>(name: string, help: string, labels?: LabelValues<L>): Counter<L>;
  histogram<L extends string = never>(name: string, help: string, buckets: readonly number[], labels?: LabelValues<L>): Histogram<L>;
  gauge(name: string, help: string): Gauge;
  /** A gauge that is read at each scrape; what was read before and is not read again is gone. */
  reading<L extends string = never>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames?: readonly L[]): void;
  /** A counter that somebody else keeps, read at each scrape. Begins anew when its keeper does, as Prometheus expects of counters. */
  counting<L extends string = never>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames?: readonly L[]): void;
}

const PREFIX = 'dzd_telemetry_';

/** `prefix` is empty for names that are not ours to choose. */
export function createInstruments(registry: Registry, prefix = PREFIX): Instruments {
  const registers = [registry];
  return {
    counter(name, help, labels) {
      const made = new Counter({ name: prefix + name, help, labelNames: namesOf(labels), registers });
      for (const set of labelSets(labels)) made.inc(set, 0);
      return made;
    },
    histogram(name, help, buckets, labels) {
      const made = new Histogram({ name: prefix + name, help, buckets: [...buckets], labelNames: namesOf(labels), registers });
      if (labels !== undefined) for (const set of labelSets(labels)) made.zero(set);
      return made;
    },
    gauge: (name, help) => new Gauge({ name: prefix + name, help, registers }),
    reading<L extends string>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames: readonly L[] = []) {
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
    },
    counting<L extends string>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames: readonly L[] = []) {
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

/** Every combination of the values; none as long as a label's values are not known. */
function labelSets<L extends string>(labels: LabelValues<L> | undefined): readonly Partial<Record<L, string>>[] {
  let sets: readonly Partial<Record<L, string>>[] = [{}];
  for (const name in labels) {
    const values = labels[name];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })));
  }
  return sets;
}

interface SnapshotMetricsOptions {
  readonly instruments: Instruments;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface SnapshotMetrics {
  readonly reporter: SnapshotEvents;
  /** Another agent runs now: nobody knows yet that its place takes nothing. */
  replaced(): void;
}

type SnapshotEvents = Pick<AgentReporter, 'snapshotStored' | 'snapshotFailed' | 'snapshotRefused' | 'snapshotPlace'>;

const SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What is counted of raw snapshots. Kinds are no label: a server names them, so that nobody knows them from the start or how many they will be;
 * the log has them.
 */
export function createSnapshotMetrics({ instruments, now }: SnapshotMetricsOptions): SnapshotMetrics {
  const { counter, histogram, gauge } = instruments;
  const snapshots = counter('snapshots_total', 'Raw snapshots, by whether they could be taken and stored.', {
    result: ['stored', 'failed'],
  });
  const bytes = counter('snapshot_bytes_total', 'Bytes of the snapshots that were stored.');
  const seconds = histogram(
    'snapshot_duration_seconds',
    'Time from asking the switch for a snapshot to the end of storing it.',
    SECONDS_BUCKETS,
  );
  const refusals = counter('snapshot_refusals_total', 'Entries of lists of what to collect that are not collected.');
  const losses = counter('snapshot_place_losses_total', 'Times that the place of the snapshots was lost, each cause by itself.');
  const placeUp = gauge('snapshot_place_up', 'Whether the place of the snapshots takes them; 1 until it has not.');
  placeUp.set(1);
  const lastStored = gauge('snapshot_last_stored_timestamp_seconds', 'When the last snapshot was stored; 0 before the first.');

  return {
    reporter: {
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
    },
    replaced: () => placeUp.set(1),
  };
}

interface TickMetricsOptions {
  readonly instruments: Instruments;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type TickEvents = Pick<AgentReporter, 'tick' | 'confirmed' | 'rejected' | 'massDown' | 'foreignWrites' | 'ledgerView'>;

const TICK_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What is counted of ticks: whether they could see, how long they took, and what they saw. */
export function createTickMetrics({ instruments, now }: TickMetricsOptions): TickEvents {
  const { counter, histogram, gauge, reading } = instruments;
  const ticks = counter('ticks_total', 'Ticks, by whether the switch and the ledger could be read.', {
    result: ['complete', 'switch-unread', 'ledger-unread'],
  });
  const seconds = histogram('tick_duration_seconds', 'Time that a tick took.', TICK_BUCKETS);
  const phases = histogram(
    'tick_phase_duration_seconds',
    'Time of a tick that reading the switch took, reading the ledger beside it, and the rest.',
    TICK_BUCKETS,
    { phase: ['switch', 'ledger', 'rest'] },
  );
  const lastSuccess = gauge(
    'last_successful_tick_timestamp_seconds',
    'When the last tick ended that had read the switch and knew the ledger; 0 before the first.',
  );
  const switchRead = gauge('switch_read_timestamp_seconds', 'When the switch was last read; 0 before the first time.');
  const viewRead = gauge('ledger_view_timestamp_seconds', 'When the users that are decided on were read; 0 before the first time.');
  const setBacks = counter('ledger_set_backs_total', 'Times that the ledger was found set back to an older slot.');
  const viewLosses = counter('ledger_view_losses_total', 'Times that the users could not be read from the ledger any more.');
  const ambiguous = gauge('ambiguous_users', 'Users that the last tick found at more than one neighbor.');
  /** Since when, milliseconds since 1970. */
  let pending = new Map<Address, number>();
  /** Whom the program refuses waits for something else than a landing, and is counted elsewhere. */
  const refused = new Set<Address>();
  reading(
    'oldest_pending_timestamp_seconds',
    'Since when the ledger should say something else of a user, of the user that has waited longest; 0 when nobody waits.',
    (set) => set(pending.size === 0 ? 0 : Math.min(...pending.values()) / 1_000),
  );
  const flaps = counter('flaps_total', 'Transitions of sessions, those hidden between two polls among them.');
  const massDowns = counter('mass_downs_total', 'Ticks in which most sessions read down at once, by what a second poll said.', {
    result: ['confirmed', 'withheld'],
  });
  const foreign = counter('foreign_writes_total', 'Records of our users that somebody else has written.');

  function timestamps({ switchRead: isRead, view, startedAt, durationMs }: TickReport): void {
    const at = now();
    if (isRead) switchRead.set(at / 1_000);
    if (view !== undefined) viewRead.set((at - (startedAt + durationMs - view.readAt)) / 1_000);
    if (isRead && view !== undefined) lastSuccess.set(at / 1_000);
  }

  return {
    tick(report) {
      const { durationMs, phases: took, switchRead: isRead, viewSlot, outcomes } = report;
      ticks.inc({ result: !isRead ? 'switch-unread' : viewSlot === undefined ? 'ledger-unread' : 'complete' });
      seconds.observe(durationMs / 1_000);
      phases.observe({ phase: 'switch' }, took.switchMs / 1_000);
      phases.observe({ phase: 'ledger' }, took.ledgerMs / 1_000);
      phases.observe({ phase: 'rest' }, Math.max(0, durationMs - Math.max(took.switchMs, took.ledgerMs)) / 1_000);
      timestamps(report);
      let newFlaps = 0;
      for (const outcome of outcomes.values()) newFlaps += outcome.newFlaps;
      flaps.inc(newFlaps);
      // Without a view nobody was looked at: whoever waited goes on waiting.
      if (viewSlot === undefined) return;
      ambiguous.set(report.ambiguous);
      for (const user of refused) if (!outcomes.has(user)) refused.delete(user);
      pending = stillPending(pending, outcomes, refused, now());
    },
    confirmed({ intent }) {
      pending.delete(intent.user);
      refused.delete(intent.user);
    },
    rejected({ intent }) {
      pending.delete(intent.user);
      refused.add(intent.user);
    },
    massDown: ({ wentDown, confirmed }) => massDowns.inc({ result: confirmed === wentDown ? 'confirmed' : 'withheld' }),
    foreignWrites: ({ users }) => foreign.inc(users.length),
    ledgerView({ state }) {
      if (state === 'lost') viewLosses.inc();
      if (state === 'set-back') setBacks.inc();
    },
  };
}

/** Who waits for a change to land: it is wanted, or it was sent and the ledger does not say so yet. */
function stillPending(
  before: ReadonlyMap<Address, number>,
  outcomes: ReadonlyMap<Address, UserOutcome>,
  refused: ReadonlySet<Address>,
  at: number,
): Map<Address, number> {
  const pending = new Map<Address, number>();
  for (const [user, { decision, observation, entry }] of outcomes) {
    if (refused.has(user)) continue;
    const since = before.get(user);
    if (decision.kind === 'write' && decision.reason === 'change') pending.set(user, since ?? at);
    else if (since !== undefined && decision.kind === 'settled' && ledgerStatus(entry.user.bgpStatus) !== observation.kind)
      pending.set(user, since);
  }
  return pending;
}

interface WriteMetricsOptions {
  readonly instruments: Instruments;
  readonly registry: Registry;
}

interface WriteMetrics {
  readonly reporter: WriteEvents;
  /** Another agent runs now: its limits are fresh ones. */
  replaced(): void;
}

type WriteEvents = Pick<AgentReporter, 'sent' | 'rebroadcast' | 'confirmed' | 'rejected' | 'expired' | 'failed' | 'withdrawn' | 'budget'>;

const LANDING_BUCKETS = [0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 40, 60];
const BATCH_BUCKETS = [1, 2, 5, 10, 15, 19, 20];
const SUBMISSION_BUCKETS = [0.1, 0.5, 1, 2, 5, 10, 30, 60];
const REASONS = ['change', 'refresh', 'ride-along'] as const;
const ALLOWANCES = ['everything', 'changes', 'nothing'] as const;

/** What is counted of transactions and of the statuses in them. */
export function createWriteMetrics({ instruments, registry }: WriteMetricsOptions): WriteMetrics {
  const { counter, histogram, reading } = instruments;
  const transactions = counter('transactions_total', 'Transactions, by what became of them.', {
    outcome: ['landed', 'expired', 'failed', 'rejected', 'withdrawn'],
  });
  const sent = counter('writes_sent_total', 'Statuses put into a transaction, by why they were written.', { reason: REASONS });
  const rebroadcasts = counter('rebroadcasts_total', 'Times that a transaction was sent once more because nobody had seen it land.');
  const landed = counter('writes_landed_total', 'Statuses that landed, by why they were written.', { reason: REASONS });
  const rejected = counter(
    'users_rejected_total',
    'Statuses that the program rejected; their users wait until their account changes, or for a minute to an hour.',
  );
  const landing = histogram(
    'transaction_landing_seconds',
    'Time from the first send of a transaction to its confirmation.',
    LANDING_BUCKETS,
  );
  const perTransaction = histogram('instructions_per_transaction', 'Status writes in one transaction.', BATCH_BUCKETS);
  let allowance: (typeof ALLOWANCES)[number] = 'everything';
  reading(
    'spend_allowance',
    '1 for what the spending limits leave room for: everything, only changes, or nothing.',
    (set) => {
      for (const each of ALLOWANCES) set(each === allowance ? 1 : 0, { allowance: each });
    },
    ['allowance'],
  );

  // The names of the agent that this one replaces, so that its dashboards go on working.
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
  const isFirst = createOnceKeys();

  return {
    reporter: {
      sent({ intents }) {
        perTransaction.observe(intents.length);
        for (const { reason } of intents) sent.inc({ reason });
      },
      rebroadcast: () => rebroadcasts.inc(),
      confirmed({ intent, signature, latencyMs }) {
        landed.inc({ reason: intent.reason });
        submitted('success', [intent]);
        submissionSeconds.observe(latencyMs / 1_000);
        if (!isFirst(signature)) return;
        transactions.inc({ outcome: 'landed' });
        landing.observe(latencyMs / 1_000);
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
    },
    replaced() {
      allowance = 'everything';
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

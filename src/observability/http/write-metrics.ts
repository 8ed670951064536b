import type { Registry } from 'prom-client';
import type { AgentReporter } from '../../agent-reporter.ts';
import type { StatusIntent } from '../../bgp/index.ts';
import { createInstruments, type Instruments } from './instruments.ts';

export interface WriteMetricsOptions {
  readonly instruments: Instruments;
  readonly registry: Registry;
}

export interface WriteMetrics {
  readonly reporter: WriteEvents;
  /** Another agent runs now: its limits are fresh ones. */
  replaced(): void;
}

type WriteEvents = Pick<AgentReporter, 'sent' | 'rebroadcast' | 'landed' | 'rejected' | 'expired' | 'failed' | 'withdrawn' | 'budget'>;

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
      landed({ intent, signature, latencyMs }) {
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

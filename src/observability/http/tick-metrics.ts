import type { AgentReporter } from '../../agent-reporter.ts';
import { ledgerStatus, type UserOutcome } from '../../bgp/index.ts';
import type { Address } from '../../serviceability/index.ts';
import type { TickReport } from '../../tick-reporter.ts';
import type { Instruments } from './instruments.ts';

export interface TickMetricsOptions {
  readonly instruments: Instruments;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type TickEvents = Pick<AgentReporter, 'tick' | 'landed' | 'rejected' | 'massDown' | 'foreignWrites' | 'ledgerView'>;

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
    landed({ intent }) {
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

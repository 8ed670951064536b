import type { HoldReason, UnobservedReason } from '../../bgp/index.ts';
import type { AgentStatus } from '../agent-status.ts';
import type { Instruments } from './instruments.ts';

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

export interface UserGaugesOptions {
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

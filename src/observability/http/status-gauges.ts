import { Gauge, type Registry } from 'prom-client';
import type { AgentStatus } from '../agent-status.ts';

export interface LastReload {
  readonly successful: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface StatusGaugesOptions {
  readonly registry: Registry;
  readonly prefix: string;
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: number;
  readonly intervalSeconds: number;
  readonly lastReload: () => LastReload | undefined;
}

const HOLDS = [
  'switch-not-read',
  'vrf-not-collected',
  'no-neighbors-at-all',
  'tunnel-net-invalid',
  'tunnel-net-shared',
  'neighbor-of-another-user',
  'state-unrecognized',
  'mass-down-unconfirmed',
  'down-unconfirmed',
  'connect-grace',
  'not-activated',
  'write-interval',
  'damped',
  'contested',
] as const;

type SetGauge<L extends string> = (value: number, labels?: Partial<Record<L, string>>) => void;

/** What is so at the moment of a scrape, read from the agent's status. */
export function registerStatusGauges({
  registry,
  prefix: PREFIX,
  status,
  refreshIntervalSeconds,
  intervalSeconds,
  lastReload,
}: StatusGaugesOptions): void {
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames: readonly L[] = []) =>
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
      },
    });

  new Gauge({ name: `${PREFIX}build_info`, help: 'Version of the agent.', labelNames: ['version'], registers }).set(
    { version: status().version },
    1,
  );
  gauge('start_timestamp_seconds', 'When the agent started.', (set) => set(status().startedAt / 1_000));
  gauge('last_tick_timestamp_seconds', 'When the last tick ended.', (set) => set((status().lastTick?.at ?? 0) / 1_000));
  gauge('interval_seconds', 'Configured time between two polls: alerts need not repeat it.', (set) => set(intervalSeconds));
  gauge('refresh_interval_seconds', 'Configured age at which a record is repeated: alerts need not repeat it.', (set) =>
    set(refreshIntervalSeconds),
  );
  gauge('ready', '1 once the switch and the ledger have been read.', (set) => set(status().ready ? 1 : 0));
  gauge('halted', '1 while nothing is written until a person acts.', (set) => set(status().halted === null ? 0 : 1));
  gauge(
    'users',
    'Users of the device on the ledger, by what the last tick saw.',
    (set) =>
      countInto(
        set,
        'state',
        ['up', 'down', 'unobserved'],
        status().users.map(({ observation }) => observation),
      ),
    ['state'],
  );
  gauge(
    'ledger_users',
    'Users of the device, by what the ledger says.',
    (set) =>
      countInto(
        set,
        'status',
        ['unknown', 'up', 'down'],
        status().users.map(({ ledger }) => ledger.status),
      ),
    ['status'],
  );
  gauge(
    'held_users',
    'Users for which nothing is written, by the reason.',
    (set) =>
      countInto(
        set,
        'reason',
        HOLDS,
        status().users.map(({ decision, decisionReason }) => (decision === 'hold' ? (decisionReason ?? '') : '')),
      ),
    ['reason'],
  );
  gauge('pending_users', 'Users whose record should change and has not yet.', (set) =>
    set(
      status().users.filter(
        ({ decision, decisionReason, inFlight }) => inFlight !== null || (decision === 'write' && decisionReason === 'change'),
      ).length,
    ),
  );
  gauge('in_flight_users', 'Users whose newest status is sent and not resolved.', (set) =>
    set(status().users.filter(({ inFlight }) => inFlight !== null).length),
  );
  gauge('parked_users', 'Users left alone until their account changes.', (set) =>
    set(status().users.filter(({ parked }) => parked !== null).length),
  );
  gauge('suppressed_users', 'Users that flap more than damping tolerates.', (set) =>
    set(status().users.filter(({ suppressed }) => suppressed).length),
  );
  gauge('oldest_record_age_seconds', 'Age of the oldest record among the users that are observed.', (set) => {
    const ages = status()
      .users.filter(({ observation, accountStatus }) => observation !== 'unobserved' && accountStatus === 'activated')
      .map(({ ledger }) => ledger.ageMs ?? 0);
    set(Math.max(0, ...ages) / 1_000);
  });
  gauge(
    'source_up',
    '1 while the source can be read.',
    (set) => {
      for (const { name, state } of status().sources) set(state === 'ok' ? 1 : 0, { source: name });
    },
    ['source'],
  );
  gauge(
    'endpoint_up',
    '1 while the ledger endpoint answers.',
    (set) => {
      for (const { name, state } of status().endpoints) set(state === 'ok' ? 1 : 0, { endpoint: name });
    },
    ['endpoint'],
  );
  gauge('payer_balance_lamports', 'What the metrics publisher holds.', (set) => set(Number(status().balance?.lamports ?? 0n)));
  gauge(
    'payer_empty_timestamp_seconds',
    'When the metrics publisher will be out of money at the present rate; 0 while that is not known.',
    (set) => {
      const { balance } = status();
      set(balance?.hoursToEmpty == null ? 0 : balance.at / 1_000 + balance.hoursToEmpty * 3_600);
    },
  );
  gauge('config_last_reload_successful', '1 when the last reload of the configuration was taken, or none was tried.', (set) =>
    set(lastReload()?.successful === false ? 0 : 1),
  );
  gauge('config_last_reload_timestamp_seconds', 'When a reload was last tried; 0 when never.', (set) =>
    set((lastReload()?.at ?? 0) / 1_000),
  );
}

function countInto<L extends string>(set: SetGauge<L>, label: L, values: readonly string[], seen: readonly string[]): void {
  const counts = new Map(values.map((value): [string, number] => [value, 0]));
  for (const value of seen) if (counts.has(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const [value, count] of counts) set(count, { [label]: value } as Partial<Record<L, string>>);
}

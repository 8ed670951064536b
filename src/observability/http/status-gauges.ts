import type { AgentStatus } from '../agent-status.ts';
import type { Instruments } from './instruments.ts';

export interface LastReload {
  readonly successful: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface StatusGaugesOptions {
  readonly instruments: Instruments;
  readonly status: () => AgentStatus;
  readonly refreshIntervalSeconds: () => number;
  readonly intervalSeconds: () => number;
  readonly idleIntervalSeconds: () => number;
  readonly lastReload: () => LastReload | undefined;
}

/** Whose turn it is when nothing is written. */
const HALT_CAUSES = ['authority', 'funds', 'program', 'other'] as const;
type HaltCause = (typeof HALT_CAUSES)[number];

function haltCause(code: string): HaltCause {
  if (code.startsWith('LEDGER__')) return 'authority';
  if (code === 'WRITE__NO_FUNDS' || code === 'WRITE__BALANCE_LOW') return 'funds';
  return code === 'WRITE__PROGRAM_TOO_OLD' ? 'program' : 'other';
}

/** What is so of the agent at the moment of a scrape, read from its status. */
export function registerStatusGauges(options: StatusGaugesOptions): void {
  const { instruments, status, lastReload } = options;
  const { reading } = instruments;

  reading('build_info', 'Version of the agent.', (set) => set(1, { version: status().version }), ['version']);
  reading(
    'device_info',
    'The device that is reported for, by its code on the ledger; empty until its account was read.',
    (set) => set(1, { code: status().deviceCode ?? '' }),
    ['code'],
  );
  reading('clock_timestamp_seconds', 'What the host of the agent takes the time to be: ages are told by it.', (set) =>
    set(status().now / 1_000),
  );
  reading('start_timestamp_seconds', 'When the agent started.', (set) => set(status().startedAt / 1_000));
  reading('last_tick_timestamp_seconds', 'When the last tick ended; 0 before the first.', (set) =>
    set((status().lastTick?.at ?? 0) / 1_000),
  );
  reading('interval_seconds', 'Configured time between two polls: alerts need not repeat it.', (set) => set(options.intervalSeconds()));
  reading('refresh_interval_seconds', 'Configured age at which a record is repeated: alerts need not repeat it.', (set) =>
    set(options.refreshIntervalSeconds()),
  );
  reading('ledger_idle_interval_seconds', 'Configured time between two readings of the users while there is nothing to write.', (set) =>
    set(options.idleIntervalSeconds()),
  );
  reading('ready', '1 once the switch and the ledger have been read.', (set) => set(status().ready ? 1 : 0));
  reading('halted', '1 while nothing is written until a person acts.', (set) => set(status().halted === null ? 0 : 1));
  reading(
    'halted_by',
    '1 for the cause for which nothing is written: the device names another key, no money, a program that is too old.',
    (set) => {
      const { halted } = status();
      const holds = halted === null ? undefined : haltCause(halted.code);
      for (const cause of HALT_CAUSES) set(cause === holds ? 1 : 0, { cause });
    },
    ['cause'],
  );
  reading('transactions_in_flight', 'Transactions that are sent and not resolved.', (set) => {
    set(status().recentTransactions.filter(({ state }) => state === 'in-flight').length);
  });
  reading(
    'source_up',
    '1 while the source can be read, 0 from a failed poll to the next good one; one that was never asked is 1.',
    (set) => {
      for (const { name, state } of status().sources) set(state === 'ok' ? 1 : 0, { source: name });
    },
    ['source'],
  );
  reading(
    'endpoint_up',
    '1 while the ledger endpoint answers.',
    (set) => {
      for (const { name, state } of status().endpoints) set(state === 'ok' ? 1 : 0, { endpoint: name });
    },
    ['endpoint'],
  );
  reading('payer_balance_lamports', 'What the metrics publisher holds; absent until it was read.', (set) => {
    const { balance } = status();
    if (balance !== null) set(Number(balance.lamports));
  });
  reading(
    'payer_empty_timestamp_seconds',
    'When the metrics publisher will be out of money at the present rate; 0 while that is not known.',
    (set) => {
      const { balance } = status();
      set(balance?.hoursToEmpty == null ? 0 : balance.at / 1_000 + balance.hoursToEmpty * 3_600);
    },
  );
  reading('config_last_reload_successful', '1 when the last reload of the configuration was taken, or none was tried.', (set) =>
    set(lastReload()?.successful === false ? 0 : 1),
  );
  reading('config_last_reload_timestamp_seconds', 'When a reload was last tried; 0 when never.', (set) =>
    set((lastReload()?.at ?? 0) / 1_000),
  );
}

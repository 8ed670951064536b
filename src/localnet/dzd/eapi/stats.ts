/** What this face has been asked and has answered, for tests and benchmarks. */
export interface EapiStats {
  readonly requests: number;
  readonly logins: number;
  readonly logouts: number;
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Bytes of request and response bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How often each command was run. */
  readonly commands: Readonly<Record<string, number>>;
}

export interface EapiStatsKeeper {
  count(what: 'requests' | 'logins' | 'logouts' | 'connections' | 'bytesIn' | 'bytesOut', by?: number): void;
  countCommand(command: string): void;
  read(): EapiStats;
  reset(): void;
}

/** Commands that differ only in the neighbor that they name are many; beyond this many distinct ones they are counted together. */
const MAX_DISTINCT_COMMANDS = 10_000;

export function createEapiStats(): EapiStatsKeeper {
  const zero = { requests: 0, logins: 0, logouts: 0, connections: 0, bytesIn: 0, bytesOut: 0 };
  let totals = { ...zero };
  const commands = new Map<string, number>();

  return {
    count(what, by = 1) {
      totals[what] += by;
    },
    countCommand(command) {
      const key = commands.has(command) || commands.size < MAX_DISTINCT_COMMANDS ? command : '(others)';
      commands.set(key, (commands.get(key) ?? 0) + 1);
    },
    read: () => ({ ...totals, commands: Object.fromEntries(commands) }),
    reset() {
      totals = { ...zero };
      commands.clear();
    },
  };
}

import { orList } from '../config/index.ts';
import { type Command, type CommandIo, configOptions, defineCommand, type ExitCode, type OptionSpec, readConfigChoice } from './command.ts';
import { runCommandLine } from './command-line.ts';
import {
  type CheckOptions,
  type ExplainOptions,
  type HistoryOptions,
  type RunOptions,
  readCheckOptions,
  readExplainOptions,
  readHistoryOptions,
  readRunOptions,
  readStatusOptions,
  SORT_FIELDS,
  type StatusOptions,
  type SupportOptions,
  WANTED,
} from './options.ts';
import { runProcess } from './process.ts';
import { ACTION, type ResourcesOptions, readResourcesOptions } from './resources-options.ts';
import { EXTRA_COLUMNS, USER_STATES } from './user-rows.ts';

const OUTPUT: OptionSpec = {
  type: 'string',
  value: 'table|json',
  describe: 'Print lines for people (table), or one JSON object per line (json)',
};

export const checkCommand = defineCommand<CheckOptions>({
  name: 'check',
  describe: 'Check everything that the agent needs, and print what to fix. Sends nothing.',
  examples: [
    ['check --config config.yaml', 'Check switch, ledger, key and configuration'],
    ['check --config config.yaml --output json', 'The same for programs, a line a step'],
  ],
  options: {
    output: OUTPUT,
    ...configOptions(),
  },
  read: readCheckOptions,
  load: async () => (await import('./check.ts')).checkBody,
});

export const explainCommand = defineCommand<ExplainOptions>({
  name: 'explain',
  describe: 'Explain the status of one user, from its BGP neighbor to its ledger record. Sends nothing.',
  argument: { name: WANTED, describe: 'public key, client address or tunnel id of the user' },
  examples: [
    ['explain 192.0.2.7 --config config.yaml', 'Explain the user of this client address, as the running agent sees it'],
    ['explain 503 --config config.yaml --fresh', 'Read switch and ledger now, for the user of this tunnel'],
  ],
  options: {
    fresh: { type: 'boolean', describe: 'Read switch and ledger now instead of asking the running agent' },
    output: OUTPUT,
    ...configOptions(),
  },
  read: readExplainOptions,
  load: async () => (await import('./explain.ts')).explainBody,
});

export const historyCommand = defineCommand<HistoryOptions>({
  name: 'history',
  describe: "Show a user's past from the ledger's transactions: each change, availability, gaps. Needs no switch, no agent and no key.",
  argument: {
    name: WANTED,
    describe: 'public key or client address of a user; without it, the availability of all users of the device',
    optional: true,
  },
  examples: [
    ['history 192.0.2.7 --since 30d', 'Each change of this user in the last 30 days'],
    ['history --device PUBKEY --output csv', 'The availability of all users of a device, in CSV'],
  ],
  options: {
    since: { type: 'string', value: 'DURATION', describe: 'How far back, by default 7d' },
    'stale-after': {
      type: 'string',
      value: 'DURATION',
      describe: 'How long a report stands without a refresh, by default policy.refreshInterval + 15m',
    },
    output: { type: 'string', value: 'table|json|csv', describe: 'Print tables, one JSON object per line, or CSV' },
    ...configOptions(),
  },
  read: readHistoryOptions,
  load: async () => (await import('./history.ts')).historyBody,
});

export const runCommand = defineCommand<RunOptions>({
  name: 'run',
  describe: 'Watch a device and write status changes to the ledger.',
  examples: [
    ['run --config config.yaml --dry-run --once', 'Print what the agent would write now'],
    ['run --config config.yaml', 'Run the agent until it is interrupted'],
  ],
  options: {
    'dry-run': { type: 'boolean', describe: 'Print each intended write, send nothing' },
    once: { type: 'boolean', describe: 'Run one poll, confirm its writes, exit' },
    output: { type: 'string', value: 'table|json', describe: 'With --dry-run: print a table, or one JSON object per line' },
    ...configOptions(),
  },
  read: readRunOptions,
  load: async () => (await import('./run.ts')).runBody,
});

export const statusCommand = defineCommand<StatusOptions>({
  name: 'status',
  describe: 'Show the ledger records of the users of a device, or of all devices. Needs no switch and no key.',
  examples: [
    ['status --config config.yaml --watch', 'Show the users of the device, and read again every 5 s'],
    ['status --all --down-for 30d --never-connected --output csv', 'Users of all devices that do not use their seat'],
  ],
  options: {
    all: { type: 'boolean', describe: 'Show the users of all devices of the network' },
    watch: { type: 'boolean', describe: 'Read and print again until interrupted' },
    interval: { type: 'string', value: 'DURATION', describe: 'With --watch: time between two reads, by default 5s' },
    sort: { type: 'string', value: 'FIELD', describe: `${orList(SORT_FIELDS)}; by default ${SORT_FIELDS[0]}` },
    filter: {
      type: 'string',
      value: 'STATE',
      describe: `Show only these states, separated by commas: ${USER_STATES.join(', ')}`,
    },
    'stale-after': { type: 'string', value: 'DURATION', describe: 'Age from which a record is stale, by default 2h' },
    'stale-for': { type: 'string', value: 'DURATION', describe: 'Show users without a report for this long, such as 30d' },
    'down-for': { type: 'string', value: 'DURATION', describe: 'Show users that are down, and were last reported up this long ago' },
    'never-connected': { type: 'boolean', describe: 'Show users that are down, and were never reported up' },
    columns: { type: 'string', value: 'LIST', describe: `Add ${orList(EXTRA_COLUMNS)}, separated by commas` },
    output: { type: 'string', value: 'table|json|csv', describe: 'Print a table, one JSON object per line, or CSV' },
    ...configOptions(),
  },
  read: readStatusOptions,
  load: async () => (await import('./status.ts')).statusBody,
});

export const resourcesCommand = defineCommand<ResourcesOptions>({
  name: 'resources',
  describe: 'Show and audit the pools of a network, deployed and of RFC-11, and migrate from one to the other.',
  argument: { name: ACTION, many: true, describe: 'show, audit, migrate plan, migrate apply FILE, or sweep (docs/rfc11.md)' },
  examples: [
    ['resources audit --config config.yaml', 'Compare the pools with what their users hold'],
    ['resources migrate plan --out plan.json --config config.yaml', 'Write what a migration to RFC-11 would do'],
  ],
  options: {
    out: { type: 'string', value: 'FILE', describe: 'migrate plan: write the plan to this file' },
    'reserved-start': {
      type: 'string',
      value: 'SLOTS',
      describe: 'migrate plan: slots at the start of each DoubleZero prefix that are never given out, by default 2',
    },
    execute: { type: 'boolean', describe: 'migrate apply, sweep: send transactions; without it they are only described' },
    output: OUTPUT,
    ...configOptions(),
    device: { type: 'string', value: 'DEVICE', describe: "show: only this device's pools; its public key or its code" },
    keypair: {
      type: 'string',
      value: 'FILE',
      describe: "migrate apply, sweep: key file of the sender, as solana-keygen writes it; for apply on the foundation's allowlist",
    },
  },
  read: readResourcesOptions,
  load: async () => (await import('./resources.ts')).resourcesBody,
});

export const supportCommand = defineCommand<SupportOptions>({
  name: 'support',
  describe:
    'Write a support bundle to standard output: version, configuration without secrets, status, metrics, log, check. Sends nothing.',
  examples: [
    ['support --config config.yaml > bundle.tar.gz', 'Write the bundle to a file'],
    ['support --config config.yaml | tar -tz', 'List what is in it'],
  ],
  options: configOptions(),
  read: readConfigChoice,
  load: async () => (await import('./support.ts')).supportBody,
});

export const COMMANDS: readonly Command[] = [
  runCommand,
  checkCommand,
  statusCommand,
  explainCommand,
  historyCommand,
  resourcesCommand,
  supportCommand,
];

/** Commands that dzd-localnet has now, and what to type instead. */
const COMMANDS_OF_LOCALNET: ReadonlyMap<string | undefined, string> = new Map([
  ['localnet', 'dzd-localnet'],
  ['demo', 'dzd-localnet demo'],
]);

/** Runs `dzd-telemetry` with these arguments. Never throws. */
export async function runAgentCommandLine(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const instead = COMMANDS_OF_LOCALNET.get(args[0]);
  if (instead === undefined) return await runCommandLine(args, COMMANDS, io);
  io.stderr.write(
    `dzd-telemetry: localnet is a command of its own, dzd-localnet: type "${instead}" instead of "dzd-telemetry ${args[0]}"\n`,
  );
  return 2;
}

/** Runs the command of this process to its end. */
export function runCommands(): Promise<void> {
  return runProcess(runAgentCommandLine);
}

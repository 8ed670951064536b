import { type CommandIo, configOptions, defineCommand, type ExitCode, type RunOptions, readRunOptions, settingOptions } from './command.ts';
import { runCommandLine } from './command-line.ts';
import {
  type CheckOptions,
  type ExplainOptions,
  readCheckOptions,
  readExplainOptions,
  readStatusOptions,
  type StatusOptions,
  WANTED,
} from './options.ts';
import { runProcess } from './process.ts';

export const checkCommand = defineCommand<CheckOptions>({
  name: 'check',
  describe: 'Look at everything that the agent needs, and say what is missing. Sends nothing.',
  options: {
    output: { type: 'string', value: 'table|json', describe: 'A line a check for people, or an object a line' },
    ...configOptions(),
  },
  read: readCheckOptions,
  load: async () => (await import('./check.ts')).checkBody,
});

export const explainCommand = defineCommand<ExplainOptions>({
  name: 'explain',
  describe: 'Tell all about one user: from the neighbor on the switch to the record on the ledger. Sends nothing.',
  argument: { name: WANTED, describe: "the user's public key, its client address, or its tunnel id" },
  options: {
    fresh: { type: 'boolean', describe: 'Read switch and ledger now, even if an agent runs that could tell' },
    output: { type: 'string', value: 'table|json', describe: 'Words for people, or one object a user' },
    ...configOptions(),
  },
  read: readExplainOptions,
  load: async () => (await import('./explain.ts')).explainBody,
});

export const runCommand = defineCommand<RunOptions>({
  name: 'run',
  describe: 'Watch a device and keep the ledger right.',
  options: {
    config: { type: 'string', value: 'FILE', describe: 'Configuration file; also DZD_CONFIG' },
    'dry-run': { type: 'boolean', describe: 'Send nothing; print each intended write' },
    once: { type: 'boolean', describe: 'End after one tick and what it wrote' },
    output: { type: 'string', value: 'table|json', describe: 'How intended writes are printed' },
    ...settingOptions(),
  },
  read: readRunOptions,
  load: async () => (await import('./run.ts')).runBody,
});

export const statusCommand = defineCommand<StatusOptions>({
  name: 'status',
  describe: 'Show what the ledger says of the users of a device, or of all devices. Needs no switch and no key.',
  options: {
    all: { type: 'boolean', describe: 'The users of every device of the network' },
    watch: { type: 'boolean', describe: 'Read again every few seconds, until interrupted' },
    interval: { type: 'string', value: 'DURATION', describe: 'With --watch: the time between two readings, 5s by default' },
    sort: { type: 'string', value: 'FIELD', describe: 'state, user, device, tunnel, client-ip, rtt or age; state by default' },
    filter: {
      type: 'string',
      value: 'STATE',
      describe: 'Only these, separated by commas: connected, down, stale, never-connected, unreported, not-in-service, device-unknown',
    },
    'stale-after': { type: 'string', value: 'DURATION', describe: 'A record that is older is stale, 2h by default' },
    output: { type: 'string', value: 'table|json', describe: 'A table for people, or an object a line' },
    ...configOptions(),
  },
  read: readStatusOptions,
  load: async () => (await import('./status.ts')).statusBody,
});

const COMMANDS = [runCommand, checkCommand, statusCommand, explainCommand];

/** Words that belong to dzd-localnet, and what to type instead. */
const COMMANDS_OF_LOCALNET: ReadonlyMap<string | undefined, string> = new Map([
  ['localnet', 'dzd-localnet'],
  ['demo', 'dzd-localnet demo'],
]);

/** Runs what the arguments of `dzd-telemetry` ask for. Never throws. */
export async function runAgentCommandLine(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const instead = COMMANDS_OF_LOCALNET.get(args[0]);
  if (instead === undefined) return await runCommandLine(args, COMMANDS, io);
  io.stderr.write(
    `dzd-telemetry: localnet is a command of its own, dzd-localnet: type "${instead}" instead of "dzd-telemetry ${args[0]}"\n`,
  );
  return 2;
}

/** Runs the command that the process was started for, to its end. */
export function runCommands(): Promise<void> {
  return runProcess(runAgentCommandLine);
}

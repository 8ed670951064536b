import { type Command, type CommandIo, defineCommand, type ExitCode } from '../src/cli/command.ts';
import { type Program, runCommandLine } from '../src/cli/command-line.ts';
import {
  argumentOf,
  DEFAULT_USERS,
  DEMO_DEFAULT_USERS,
  type DemoOptions,
  DRIVE_OPTIONS,
  type DriveOptions,
  type DrivingCommand,
  type LocalnetOptions,
  readDemoOptions,
  readDriveOptions,
  readLocalnetOptions,
  USER_OPTIONS,
  verbsHelp,
} from './options.ts';

export const startCommand = defineCommand<LocalnetOptions>({
  name: 'start',
  describe: 'Start a ledger and a simulated device on this host, to try things on. This is what runs when no command is named.',
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEFAULT_USERS} by default` },
    'rpc-port': { type: 'string', value: 'PORT', describe: "TCP port of the ledger's JSON-RPC, 8899 if it is free; 0 takes any" },
    'eapi-port': { type: 'string', value: 'PORT', describe: "TCP port of the device's eAPI, 8080 if it is free; 0 takes any" },
    'snmp-port': { type: 'string', value: 'PORT', describe: "UDP port of the device's SNMP agent, 1161 if it is free; 0 takes any" },
    'grpc-port': { type: 'string', value: 'PORT', describe: "TCP port of the device's EosSdkRpc, 9543 if it is free; 0 takes any" },
    'eapi-key': { type: 'string', value: 'FILE', describe: 'Private key in PEM; with --eapi-cert the eAPI is an HTTPS one' },
    'eapi-cert': { type: 'string', value: 'FILE', describe: 'Certificate in PEM; with --eapi-key the eAPI is an HTTPS one' },
    'state-ingest-port': { type: 'string', value: 'PORT', describe: 'TCP port of a state-ingest server, 0 for any; none without' },
    'eapi-socket': { type: 'string', value: 'PATH', describe: 'Unix socket of the eAPI; by default in a temporary folder' },
    scenario: { type: 'string', value: 'static|churn', describe: 'Whether users stay connected or come, flap and go' },
    keypair: {
      type: 'string',
      value: 'FILE',
      describe: "Key file of the device's metrics publisher; by default a new one in a temporary folder",
    },
    genesis: { type: 'string', value: 'FILE', describe: 'Begin with the devices, tenants and users of this YAML file' },
    restore: { type: 'string', value: 'FILE', describe: 'Go on from the state that `dzd-localnet snapshot FILE` wrote' },
    output: { type: 'string', value: 'table|json', describe: 'How the addresses are printed' },
  },
  read: readLocalnetOptions,
  load: async () => (await import('./start.ts')).localnetBody,
});

export const demoCommand = defineCommand<DemoOptions>({
  name: 'demo',
  describe: 'Run the agent against a ledger and a simulated device of its own, and show what happens.',
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEMO_DEFAULT_USERS} by default` },
    for: { type: 'string', value: 'DURATION', describe: 'End after this time, such as 30s; by default run until stopped' },
    output: { type: 'string', value: 'table|json', describe: 'A live table, or one JSON object a line' },
    seed: { type: 'string', value: 'N', describe: 'Repeat the run that had this seed' },
  },
  read: readDemoOptions,
  load: async () => (await import('./demo.ts')).demoBody,
});

function drivingCommand(name: DrivingCommand, describe: string, options: Command['options'] = {}): Command {
  return defineCommand<DriveOptions>({
    name,
    describe: `${describe} of a localnet that runs.`,
    argument: { name: argumentOf(name), many: name !== 'snapshot', describe: verbsHelp(name) },
    options: { ...DRIVE_OPTIONS, ...options },
    read: (values) => readDriveOptions(name, values),
    load: async () => (await import('./drive.ts')).driveBody,
  });
}

const COMMANDS: readonly Command[] = [
  startCommand,
  demoCommand,
  drivingCommand('user', 'List, create, delete, ban, connect or disconnect users', USER_OPTIONS),
  drivingCommand('device', 'Show, change or reboot the device'),
  drivingCommand('faults', 'Show, set or clear faults'),
  drivingCommand('snapshot', 'Write the state'),
];

const LOCALNET: Program = {
  name: 'dzd-localnet',
  describe: 'A DoubleZero ledger and a simulated device on this host, to try the agent on.',
};

/** Runs what the arguments of `dzd-localnet` ask for: `start` when they name no command. Never throws. */
export function runLocalnetCommandLine(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const isAboutAll = args.some((arg) => ['--help', '-h', '--version'].includes(arg));
  const namesNone = args[0] === undefined || args[0].startsWith('-');
  return runCommandLine(namesNone && !isAboutAll ? ['start', ...args] : args, COMMANDS, io, LOCALNET);
}

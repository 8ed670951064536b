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
  INTERFACE_OPTIONS,
  type LocalnetOptions,
  PASS_OPTIONS,
  readDemoOptions,
  readDriveOptions,
  readLocalnetOptions,
  USER_OPTIONS,
  verbsHelp,
} from './options.ts';

export const startCommand = defineCommand<LocalnetOptions>({
  name: 'start',
  describe: 'Start a ledger and a simulated device on this host. The default command.',
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEFAULT_USERS} by default` },
    'rpc-port': { type: 'string', value: 'PORT', describe: "TCP port of the ledger's JSON-RPC; 8899 by default if free, 0 for any" },
    'eapi-port': { type: 'string', value: 'PORT', describe: "TCP port of the device's eAPI; 8080 by default if free, 0 for any" },
    'snmp-port': { type: 'string', value: 'PORT', describe: "UDP port of the device's SNMP agent; 1161 by default if free, 0 for any" },
    'grpc-port': { type: 'string', value: 'PORT', describe: "TCP port of the device's EosSdkRpc; 9543 by default if free, 0 for any" },
    'eapi-key': { type: 'string', value: 'FILE', describe: 'Private key for HTTPS on the eAPI, PEM; requires --eapi-cert' },
    'eapi-cert': { type: 'string', value: 'FILE', describe: 'Certificate for HTTPS on the eAPI, PEM; requires --eapi-key' },
    'state-ingest-port': { type: 'string', value: 'PORT', describe: 'TCP port of a state-ingest server, 0 for any; no server by default' },
    'eapi-socket': { type: 'string', value: 'PATH', describe: 'Unix socket of the eAPI; by default in a temporary folder' },
    scenario: { type: 'string', value: 'static|churn', describe: 'static: users stay connected; churn: users connect, flap and leave' },
    program: {
      type: 'string',
      value: 'rfc11|deployed|legacy',
      describe:
        "rfc11: RFC-11 as drafted, beside RFC-19; deployed: the program and the accounts of a network today; legacy: RFC-11's program on those accounts",
    },
    'slots-per-epoch': { type: 'string', value: 'N', describe: 'Slots of an epoch, 432000 by default; access passes end with epochs' },
    keypair: {
      type: 'string',
      value: 'FILE',
      describe: "Key file of the device's metrics publisher; by default a new one in a temporary folder",
    },
    genesis: { type: 'string', value: 'FILE', describe: 'YAML file with the initial devices, tenants and users' },
    restore: { type: 'string', value: 'FILE', describe: 'Restore the state that `dzd-localnet snapshot FILE` wrote' },
    output: { type: 'string', value: 'table|json', describe: 'Output format of the addresses' },
  },
  read: readLocalnetOptions,
  load: async () => (await import('./start.ts')).localnetBody,
});

export const demoCommand = defineCommand<DemoOptions>({
  name: 'demo',
  describe: 'Run the agent against its own ledger and simulated device, and show the results.',
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEMO_DEFAULT_USERS} by default` },
    for: { type: 'string', value: 'DURATION', describe: 'End after this time, such as 30s; by default it runs until stopped' },
    output: { type: 'string', value: 'table|json', describe: 'A live table, or one JSON object per line' },
    seed: { type: 'string', value: 'N', describe: 'Seed of the run, to repeat it' },
  },
  read: readDemoOptions,
  load: async () => (await import('./demo.ts')).demoBody,
});

function drivingCommand(name: DrivingCommand, describe: string, options: Command['options'] = {}): Command {
  return defineCommand<DriveOptions>({
    name,
    describe: `${describe} of a running localnet.`,
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
  drivingCommand('device', 'Show, change or reboot the device, or create another one'),
  drivingCommand('pass', 'Create or expire access passes', PASS_OPTIONS),
  drivingCommand('contributor', 'Create contributors'),
  drivingCommand('location', 'Create locations'),
  drivingCommand('exchange', 'Create exchanges'),
  drivingCommand('link', 'Create links'),
  drivingCommand('interface', 'Create interfaces', INTERFACE_OPTIONS),
  drivingCommand('group', 'Create multicast groups'),
  drivingCommand('faults', 'Show, set or clear faults'),
  drivingCommand('snapshot', 'Write the state'),
];

const LOCALNET: Program = {
  name: 'dzd-localnet',
  describe: 'A DoubleZero ledger and a simulated device on this host, to try the agent on.',
};

/** Runs the command line of `dzd-localnet`; the default command is `start`. Never throws. */
export function runLocalnetCommandLine(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const isAboutAll = args.some((arg) => ['--help', '-h', '--version'].includes(arg));
  const namesNone = args[0] === undefined || args[0].startsWith('-');
  return runCommandLine(namesNone && !isAboutAll ? ['start', ...args] : args, COMMANDS, io, LOCALNET);
}

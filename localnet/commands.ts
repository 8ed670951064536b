import { type Command, type CommandIo, defineCommand, type Example, type ExitCode } from '../src/cli/command.ts';
import { COMPLETION_REQUEST, type Program, runCommandLine } from '../src/cli/command-line.ts';
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
  MIGRATE_DEMO_USERS,
  type MigrateDemoOptions,
  PASS_OPTIONS,
  readDemoOptions,
  readDriveOptions,
  readLocalnetOptions,
  readMigrateDemoOptions,
  USER_OPTIONS,
  verbsHelp,
  verbsIn,
} from './options.ts';

export const startCommand = defineCommand<LocalnetOptions>({
  name: 'start',
  describe: 'Start a ledger and a simulated device on this host. The default command.',
  examples: [
    ['start --users 5', 'Start with five connected users, and print the addresses'],
    ['start --scenario churn --output json', 'Let users connect, flap and leave; print the addresses as JSON'],
  ],
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
        "rfc11: RFC-11 as drafted, with RFC-19; deployed: the program and the accounts of a network today; legacy: RFC-11's program on those accounts",
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
  examples: [
    ['demo', 'Run until it is interrupted, with a live table'],
    ['demo --for 30s --output json', 'Run for 30 s, print events and a summary'],
  ],
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the device, ${DEMO_DEFAULT_USERS} by default` },
    for: { type: 'string', value: 'DURATION', describe: 'End after this time, such as 30s; by default it runs until stopped' },
    output: { type: 'string', value: 'table|json', describe: 'A live table, or one JSON object per line' },
    seed: { type: 'string', value: 'N', describe: 'Seed of the run, to repeat it' },
  },
  read: readDemoOptions,
  load: async () => (await import('./demo.ts')).demoBody,
});

export const migrateDemoCommand = defineCommand<MigrateDemoOptions>({
  name: 'migrate-demo',
  describe: "Take RFC-11's six phases on a network from before, with users that wait for the activator, and audit the result.",
  examples: [
    ['migrate-demo', 'Migrate a network of 200 users'],
    ['migrate-demo --users 2000 --output json', 'Migrate a larger one, and print one JSON object a phase'],
  ],
  options: {
    users: { type: 'string', value: 'N', describe: `Users of the old network, ${MIGRATE_DEMO_USERS} by default` },
    output: { type: 'string', value: 'table|json', describe: 'The commands with their output, or one JSON object per line' },
  },
  read: readMigrateDemoOptions,
  load: async () => (await import('./migrate-demo.ts')).migrateDemoBody,
});

function drivingCommand(
  name: DrivingCommand,
  describe: string,
  examples: readonly [Example, Example],
  options: Command['options'] = {},
): Command {
  return defineCommand<DriveOptions>({
    name,
    examples,
    verbs: verbsIn(name, examples),
    describe: `${describe} of a running localnet.`,
    argument: { name: argumentOf(name), many: name !== 'snapshot', describe: verbsHelp(name) },
    options: { ...DRIVE_OPTIONS, ...options },
    read: (values) => readDriveOptions(name, values),
    load: async () => (await import('./drive.ts')).driveBody,
  });
}

export const COMMANDS: readonly Command[] = [
  startCommand,
  demoCommand,
  migrateDemoCommand,
  drivingCommand(
    'user',
    'List, create, delete, ban, connect or disconnect users',
    [
      ['user create --client-ip 198.18.0.9 --connect', 'Create a user, and bring its BGP session up'],
      ['user disconnect 198.18.0.9', 'Take its BGP session down'],
    ],
    USER_OPTIONS,
  ),
  drivingCommand('device', 'Show, change or reboot the device, or create or delete another one', [
    ['device status drained', 'Drain the device'],
    ['device reboot', 'Reboot the switch: every session goes down'],
  ]),
  drivingCommand(
    'pass',
    'Create or expire access passes',
    [
      ['pass create customer.json --epochs 2', 'Create an access pass for the key in a file, valid for two epochs more'],
      ['pass expire PASS', 'End an access pass'],
    ],
    PASS_OPTIONS,
  ),
  drivingCommand('contributor', 'Create contributors', [
    ['contributor create acme owner.json', 'Create a contributor for the key in a file'],
    ['contributor create acme OWNER --output json', 'The same for a public key, and print its address as JSON'],
  ]),
  drivingCommand('location', 'Create locations', [
    ['location create ams', 'Create a location'],
    ['location create ams --output json', 'The same, and print its address as JSON'],
  ]),
  drivingCommand('exchange', 'Create exchanges', [
    ['exchange create xams', 'Create an exchange'],
    ['exchange create xams --output json', 'The same, and print its address as JSON'],
  ]),
  drivingCommand('link', 'Create or delete links', [
    ['link create ams-fra DEVICE DEVICE', 'Create a link between two devices'],
    ['link create ams-fra DEVICE DEVICE --output json', 'The same, and print its address as JSON'],
  ]),
  drivingCommand(
    'interface',
    'Create or delete interfaces',
    [
      ['interface create Loopback100 --with-address', 'Create a loopback of the device with a DoubleZero address'],
      ['interface create Ethernet1 DEVICE', 'Create a physical interface of another device'],
    ],
    INTERFACE_OPTIONS,
  ),
  drivingCommand('group', 'Create or delete multicast groups', [
    ['group create jito', 'Create a multicast group'],
    ['group create jito --output json', 'The same, and print its address as JSON'],
  ]),
  drivingCommand('faults', 'Show, set or clear faults', [
    ['faults set ledger lagSlots=40', 'Let the ledger lag 40 slots behind'],
    ['faults set switch kind=slow delayMs=500', 'Let the switch answer 500 ms late'],
  ]),
  drivingCommand('snapshot', 'Write the state', [
    ['snapshot state.json', 'Write the state to a file'],
    ['snapshot state.json --rpc-url http://127.0.0.1:8899', 'The same of the localnet at this address'],
  ]),
];

const LOCALNET: Program = {
  name: 'dzd-localnet',
  describe: 'A DoubleZero ledger and a simulated device on this host, to try the agent on.',
  examples: [
    ['start --users 5', 'Start a ledger and a device with five users'],
    ['user create --help', 'Show the help of one verb'],
  ],
};

/** Runs the command line of `dzd-localnet`; the default command is `start`. Never throws. */
export function runLocalnetCommandLine(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const isAboutAll = args.some((arg) => ['--help', '-h', '--version', '-V', COMPLETION_REQUEST].includes(arg));
  const namesNone = args[0] === undefined || args[0].startsWith('-');
  return runCommandLine(namesNone && !isAboutAll ? ['start', ...args] : args, COMMANDS, io, LOCALNET);
}

import { defineCommand } from '../src/cli/command.ts';
import {
  DEFAULT_USERS,
  DEMO_DEFAULT_USERS,
  type DemoOptions,
  DRIVE_OPTIONS,
  type DriveOptions,
  type LocalnetOptions,
  readDemoOptions,
  readDriveOptions,
  readLocalnetOptions,
  VERBS_HELP,
  WORDS,
} from './options.ts';

export const localnetCommand = defineCommand<LocalnetOptions | DriveOptions>({
  name: 'localnet',
  describe: 'Start a ledger and a simulated device on this host, to try things on; or drive one that runs.',
  argument: { name: WORDS, many: true, describe: VERBS_HELP },
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
    restore: { type: 'string', value: 'FILE', describe: 'Go on from the state that `localnet snapshot FILE` wrote' },
    output: { type: 'string', value: 'table|json', describe: 'How the addresses are printed' },
    ...DRIVE_OPTIONS,
  },
  read: (values) => readDriveOptions(values) ?? readLocalnetOptions(values),
  load: async () => async (options, io) =>
    'requests' in options ? (await import('./drive.ts')).driveBody(options, io) : (await import('./start.ts')).localnetBody(options, io),
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

import { AgentError } from '../platform/index.ts';
import { type CommandBody, defineCommand } from './command.ts';
import { choiceOption, type OptionValues, textOption, wholeNumberOption } from './option-values.ts';

export interface LocalnetOptions {
  /** How many users the device has. */
  readonly users: number;
  /** TCP and UDP ports on loopback; 0 takes any that is free; absent: the usual one, or a free one when that is taken. */
  readonly rpcPort?: number;
  readonly eapiPort?: number;
  readonly snmpPort?: number;
  readonly grpcPort?: number;
  /** TCP port of a state-ingest server on loopback, 0 for any; absent: there is none. */
  readonly stateIngestPort?: number;
  /** PEM files that make the eAPI an HTTPS one. */
  readonly eapiTls?: { readonly keyFile: string; readonly certFile: string };
  /** Path of the eAPI socket; absent: one in a temporary folder. */
  readonly eapiSocket?: string;
  /** static: users connect and stay; churn: they connect, flap and leave. */
  readonly scenario: 'static' | 'churn';
  /** Key file of the device's metrics publisher; absent: a new one in a temporary folder. */
  readonly keypair?: string;
  readonly output: 'table' | 'json';
}

export type LocalnetBody = CommandBody<LocalnetOptions>;

/** As many as a device of the largest kind takes. */
export const MAX_USERS = 4_096;
const DEFAULT_USERS = 24;

export const localnetCommand = defineCommand<LocalnetOptions>({
  name: 'localnet',
  describe: 'Start a ledger and a simulated device on this host, to try things on.',
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
    output: { type: 'string', value: 'table|json', describe: 'How the addresses are printed' },
  },
  read: readLocalnetOptions,
  load: async () => (await import('./localnet-body.ts')).localnetBody,
});

export function readLocalnetOptions(values: OptionValues): LocalnetOptions {
  const port = (name: string): number | undefined => wholeNumberOption(values, name, { min: 0, max: 65_535 });
  const [rpcPort, eapiPort, snmpPort, grpcPort] = [port('rpc-port'), port('eapi-port'), port('snmp-port'), port('grpc-port')];
  const stateIngestPort = port('state-ingest-port');
  const [keyFile, certFile] = [textOption(values, 'eapi-key'), textOption(values, 'eapi-cert')];
  if ((keyFile === undefined) !== (certFile === undefined)) {
    throw new AgentError('CONFIG__USAGE', { problem: '--eapi-key and --eapi-cert go together: give both, or neither for plain HTTP' });
  }
  const eapiSocket = textOption(values, 'eapi-socket');
  const keypair = textOption(values, 'keypair');
  return {
    users: wholeNumberOption(values, 'users', { min: 0, max: MAX_USERS }) ?? DEFAULT_USERS,
    ...(rpcPort === undefined ? {} : { rpcPort }),
    ...(eapiPort === undefined ? {} : { eapiPort }),
    ...(snmpPort === undefined ? {} : { snmpPort }),
    ...(grpcPort === undefined ? {} : { grpcPort }),
    ...(keyFile === undefined || certFile === undefined ? {} : { eapiTls: { keyFile, certFile } }),
    ...(stateIngestPort === undefined ? {} : { stateIngestPort }),
    ...(eapiSocket === undefined ? {} : { eapiSocket }),
    scenario: choiceOption(values, 'scenario', ['static', 'churn']),
    ...(keypair === undefined ? {} : { keypair }),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

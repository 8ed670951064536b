import { AgentError } from '../lib/index.ts';
import { type CommandBody, choiceOption, type OptionValues, textOption, usage, wholeNumberOption } from './command.ts';

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
  /** A file of `localnet snapshot` to go on from. */
  readonly restore?: string;
  /** A YAML file with the world to begin with. */
  readonly genesis?: string;
  readonly output: 'table' | 'json';
}

export type LocalnetBody = CommandBody<LocalnetOptions>;

/** As many as a device of the largest kind takes. */
export const MAX_USERS = 4_096;
export const DEFAULT_USERS = 24;

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
  const restore = textOption(values, 'restore');
  const genesis = textOption(values, 'genesis');
  if (restore !== undefined && genesis !== undefined)
    throw usage('--restore and --genesis exclude each other: a world that was, or a new one');
  if ((restore ?? genesis) !== undefined && values.users !== undefined) {
    throw usage(`--users does not go with --${restore === undefined ? 'genesis' : 'restore'}, which says what users there are`);
  }
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
    ...(restore === undefined ? {} : { restore }),
    ...(genesis === undefined ? {} : { genesis }),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

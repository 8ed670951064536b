import {
  type CommandBody,
  choiceOption,
  durationOption,
  isOn,
  type OptionSpec,
  type OptionValues,
  textOption,
  usage,
  wholeNumberOption,
} from '../src/cli/command.ts';
import { nearest } from '../src/config/index.ts';
import { AgentError } from '../src/lib/index.ts';
import { DeviceStatus, isAddress, isIpv4 } from '../src/serviceability/index.ts';

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
  /** A file of `dzd-localnet snapshot` to go on from. */
  readonly restore?: string;
  /** A YAML file with the world to begin with. */
  readonly genesis?: string;
  readonly output: 'table' | 'json';
}

export type LocalnetBody = CommandBody<LocalnetOptions>;

/** As many as a device of the largest kind takes. */
const MAX_USERS = 4_096;
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

export interface DemoOptions {
  readonly users: number;
  /** How long to run, milliseconds; absent: until it is stopped. */
  readonly forMs?: number;
  readonly output: 'table' | 'json';
  /** The same seed gives the same users, flaps and faults; absent: a new one. */
  readonly seed?: number;
}

export type DemoBody = CommandBody<DemoOptions>;

/** As many as fit on a screen. */
export const DEMO_DEFAULT_USERS = 24;

export function readDemoOptions(values: OptionValues): DemoOptions {
  const forMs = durationOption(values, 'for');
  const seed = wholeNumberOption(values, 'seed', { min: 0, max: 4_294_967_295 });
  return {
    users: wholeNumberOption(values, 'users', { min: 1, max: MAX_USERS }) ?? DEMO_DEFAULT_USERS,
    ...(forMs === undefined ? {} : { forMs }),
    output: choiceOption(values, 'output', ['table', 'json']),
    ...(seed === undefined ? {} : { seed }),
  };
}

export interface Request {
  readonly method: string;
  /** The one object that the method takes. `user` may be a client address, and `device` is filled in where `needsDevice`. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly needsDevice?: boolean;
  /** Where the answer goes instead of to standard output. */
  readonly file?: string;
}

interface Verb {
  /** What follows it, for people. */
  readonly takes: string;
  readonly describe: string;
  /** The least and the most words that may follow. */
  readonly count: readonly [number, number];
  /** Options that go with it beside the common ones. */
  readonly options?: readonly string[];
  /** Throws AgentError `CONFIG__USAGE`. */
  readonly requests: (words: readonly string[], values: OptionValues) => readonly Request[];
}

const LONGEST_RTT_US = 60_000_000;
const ANY = Number.POSITIVE_INFINITY;
const show = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: '',
  count: [0, 0],
  requests: () => [{ method, params: {} }],
});
const ofUser = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: 'USER',
  count: [1, 1],
  requests: ([word = '']) => [{ method, params: { user: readUser(word) } }],
});

/** What `dzd-localnet` can do with a localnet that runs. USER is a public key or a client address. */
const VERBS: Readonly<Record<string, Verb>> = {
  'user list': { describe: 'the users', ...show('localnet_users') },
  'user create': {
    takes: '',
    count: [0, 0],
    describe: 'a new one, by CreateAndActivateUser',
    options: ['client-ip', 'kind', 'tenant', 'connect'],
    requests: (_, values) => [{ method: 'localnet_addUser', params: newUser(values) }],
  },
  'user delete': { describe: 'by DeleteUser', ...ofUser('localnet_deleteUser') },
  'user ban': { describe: 'by BanUser', ...ofUser('localnet_banUser') },
  'user connect': {
    ...ofUser('localnet_connectUser'),
    describe: 'its BGP session comes up',
    options: ['rtt-us'],
    requests([word = ''], values) {
      const rttUs = wholeNumberOption(values, 'rtt-us', { min: 0, max: LONGEST_RTT_US });
      return [{ method: 'localnet_connectUser', params: { user: readUser(word), ...(rttUs === undefined ? {} : { rttUs }) } }];
    },
  },
  'user disconnect': { describe: 'its BGP session goes down', ...ofUser('localnet_disconnectUser') },
  'device show': { describe: 'the device', ...show('localnet_device') },
  'device publisher': {
    takes: 'PUBKEY',
    count: [1, 1],
    describe: 'the key that may write its statuses',
    requests([word = '']) {
      if (!isAddress(word)) throw usage(`${JSON.stringify(word.slice(0, 60))} is no public key`);
      return [{ method: 'localnet_changeDevice', params: { metricsPublisher: word }, needsDevice: true }];
    },
  },
  'device status': {
    takes: 'NAME',
    count: [1, 1],
    describe: 'activated, drained, …',
    requests([word = '']) {
      const found = Object.entries(DeviceStatus).find(([name]) => name === word);
      if (found === undefined) throw usage(`device status: expected ${Object.keys(DeviceStatus).join(', ')}`);
      return [{ method: 'localnet_changeDevice', params: { status: found[1] }, needsDevice: true }];
    },
  },
  'device reboot': { describe: 'every session goes down', ...show('localnet_rebootSwitch') },
  snapshot: {
    takes: 'FILE',
    count: [1, 1],
    describe: 'write the state to a file, for --restore',
    requests: ([file = '']) => [{ method: 'localnet_snapshot', params: {}, file }],
  },
  'faults show': {
    takes: 'ledger|switch',
    count: [1, 1],
    describe: 'the faults that hold',
    requests: ([side]) => [{ method: side === 'ledger' ? 'localnet_faults' : switchOr(side, 'localnet_switchFaults'), params: {} }],
  },
  'faults set': {
    takes: 'ledger|switch NAME=VALUE…',
    count: [2, ANY],
    describe: 'as in docs/localnet.md; values are JSON',
    requests: ([side, ...pairs]) => [
      { method: side === 'ledger' ? 'localnet_setFaults' : switchOr(side, 'localnet_beginSwitchFault'), params: readPairs(pairs) },
    ],
  },
  'faults clear': {
    takes: '[ledger|switch]',
    count: [0, 1],
    describe: 'end them',
    requests: ([side]) => {
      const ledger = { method: 'localnet_clearFaults', params: {} };
      const device = { method: 'localnet_clearSwitchFaults', params: {} };
      if (side === undefined) return [ledger, device];
      return [side === 'ledger' ? ledger : { ...device, method: switchOr(side, device.method) }];
    },
  },
};

function switchOr(side: string | undefined, method: string): string {
  if (side === 'switch') return method;
  throw usage(`faults are of the ledger or of the switch, not of ${JSON.stringify(side?.slice(0, 60))}`);
}

function newUser(values: OptionValues): Readonly<Record<string, unknown>> {
  const clientIp = textOption(values, 'client-ip');
  if (clientIp !== undefined && !isIpv4(clientIp)) throw usage(`--client-ip: ${JSON.stringify(clientIp.slice(0, 60))} is no IPv4 address`);
  const tenant = wholeNumberOption(values, 'tenant', { min: 0, max: 1 });
  return {
    ...(clientIp === undefined ? {} : { clientIp }),
    kind: choiceOption(values, 'kind', ['unicast', 'multicast']),
    ...(tenant === undefined ? {} : { tenant }),
    connect: isOn(values, 'connect'),
  };
}

function readUser(word: string): string {
  if (isAddress(word) || isIpv4(word)) return word;
  throw usage(`${JSON.stringify(word.slice(0, 60))} is no public key and no client address`);
}

/** `kind=slow delayMs=500`: a value is JSON, or else the text itself. */
function readPairs(pairs: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usage(`${JSON.stringify(pair.slice(0, 60))} is not NAME=VALUE`);
      return [pair.slice(0, at), parseValue(pair.slice(at + 1))];
    }),
  );
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What is asked of a localnet that runs. */
export interface DriveOptions {
  /** Of its ledger. */
  readonly rpcUrl: string;
  /** One after the other; the answer of the last is printed. */
  readonly requests: readonly Request[];
  readonly output: 'table' | 'json';
}

export const DEFAULT_RPC_URL = 'http://127.0.0.1:8899';

/** Options of every command that drives a localnet. */
export const DRIVE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'rpc-url': { type: 'string', value: 'URL', describe: `Where its ledger is, ${DEFAULT_RPC_URL} by default` },
  output: { type: 'string', value: 'table|json', describe: 'A table for people, or what the ledger answered' },
};

export const USER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'client-ip': { type: 'string', value: 'IP', describe: 'user create: the client address, the next free one by default' },
  kind: { type: 'string', value: 'unicast|multicast', describe: 'user create: the kind of user' },
  tenant: { type: 'string', value: '0|1', describe: 'user create: which of the two tenants' },
  connect: { type: 'boolean', describe: 'user create: connect it, too' },
  'rtt-us': { type: 'string', value: 'US', describe: 'user connect: the round-trip time in microseconds' },
};

export type DrivingCommand = 'user' | 'device' | 'faults' | 'snapshot';

/** What the words that follow the command are called. */
export const argumentOf = (command: DrivingCommand): 'file' | 'verb' => (command === 'snapshot' ? 'file' : 'verb');

const verbsOf = (command: DrivingCommand): readonly (readonly [string, Verb])[] =>
  Object.entries(VERBS).filter(([name]) => name.split(' ')[0] === command);

/** What may follow the command, a line each; of `snapshot` what the file is. */
export function verbsHelp(command: DrivingCommand): string {
  if (command === 'snapshot') return 'where the state goes, for `start --restore`';
  const lines = verbsOf(command).map(([name, { takes, describe }]) => {
    const words = `${name.slice(command.length)} ${takes}`.trim();
    return `${words.padEnd(34)} ${describe}`;
  });
  return `one of\n${lines.join('\n')}`;
}

/** Throws AgentError `CONFIG__USAGE`. */
export function readDriveOptions(command: DrivingCommand, values: OptionValues): DriveOptions {
  const words = [command, ...(textOption(values, argumentOf(command))?.split('\n') ?? [])];
  const [name, verb] = findVerb(command, words);
  const stray = Object.keys(values).find(
    (key) => isGiven(values, key) && ![...Object.keys(DRIVE_OPTIONS), argumentOf(command), ...(verb.options ?? [])].includes(key),
  );
  if (stray !== undefined) throw usage(`--${stray} does not go with \`dzd-localnet ${name}\``);
  const given = words.slice(name.split(' ').length);
  const [least, most] = verb.count;
  if (given.length < least || given.length > most)
    throw usage(`expected \`dzd-localnet ${name}${verb.takes === '' ? '' : ` ${verb.takes}`}\``);
  return {
    rpcUrl: readUrl(textOption(values, 'rpc-url') ?? DEFAULT_RPC_URL),
    requests: verb.requests(given, values),
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

function findVerb(command: DrivingCommand, words: readonly string[]) {
  const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(VERBS, candidate));
  const verb = name === undefined ? undefined : VERBS[name];
  if (name !== undefined && verb !== undefined) return [name, verb] as const;
  if (words.length === 1) throw usage(`${command} takes one of ${verbsOf(command).map(verbWord).join(', ')}`);
  const text = words.slice(0, 2).join(' ').slice(0, 60);
  const near = nearest(text, Object.keys(VERBS));
  const hint = near === undefined ? `see \`dzd-localnet ${command} --help\`` : `did you mean "${near}"?`;
  throw usage(`unknown command ${JSON.stringify(text)}, ${hint}`);
}

const verbWord = ([name]: readonly [string, Verb]): string => name.split(' ').slice(1).join(' ');

const isGiven = (values: OptionValues, key: string): boolean => isOn(values, key) || typeof values[key] === 'string';

function readUrl(text: string): string {
  const isHttp = URL.canParse(text) && new URL(text).protocol === 'http:';
  if (!isHttp) throw usage(`--rpc-url: expected an address such as ${DEFAULT_RPC_URL}`);
  return text;
}

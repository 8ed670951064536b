import { existsSync } from 'node:fs';
import {
  type CommandBody,
  choiceOption,
  durationOption,
  type Example,
  isOn,
  type OptionSpec,
  type OptionValues,
  textOption,
  usage,
  type VerbHelp,
  wholeNumberOption,
} from '../src/cli/command.ts';
import { loadKeypair, nearest } from '../src/config/index.ts';
import { AgentError } from '../src/lib/index.ts';
import { type Address, DeviceStatus, type Ipv4, isAddress, isIpv4 } from '../src/serviceability/index.ts';
import type { LedgerProgram } from './ledger/index.ts';

export interface LocalnetOptions {
  /** Number of users of the device. */
  readonly users: number;
  /** TCP and UDP ports on loopback; 0: any free port; absent: the default port, or a free one when that is taken. */
  readonly rpcPort?: number;
  readonly eapiPort?: number;
  readonly snmpPort?: number;
  readonly grpcPort?: number;
  /** TCP port of a state-ingest server on loopback, 0 for any; absent: there is none. */
  readonly stateIngestPort?: number;
  /** PEM files for HTTPS. */
  readonly eapiTls?: { readonly keyFile: string; readonly certFile: string };
  /** Path of the eAPI socket; absent: one in a temporary folder. */
  readonly eapiSocket?: string;
  /** static: users connect and stay; churn: they connect, flap and leave. */
  readonly scenario: 'static' | 'churn';
  /**
   * rfc11: RFC-11 as drafted, with RFC-19; deployed: the program and the accounts of a network today; legacy: RFC-11's program on those accounts,
   * before its migration.
   */
  readonly program: LedgerProgram;
  /** Slots of an epoch, with which access passes end; absent: 432,000. */
  readonly slotsPerEpoch?: number;
  /** Key file of the device's metrics publisher; absent: a new one in a temporary folder. */
  readonly keypair?: string;
  /** A file written by `dzd-localnet snapshot`, as the initial state. */
  readonly restore?: string;
  /** A YAML file with the initial world. */
  readonly genesis?: string;
  readonly output: 'table' | 'json';
}

export type LocalnetBody = CommandBody<LocalnetOptions>;

/** Maximum users of a device: its tunnel ids, as deployed and in RFC-11. */
const MAX_USERS = 4_096;
const MAX_USERS_OF_RFC11 = 3_596;
export const DEFAULT_USERS = 24;

export function readLocalnetOptions(values: OptionValues): LocalnetOptions {
  const port = (name: string): number | undefined => wholeNumberOption(values, name, { min: 0, max: 65_535 });
  const [keyFile, certFile] = [textOption(values, 'eapi-key'), textOption(values, 'eapi-cert')];
  if ((keyFile === undefined) !== (certFile === undefined)) {
    throw new AgentError('CONFIG__USAGE', {
      problem: '--eapi-key and --eapi-cert require each other: pass both for HTTPS, or neither for HTTP',
    });
  }
  const restore = textOption(values, 'restore');
  const genesis = textOption(values, 'genesis');
  if (restore !== undefined && genesis !== undefined) throw usage('--restore and --genesis exclude each other');
  if ((restore ?? genesis) !== undefined && values.users !== undefined) {
    throw usage(`--users cannot be combined with --${restore === undefined ? 'genesis' : 'restore'}, which defines the users`);
  }
  if (restore !== undefined && values.program !== undefined) throw usage('--program cannot be combined with --restore, which defines it');
  const users = wholeNumberOption(values, 'users', { min: 0, max: MAX_USERS }) ?? DEFAULT_USERS;
  const program = choiceOption(values, 'program', ['rfc11', 'deployed', 'legacy']);
  if (program === 'rfc11' && users > MAX_USERS_OF_RFC11) {
    throw usage(`--users: a device has ${MAX_USERS_OF_RFC11} tunnel ids in RFC-11; take fewer users, or --program deployed`);
  }
  return {
    users,
    rpcPort: port('rpc-port'),
    eapiPort: port('eapi-port'),
    snmpPort: port('snmp-port'),
    grpcPort: port('grpc-port'),
    eapiTls: keyFile === undefined || certFile === undefined ? undefined : { keyFile, certFile },
    stateIngestPort: port('state-ingest-port'),
    eapiSocket: textOption(values, 'eapi-socket'),
    scenario: choiceOption(values, 'scenario', ['static', 'churn']),
    program,
    slotsPerEpoch: wholeNumberOption(values, 'slots-per-epoch', { min: 32, max: 432_000 }),
    keypair: textOption(values, 'keypair'),
    restore,
    genesis,
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

export interface DemoOptions {
  readonly users: number;
  /** Duration, milliseconds; absent: until stopped. */
  readonly forMs?: number;
  readonly output: 'table' | 'json';
  /** The same seed gives the same users, flaps and faults; absent: a new one. */
  readonly seed?: number;
}

export type DemoBody = CommandBody<DemoOptions>;

/** As many as fit on a screen. */
export const DEMO_DEFAULT_USERS = 24;

export function readDemoOptions(values: OptionValues): DemoOptions {
  return {
    users: wholeNumberOption(values, 'users', { min: 1, max: MAX_USERS_OF_RFC11 }) ?? DEMO_DEFAULT_USERS,
    forMs: durationOption(values, 'for'),
    output: choiceOption(values, 'output', ['table', 'json']),
    seed: wholeNumberOption(values, 'seed', { min: 0, max: 4_294_967_295 }),
  };
}

export interface MigrateDemoOptions {
  /** Users of the network before its migration, in addition to those that are pending. */
  readonly users: number;
  readonly output: 'table' | 'json';
}

export type MigrateDemoBody = CommandBody<MigrateDemoOptions>;

export const MIGRATE_DEMO_USERS = 200;

export function readMigrateDemoOptions(values: OptionValues): MigrateDemoOptions {
  return {
    users: wholeNumberOption(values, 'users', { min: 30, max: MAX_USERS }) ?? MIGRATE_DEMO_USERS,
    output: choiceOption(values, 'output', ['table', 'json']),
  };
}

export interface Request {
  readonly method: string;
  /** The method's parameter object. `user` may be a client address; `needsDevice` adds `device`. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly needsDevice?: boolean;
  /** Writes the result to this file instead of standard output. */
  readonly file?: string;
  /** Signs and sends CreateAndActivateUser instead of calling a method. */
  readonly customer?: CustomerRequest;
}

/** A user that a customer creates with its own pass. */
export interface CustomerRequest {
  /** Its key file. */
  readonly keypair: string;
  readonly clientIp: Ipv4;
  readonly isMulticast: boolean;
  readonly connect: boolean;
}

interface Verb {
  /** Its arguments, for help. */
  readonly takes: string;
  readonly describe: string;
  /** Minimum and maximum number of arguments. */
  readonly count: readonly [number, number];
  /** Its options, in addition to the common ones. */
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
const IDLE_REASONS = ['Admin', 'NoInterface', 'MaxPath'] as const;

const ofUsers = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: 'USER…',
  count: [1, ANY],
  requests: (words) => words.map((word) => ({ method, params: { user: readUser(word) } })),
});

const ofCode = (method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: 'CODE',
  count: [1, 1],
  requests: ([code = '']) => [{ method, params: { code } }],
});

/** Deletes the account of one of these. */
const deletion = (what: 'link' | 'group' | 'device', method: string): Pick<Verb, 'takes' | 'count' | 'requests'> => ({
  takes: what.toUpperCase(),
  count: [1, 1],
  requests: ([word = '']) => [{ method, params: { [what]: readKey(word) } }],
});

/** The commands for a running localnet. USER is a public key or a client address. */
const VERBS: Readonly<Record<string, Verb>> = {
  'user list': { describe: 'list the users', ...show('localnet_users') },
  'user create': {
    takes: '',
    count: [0, 0],
    describe: 'create a user, by CreateAndActivateUser',
    options: ['client-ip', 'kind', 'tenant', 'connect', 'keypair'],
    requests: (_, values) => newUser(values),
  },
  'user delete': { describe: 'delete users, by DeleteUser', ...ofUsers('localnet_deleteUser') },
  'user ban': { describe: 'ban users, by BanUser', ...ofUsers('localnet_banUser') },
  'user connect': {
    takes: 'USER',
    count: [1, 1],
    describe: 'bring its BGP session up',
    options: ['rtt-us'],
    requests([word = ''], values) {
      const rttUs = wholeNumberOption(values, 'rtt-us', { min: 0, max: LONGEST_RTT_US });
      return [{ method: 'localnet_connectUser', params: { user: readUser(word), rttUs } }];
    },
  },
  'user disconnect': {
    takes: 'USER',
    count: [1, 1],
    describe: 'take its BGP session down',
    options: ['reason'],
    requests([word = ''], values) {
      const reason = values.reason === undefined ? undefined : choiceOption(values, 'reason', IDLE_REASONS);
      return [{ method: 'localnet_disconnectUser', params: { user: readUser(word), reason } }];
    },
  },
  'device show': { describe: 'show the device', ...show('localnet_device') },
  'device publisher': {
    takes: 'PUBKEY',
    count: [1, 1],
    describe: 'set the metrics publisher',
    requests([word = '']) {
      if (!isAddress(word)) throw usage(`${JSON.stringify(word.slice(0, 60))} is not a public key`);
      return [{ method: 'localnet_changeDevice', params: { metricsPublisher: word }, needsDevice: true }];
    },
  },
  'device status': {
    takes: 'NAME',
    count: [1, 1],
    describe: 'set the status: activated, drained, …',
    requests([word = '']) {
      const found = Object.entries(DeviceStatus).find(([name]) => name === word);
      if (found === undefined) throw usage(`device status: expected ${Object.keys(DeviceStatus).join(', ')}`);
      return [{ method: 'localnet_changeDevice', params: { status: found[1] }, needsDevice: true }];
    },
  },
  'device create': {
    ...ofCode('localnet_addDevice'),
    describe: 'create a device, on the ledger only',
  },
  'device delete': { ...deletion('device', 'localnet_deleteDevice'), describe: 'delete a device that was created so, by DeleteDevice' },
  'pass create': {
    takes: 'PAYER',
    count: [1, 1],
    describe: 'create the access pass of a key, which gets 10 SOL if it has none',
    options: ['client-ip', 'epochs', 'max-users'],
    requests: ([word = ''], values) => [
      {
        method: 'localnet_createPass',
        params: {
          userPayer: readKey(word),
          clientIp: clientIpIn(values),
          epochs: wholeNumberOption(values, 'epochs', { min: 0, max: 1_000_000 }),
          maxUsers: wholeNumberOption(values, 'max-users', { min: 0, max: 65_535 }),
        },
      },
    ],
  },
  'pass expire': {
    takes: 'PASS',
    count: [1, 1],
    describe: 'end an access pass with the epoch before this one',
    requests: ([word = '']) => [{ method: 'localnet_expirePass', params: { pass: readKey(word) } }],
  },
  'contributor create': {
    takes: 'CODE OWNER',
    count: [2, 2],
    describe: 'create a contributor of a key',
    requests: ([code = '', owner = '']) => [{ method: 'localnet_createContributor', params: { code, owner: readKey(owner) } }],
  },
  'location create': { ...ofCode('localnet_createLocation'), describe: 'create a location' },
  'exchange create': { ...ofCode('localnet_createExchange'), describe: 'create an exchange' },
  'link create': {
    takes: 'CODE DEVICE DEVICE',
    count: [3, 3],
    describe: 'create a link between two devices, by CreateAndActivateLink',
    requests: ([code = '', a = '', z = '']) => [
      { method: 'localnet_createLink', params: { code, deviceA: readKey(a), deviceZ: readKey(z) } },
    ],
  },
  'link delete': { ...deletion('link', 'localnet_deleteLink'), describe: 'delete a link, by DeleteLink' },
  'interface create': {
    takes: 'NAME [DEVICE]',
    count: [1, 2],
    describe: 'create an interface, by CreateAndActivateInterface; a loopback if its name says so',
    options: ['with-address'],
    requests([name = '', device], values) {
      const kind = /^lo/i.test(name) ? 'loopback' : 'physical';
      const params = { name, kind, withAddress: isOn(values, 'with-address') };
      const method = 'localnet_createInterface';
      return [device === undefined ? { method, params, needsDevice: true } : { method, params: { ...params, device: readKey(device) } }];
    },
  },
  'interface delete': {
    takes: 'NAME [DEVICE]',
    count: [1, 2],
    describe: 'delete an interface, by DeleteInterface',
    requests([name, device]) {
      const method = 'localnet_deleteInterface';
      return [
        device === undefined ? { method, params: { name }, needsDevice: true } : { method, params: { name, device: readKey(device) } },
      ];
    },
  },
  'group create': { ...ofCode('localnet_createGroup'), describe: 'create a multicast group, by CreateAndActivateMulticastGroup' },
  'group delete': { ...deletion('group', 'localnet_deleteGroup'), describe: 'delete a multicast group, by DeleteMulticastGroup' },
  'device reboot': { describe: 'reboot the switch: every session goes down', ...show('localnet_rebootSwitch') },
  snapshot: {
    takes: 'FILE',
    count: [1, 1],
    describe: 'write the state to a file, for --restore',
    requests: ([file = '']) => [{ method: 'localnet_snapshot', params: {}, file }],
  },
  'faults show': {
    takes: 'ledger|switch',
    count: [1, 1],
    describe: 'show the active faults',
    requests: ([side]) => [{ method: side === 'ledger' ? 'localnet_faults' : switchOr(side, 'localnet_switchFaults'), params: {} }],
  },
  'faults set': {
    takes: 'ledger|switch NAME=VALUE…',
    count: [2, ANY],
    describe: 'set faults (docs/localnet.md); values are JSON',
    requests: ([side, ...pairs]) => [
      { method: side === 'ledger' ? 'localnet_setFaults' : switchOr(side, 'localnet_beginSwitchFault'), params: readPairs(pairs) },
    ],
  },
  'faults clear': {
    takes: '[ledger|switch]',
    count: [0, 1],
    describe: 'end all faults',
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
  throw usage(`expected ledger or switch, not ${JSON.stringify(side?.slice(0, 60))}`);
}

function newUser(values: OptionValues): readonly Request[] {
  const clientIp = clientIpIn(values);
  const kind = choiceOption(values, 'kind', ['unicast', 'multicast']);
  const tenant = wholeNumberOption(values, 'tenant', { min: 0, max: 1 });
  const connect = isOn(values, 'connect');
  const keypair = textOption(values, 'keypair');
  if (keypair === undefined) return [{ method: 'localnet_addUser', params: { clientIp, kind, tenant, connect } }];
  if (clientIp === undefined || tenant !== undefined) throw usage('user create: --keypair needs --client-ip, and takes no --tenant');
  return [{ method: 'sendTransaction', params: {}, customer: { keypair, clientIp, isMulticast: kind === 'multicast', connect } }];
}

function clientIpIn(values: OptionValues): Ipv4 | undefined {
  const clientIp = textOption(values, 'client-ip');
  if (clientIp === undefined || isIpv4(clientIp)) return clientIp;
  throw usage(`--client-ip: ${JSON.stringify(clientIp.slice(0, 60))} is not an IPv4 address`);
}

/** A public key, or that of a key file. */
function readKey(word: string): Address {
  if (isAddress(word)) return word;
  if (existsSync(word)) return loadKeypair(word).keypair.address;
  throw usage(`${JSON.stringify(word.slice(0, 60))} is neither a public key nor a key file`);
}

function readUser(word: string): string {
  if (isAddress(word) || isIpv4(word)) return word;
  throw usage(`${JSON.stringify(word.slice(0, 60))} is neither a public key nor a client address; \`dzd-localnet user list\` lists both`);
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

/** Requests to a running localnet. */
export interface DriveOptions {
  /** URL of its ledger. */
  readonly rpcUrl: string;
  /** Sent in order; the last result is printed. */
  readonly requests: readonly Request[];
  readonly output: 'table' | 'json';
}

export const DEFAULT_RPC_URL = 'http://127.0.0.1:8899';

/** Options of all commands for a running localnet. */
export const DRIVE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'rpc-url': { type: 'string', value: 'URL', describe: `URL of its ledger, ${DEFAULT_RPC_URL} by default` },
  output: { type: 'string', value: 'table|json', describe: 'A table, or the JSON result of the ledger' },
};

export const USER_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'client-ip': { type: 'string', value: 'IP', describe: 'user create: the client address, the next free one by default' },
  kind: { type: 'string', value: 'unicast|multicast', describe: 'user create: the kind of user' },
  tenant: { type: 'string', value: '0|1', describe: 'user create: which of the two tenants' },
  connect: { type: 'boolean', describe: 'user create: connect it, too' },
  reason: {
    type: 'string',
    value: IDLE_REASONS.join('|'),
    describe: 'user disconnect: the switch keeps the session in the state Idle, and why',
  },
  keypair: { type: 'string', value: 'FILE', describe: 'user create: as the customer with this key file, with its own access pass' },
  'rtt-us': { type: 'string', value: 'US', describe: 'user connect: the round-trip time in microseconds' },
};

export const PASS_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'client-ip': { type: 'string', value: 'IP', describe: 'pass create: the only client address; any by default' },
  epochs: { type: 'string', value: 'N', describe: 'pass create: valid for so many epochs after this one; without end by default' },
  'max-users': { type: 'string', value: 'N', describe: 'pass create: users of each kind, 65535 by default' },
};

export const INTERFACE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'with-address': { type: 'boolean', describe: 'interface create: give a loopback a DoubleZero address' },
};

export type DrivingCommand =
  | 'user'
  | 'device'
  | 'pass'
  | 'contributor'
  | 'location'
  | 'exchange'
  | 'link'
  | 'interface'
  | 'group'
  | 'faults'
  | 'snapshot';

/** The name of the command's argument. */
export const argumentOf = (command: DrivingCommand): 'file' | 'verb' => (command === 'snapshot' ? 'file' : 'verb');

const verbsOf = (command: DrivingCommand): readonly (readonly [string, Verb])[] =>
  Object.entries(VERBS).filter(([name]) => name.split(' ')[0] === command);

/** The help of each verb; its examples are those of the command that begin with it. */
export function verbsIn(command: DrivingCommand, examples: readonly Example[]): Readonly<Record<string, VerbHelp>> {
  const helps = verbsOf(command).map(([name, { takes, describe, options = [] }]) => {
    const own = examples.filter(([line]) => line === name || line.startsWith(`${name} `));
    const sentence = `${describe.charAt(0).toUpperCase()}${describe.slice(1)}.`;
    return [
      name.slice(command.length + 1),
      { takes, describe: sentence, options: [...Object.keys(DRIVE_OPTIONS), ...options], examples: own },
    ] as const;
  });
  return Object.fromEntries(helps.filter(([word]) => word !== ''));
}

/** The command's verbs, one per line; for `snapshot` its file. */
export function verbsHelp(command: DrivingCommand): string {
  if (command === 'snapshot') return 'file for the state, for `start --restore`';
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
  if (stray !== undefined) throw usage(`--${stray} is not an option of \`dzd-localnet ${name}\``);
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
